"""The identity of a check: ``llama3@n150/llama3_8b_attention[performance]``.

One string, the same in pytest ids, JUnit, benchmark JSON, run.json, annotations
and history. This module is the only place that parses and prints it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ttci.errors import InputError, quoted

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$"  # of a model or a device
_PAIR = re.compile(r"(?P<model>[A-Za-z0-9][\w.+-]*)@(?P<device>[A-Za-z0-9][\w.+-]*)", re.ASCII)
_IDENTITY = re.compile(rf"{_PAIR.pattern}/(?P<test>.+)\[(?P<check>\w+)\]", re.ASCII)
_UNFIT_FOR_A_TEST_NAME = re.compile(r"[\[\]\x00-\x1f\x7f-\x9f\u2028\u2029]|::|^\s|\s$|^$")


@dataclass(frozen=True, order=True)
class Pair:
    """A model on a device, ``llama3@n150``: the unit of fan-out and of a report folder."""

    model: str
    device: str

    def __str__(self) -> str:
        return f"{self.model}@{self.device}"

    @classmethod
    def parse(cls, text: str) -> Pair:
        """Read ``model@device``.

        Raises:
            InputError: when it is not of that form.
        """
        match = _PAIR.fullmatch(text)
        if not match:
            raise InputError(f"{quoted(text)} is not a pair; write it as model@device, like llama3@cpu")
        return cls(**match.groupdict())


@dataclass(frozen=True, order=True)
class Identity:
    """One check of one test on one pair."""

    pair: Pair
    test: str
    check: str

    def __str__(self) -> str:
        return f"{self.pair}/{self.test}[{self.check}]"

    @classmethod
    def parse(cls, text: str) -> Identity:
        """Read ``model@device/test[check]``.

        Raises:
            InputError: when it is not of that form.
        """
        match = _IDENTITY.fullmatch(text)
        if not match:
            raise InputError(f"{quoted(text)} is not an identity; write it as model@device/test[check]")
        return cls(Pair(match["model"], match["device"]), match["test"], match["check"])


# What follows takes one apart without checking it, as a large report holds 100,000 of them.


def pair_of(identity: str) -> str:
    """``model@device`` of an identity."""
    return identity.partition("/")[0]


def check_of(identity: str) -> str:
    """``test[check]`` of an identity, without its pair."""
    return identity.partition("/")[2]


def test_of(identity: str) -> str:
    """``model@device/test`` of an identity, without its check."""
    return identity.rpartition("[")[0]


def model_and_device(pair: str) -> tuple[str, str]:
    """Both names of a pair."""
    model, _, device = pair.partition("@")
    return model, device


def fits_as_test_name(name: str) -> bool:
    """Whether `name` can stand in an identity: printable, no brackets, no ``::``."""
    return not _UNFIT_FOR_A_TEST_NAME.search(name)


def model_name_from(text: str) -> str:
    """A name for a model that no manifest names, made from its class or file name."""
    return re.sub(r"[^A-Za-z0-9_.+-]", "-", text).lstrip("_.+-") or "model"
