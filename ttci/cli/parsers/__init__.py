"""What each command of ``ttci`` takes: its arguments and their help, and nothing of what it does."""
