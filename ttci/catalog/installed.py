"""What installed packages add: the entry points of a group, read once a process."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from operator import attrgetter
from typing import Any

from ttci.errors import InputError, describe, quoted

CHECKS = "ttci.checks"
DEVICES = "ttci.devices"


@cache
def installed(group: str) -> dict[str, str]:
    """By name, where each entry point of `group` says that its object is: ``package.module:name``.

    Of two packages that give the same name, the first on Python's path wins, as in imports.
    """
    from importlib.metadata import entry_points  # as long as reading a manifest

    found: dict[str, str] = {}
    for entry in entry_points(group=group):
        found.setdefault(entry.name, entry.value)
    return found


def load(kind: str, name: str, place: str) -> Any:
    """The object at `place`, which is ``package.module:name``; `kind` and `name` are for messages.

    Raises:
        InputError: it cannot be imported.
    """
    module, _, attribute = place.partition(":")
    try:
        return attrgetter(attribute)(import_module(module))
    except (Exception, SystemExit) as error:  # an installed package may raise anything
        what = f"{kind} {quoted(name)} of an installed package: {place}: {describe(error)}"
        raise InputError(f"{what}; correct the package, or uninstall it") from error
