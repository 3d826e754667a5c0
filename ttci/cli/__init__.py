"""The ``ttci`` command: a module a command."""
