"""What a step leaves for the steps after it, and for the log."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ttci.errors import InputError
from ttci.report.annotations import escape_data


def write_outputs(values: Mapping[str, object]) -> None:
    """Append outputs of this step to GITHUB_OUTPUT; a value may have any text, line breaks too.

    Raises:
        InputError: this is no step of a workflow.
    """
    path = os.environ.get("GITHUB_OUTPUT")
    if not path:
        raise InputError("GITHUB_OUTPUT is not set: this is for a step of a GitHub workflow; use ttci run")
    with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
        for name, value in values.items():
            end = f"ttci_{secrets.token_hex(16)}"  # nobody who writes a value can guess it
            file.write(f"{name}<<{end}\n{value}\n{end}\n")


@contextmanager
def commands_stopped() -> Iterator[None]:
    """What is printed meanwhile is text to GitHub's runner, whatever it looks like."""
    token = secrets.token_hex(16)
    print(f"::stop-commands::{token}", flush=True)
    try:
        yield
    finally:
        print(f"\n::{token}::", flush=True)


def print_error(message: str) -> None:
    """Print `message` as an annotation of the run."""
    print(f"::error title=ttci::{escape_data(message)}", flush=True)


def print_warning(message: str) -> None:
    """Print `message` as an annotation of the run that is no failure."""
    print(f"::warning title=ttci::{escape_data(message)}", flush=True)
