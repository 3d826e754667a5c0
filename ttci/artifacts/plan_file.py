"""plan.json: which pairs were to run, and which were left out; it lies beside their folders.

A pair that is planned and left nothing is an error of the report, not an absence.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from filelock import FileLock
from pydantic import BaseModel, ConfigDict, ValidationError

from ttci.artifacts import names
from ttci.artifacts.bounded import read_bounded
from ttci.errors import InputError, MachineryError, quoted
from ttci.files import write_whole
from ttci.manifest import Pair

SCHEMA = 1


class LeftOut(BaseModel):
    """A pair that was chosen and does not run, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pair: str
    reason: str


class Planned(BaseModel):
    """The pairs that were to run, and those that were left out."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=lambda name: name.rstrip("_"),
    )

    schema_: Literal[1] = 1
    pairs: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    def __or__(self, other: Planned) -> Planned:
        """Both plans; a pair that either of them runs is not left out."""
        pairs = tuple(dict.fromkeys(self.pairs + other.pairs))
        by_pair = {entry.pair: entry for entry in self.left_out + other.left_out}
        return Planned(
            pairs=pairs, left_out=tuple(entry for pair, entry in by_pair.items() if pair not in pairs)
        )


def write_planned(
    folder: Path, pairs: Iterable[object], left_out: Iterable[tuple[object, str | None]]
) -> None:
    """Add to the plan.json of `folder` what is about to run there, and what is not.

    What it held stays: pairs may be run one after the other, by several processes. One
    that cannot be read is replaced.
    """
    own = Planned(
        pairs=tuple(map(str, pairs)),
        left_out=tuple(LeftOut(pair=str(pair), reason=reason or "") for pair, reason in left_out),
    )
    path = folder / names.PLAN
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{names.PLAN}.lock"):
        with suppress(MachineryError):  # it is not there yet, or torn
            own = read_planned(path) | own
        write_whole(path, [own.model_dump_json(by_alias=True, indent=2)])


def read_planned(path: Path) -> Planned:
    """Read a plan.json.

    Raises:
        MachineryError: where it is torn, newer, or names what is no pair.
    """
    content = read_bounded(path, path.parent)
    try:
        planned = Planned.model_validate_json(content)
    except ValidationError as error:
        raise MachineryError(f"{path}: {_why_not(error)}") from None
    for pair in planned.pairs:
        try:
            Pair.parse(pair)
        except InputError as error:
            raise MachineryError(f"{path}: {error}") from None
    return planned


def _why_not(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"]))
    if where == "schema" and isinstance(first["input"], int) and first["input"] > SCHEMA:
        return f"written by a newer ttci (schema {first['input']}, this one reads {SCHEMA}); upgrade ttci"
    return f"not a plan: {quoted(where)}: {first['msg']}" if where else f"not a plan: {first['msg']}"
