"""ended.json: how a pair ended that could leave no run.json, and why.

A device that is not available, a wrong argument: the process ends before there is any
result, and its reason would stand in log.txt alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from ttci.artifacts import names
from ttci.artifacts.bounded import read_bounded
from ttci.errors import ExitCode, MachineryError, encodable
from ttci.files import write_whole


class Ended(BaseModel):
    """How a pair ended, and why; never well."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", populate_by_name=True, alias_generator=lambda name: name.rstrip("_")
    )

    schema_: Literal[1] = 1
    pair: str
    exit_code: Literal[2, 3, 4, 5]  # an ExitCode; OK and FAILED have results
    reason: str


def write_ended(folder: Path, pair: str, exit_code: int, reason: str) -> None:
    """Leave in a pair's folder the exit code that it ended with, and why there is no run.json."""
    is_known = exit_code in (ExitCode.BAD_INPUT, ExitCode.UNAVAILABLE, ExitCode.NOTHING_MATCHED)
    code = exit_code if is_known else ExitCode.MACHINERY  # well, or failed, is none without results
    ended = Ended.model_validate({"pair": encodable(pair), "exit_code": code, "reason": encodable(reason)})
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / names.ENDED, [ended.model_dump_json(by_alias=True)])


def read_ended(path: Path) -> Ended:
    """Read an ended.json.

    Raises:
        MachineryError: when it is torn, or says that all was well.
    """
    content = read_bounded(path, path.parent)
    try:
        return Ended.model_validate_json(content)
    except ValidationError as error:
        raise MachineryError(f"{path}: not an ended.json: {error.errors()[0]['msg']}") from None
