"""``ttci`` and ``python -m ttci``."""

import gc
import sys


def main() -> int:
    """Run the command line; returns the exit code."""
    # Importing makes many objects and no garbage: looking for some takes a tenth of a short command.
    gc.set_threshold(50_000)
    from ttci.cli.main import main as run

    return run(sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
