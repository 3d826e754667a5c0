"""``python -m ttci``: the same as the ``ttci`` command."""

from ttci.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
