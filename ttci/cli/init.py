"""``ttci init``: begin with ttci in a repository."""

from __future__ import annotations

from argparse import Namespace

from ttci.errors import ExitCode


def init(options: Namespace) -> ExitCode:
    """Write the manifest, the noxfile and the workflow, and print what was done."""
    from ttci.setup.write import set_up

    for line in set_up(options.source, example=options.example):
        print(line)
    return ExitCode.OK
