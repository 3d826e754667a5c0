"""What the Python files of a repository say, read and not run."""
