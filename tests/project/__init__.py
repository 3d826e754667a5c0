"""What is about the whole tree: its floors and rooms, its documents, its models, its wheel."""
