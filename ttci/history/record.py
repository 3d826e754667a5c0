"""What of a run history keeps, and under which name.

A record is a run.json: the same schema, read by the same reader, with what only a person
reading that one run needs left out. Its id is made from what was measured, so that a run
that comes twice is one, whatever its file is called.
"""

from __future__ import annotations

import hashlib
import json
import re

from ttci.catalog.units import is_of_time
from ttci.errors import InputError, MachineryError, quoted
from ttci.history.series import in_utc
from ttci.manifest import Pair
from ttci.results import SCHEMA, Fidelity, Measurement, Result, Run, parse_run

MOST_BYTES = 64 * 2**20  # of one file
_ID_LENGTH = 16  # hexadecimal digits
# What is on a branch or in a folder may come from anybody: no other name is ever read or written.
_FILE_NAME = re.compile(
    r"runs/[A-Za-z0-9][\w.+-]*@[A-Za-z0-9][\w.+-]*/\d{4}-\d{2}/\d{8}T\d{6}-[0-9a-f]{16}\.json", re.ASCII
)
_LOCAL = ("declared_at", "targets_at")  # of a result's config: where in a repository, not what
_TIMED = (Fidelity.REFERENCE, Fidelity.SILICON)  # a mock's and a simulator's time means nothing


def recorded(run: Run) -> Run:
    """What history keeps of `run`: outcomes and figures, without messages and places."""
    results = tuple(_recorded(result, run.fidelity) for result in run.results)
    return run.model_copy(update={"started": in_utc(run.started), "results": results})


def _recorded(result: Result, fidelity: Fidelity) -> Result:
    kept = tuple(m for m in result.measurements if m.value is not None and _has_meaning(m, fidelity))
    config = result.config.without(*_LOCAL)
    left_out = {"message": "", "limit": None, "error_map": None}
    return result.model_copy(update={**left_out, "config": config, "measurements": kept})


def _has_meaning(measurement: Measurement, fidelity: Fidelity) -> bool:
    return fidelity in _TIMED or not is_of_time(measurement.unit)


def run_id(run: Run) -> str:
    """The id of a recorded run.

    What compaction takes from it does not change it, nor does a newer ttci, nor a comparison with its base.
    """
    slim = run.model_copy(update={"base": None, "results": tuple(map(_slim, run.results))})
    return hashlib.sha256(_dumped(slim)).hexdigest()[:_ID_LENGTH]


def _slim(result: Result) -> Result:
    left_out = {"samples": (), "quantiles": (), "beside_base": None}
    measurements = tuple(m.model_copy(update=left_out) for m in result.measurements)
    return result.model_copy(update={"measurements": measurements})


def file_name(run: Run) -> str:
    """Where a recorded run lies in a store: ``runs/<pair>/<month>/<start>-<id>.json``, in UTC.

    Raises:
        InputError: the run's pair is none, so that the name might lead anywhere.
    """
    started = in_utc(run.started)
    name = f"runs/{Pair.parse(run.pair)}/{started:%Y-%m}/{started:%Y%m%dT%H%M%S}-{run_id(run)}.json"
    if not is_file_name(name):
        raise InputError(f"{run.pair}: a run of {started} cannot be kept")
    return name


def is_file_name(name: str) -> bool:
    """Whether `file_name` could have made this name."""
    return _FILE_NAME.fullmatch(name) is not None


def id_in(name: str) -> str:
    """The id that a file's name ends with."""
    return name.removesuffix(".json").rpartition("-")[2]


def encode(run: Run) -> bytes:
    """The file of a recorded run; what is as the schema has it by default is left out."""
    return _dumped(run)


def _dumped(run: Run) -> bytes:
    """Without defaults, so that a field that a newer ttci knows does not change an older run."""
    text = run.model_dump_json(by_alias=True, exclude_defaults=True)
    return f'{{"schema":{run.schema_},{text[1:]}'.encode()


def decode(content: bytes, name: str) -> Run:
    """The recorded run that a file holds.

    Raises:
        MachineryError: it is torn, of a newer schema, no run.json, or says that it measured
            checks of another pair; the text begins with `name`.
    """
    if len(content) > MOST_BYTES:
        raise MachineryError(f"{name}: more than {MOST_BYTES // 2**20} MiB; it is not read")
    run = parse_run(content, name)
    wrong = foreign_check(run)
    if wrong:
        raise MachineryError(f"{name}: {wrong}")
    return run


def is_damaged(content: bytes, name: str) -> bool:
    """Whether a file holds no run at all; one that a newer ttci wrote does."""
    try:
        decode(content, name)
    except MachineryError:
        return not _is_newer(content)
    return False


def _is_newer(content: bytes) -> bool:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return False
    schema = data.get("schema") if isinstance(data, dict) else None
    return isinstance(schema, int) and schema > SCHEMA


def foreign_check(run: Run) -> str | None:
    """What is wrong with a run that says it measured a check of another pair; None where it does not."""
    found = next((result.id for result in run.results if not result.id.startswith(f"{run.pair}/")), None)
    return None if found is None else f"a run of {run.pair} that holds {quoted(found)}, of another pair"
