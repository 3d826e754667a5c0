"""The checks there are: ttci's own, and those of installed packages.

A check is one class, `ttci.checks.protocol.Check`, and one row: in `BUILT_IN`, or an entry
point of the group ``ttci.checks`` in another package, ``name = "package.module:Class"``. What
there is to know of a check without making it are attributes of its class, so that the light
floor can ask for them: a module of a check imports torch in functions only.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from functools import cache
from typing import ClassVar

from ttci.catalog import installed
from ttci.errors import InputError, quoted

BUILT_IN = {
    "correctness": "ttci.checks.kinds.correctness:Correctness",
    "gradients": "ttci.checks.kinds.gradients:Gradients",
    "performance": "ttci.checks.kinds.performance:Performance",
    "memory": "ttci.checks.kinds.memory:Memory",
}
_NAME = re.compile(r"\w+", re.ASCII)  # as an identity has room for


class Capability(Enum):
    """Something a check needs and not every device has."""

    NUMBERS = auto()
    TIMING = auto()  # its latency means something
    MEMORY = auto()
    AUTOGRAD = auto()
    LIMIT = auto()  # what a forward pass must at least take can be told; no check needs it


class CheckFacts:
    """What is known of a check without making it.

    Attributes:
        title: the question that it answers.
        advice: what to do where it fails.
        needs: what its device must be capable of; one that needs `TIMING` is given a timer.
        runs_alone: nothing may run beside it, as nothing may beside one that is given a timer.
        of_modules_only: it is made neither of decode steps nor of kernels.
        on_few_tokens: it takes as few tokens as the module does, and has a precision of its own.
        by_tolerance: the test's tolerance is its measure, and stands in its result.
        comes_with: the check that it is made along with where a target of its own is set.
    """

    title: ClassVar[str]
    advice: ClassVar[str]
    needs: ClassVar[Capability | None] = None
    runs_alone: ClassVar[bool] = False
    of_modules_only: ClassVar[bool] = False
    on_few_tokens: ClassVar[bool] = False
    by_tolerance: ClassVar[bool] = False
    comes_with: ClassVar[str | None] = None


@cache
def check_names() -> tuple[str, ...]:
    """Every check there is, in the order in which they are made.

    Raises:
        InputError: an installed package gives one a name that it cannot have.
    """
    own = installed.installed(installed.CHECKS)
    for name, place in own.items():
        if name in BUILT_IN:
            raise InputError(f"{_shown(name, place)}: ttci has one of this name; give it another")
        if not _NAME.fullmatch(name):
            raise InputError(f"{_shown(name, place)}: write its name in letters, digits and '_'")
    return (*BUILT_IN, *own)


@cache
def check_class(name: str) -> type[CheckFacts]:
    """The class of a check.

    Raises:
        InputError: its package cannot be imported, or it is no class of a check.
    """
    place = BUILT_IN.get(name) or installed.installed(installed.CHECKS)[name]
    found = installed.load("check", name, place)
    if not (isinstance(found, type) and issubclass(found, CheckFacts)):
        raise InputError(f"{_shown(name, place)} is no class derived from ttci.checks.protocol.Check")
    return found


def load_checks() -> None:
    """Import every check, so that one that cannot be used is told of before any is made."""
    for name in check_names():
        check_class(name)


def checks_alone() -> tuple[str, ...]:
    """Those that nothing may run beside."""
    return tuple(check for check in check_names() if _runs_alone(check))


def checks_shared() -> tuple[str, ...]:
    """Those that several processes may share."""
    return tuple(check for check in check_names() if not _runs_alone(check))


def _runs_alone(check: str) -> bool:
    return check_class(check).runs_alone or needs_timer(check)


def needs_timer(check: str) -> bool:
    """Whether it times a call."""
    return check_class(check).needs is Capability.TIMING


def _shown(name: str, place: str) -> str:
    return f"check {quoted(name)} of an installed package: {place}"
