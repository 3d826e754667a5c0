"""A corpus of right and wrong architectures: what ttci must pass, and what it must catch."""
