"""run.json and the journal beside it: how they are written and read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ttci.errors import MachineryError, encodable
from ttci.files import write_whole
from ttci.results.models import SCHEMA, Result, Run


class Journal:
    """What a run found since its run.json was last written: a result a line, the newest counts.

    Appending costs a hundredth of writing the file anew.
    """

    def __init__(self, run_path: Path) -> None:
        run_path.parent.mkdir(parents=True, exist_ok=True)
        self._path = self.path_for(run_path)
        self.remove()

    @staticmethod
    def path_for(run_path: Path) -> Path:
        """Where the journal of a run.json lies."""
        return run_path.with_name(f".{run_path.name}.journal")

    def append(self, encoded_result: str) -> None:
        """Add one result, as JSON."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{encoded_result}\n")

    def remove(self) -> None:
        """Remove the journal: its run.json holds everything, or is of another run."""
        self._path.unlink(missing_ok=True)


class JournalReader:
    """Follows the journal of a run that another process writes."""

    def __init__(self, run_path: Path) -> None:
        self._path = Journal.path_for(run_path)
        self._position = 0

    def news(self) -> list[Result]:
        """What came since it was last asked, in order; a line that is not whole yet comes the next time."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._position)
                come = file.read()
        except OSError:  # there is none yet, or none any more
            return []
        whole = come[: come.rfind(b"\n") + 1]
        self._position += len(whole)
        return [Result.model_validate_json(line) for line in whole.splitlines()]


def _with_journal(path: Path, run: Run) -> Run:
    try:
        lines = Journal.path_for(path).read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError:
        return run
    whole = [line for line in lines if line.endswith("\n")]  # the last one may be torn
    newest = {result.id: result for result in map(Result.model_validate_json, whole)}
    results = tuple(newest.get(result.id, result) for result in run.results)
    return run.model_copy(update={"results": results})


def write_run(path: Path, run: Run, encoded_results: Iterable[str] | None = None) -> None:
    """Write `run` to `path`, whole or not at all.

    Args:
        path: of the file.
        run: what is written.
        encoded_results: its results as JSON, by one who has encoded most of them before.
    """
    if encoded_results is None:
        encoded_results = (result.model_dump_json() for result in run.results)
    head = run.model_copy(update={"results": ()}).model_dump_json(by_alias=True)
    text = f"{head.removesuffix('[]}')}[{','.join(encoded_results)}]}}"  # results are the last field
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, [text])


def read_run(path: Path) -> Run:
    """Read a run.json.

    Raises:
        MachineryError: when it is torn or of a newer schema.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MachineryError(f"{path}: cannot be read: {error.strerror}") from None
    run = parse_run(content, str(path))
    return run if run.finished else _with_journal(path, run)


def parse_run(content: bytes, name: str) -> Run:
    """What a run.json holds.

    Raises:
        MachineryError: about `name` when it is torn or of a newer schema.
    """
    try:
        run = Run.model_validate_json(content)
        if "schema_" in run.model_fields_set:
            return run
    except ValidationError:
        pass
    return _parse_slowly(content, name)


def encodable_in(value: Any) -> Any:
    """What JSON can say, with every text in it `encodable`."""
    match value:
        case str():
            return encodable(value)
        case dict():
            return {encodable_in(key): encodable_in(entry) for key, entry in value.items()}
        case list() | tuple():
            return [*map(encodable_in, value)]
    return value


def _parse_slowly(content: bytes, name: str) -> Run:
    """In two steps, which say better what is wrong."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise MachineryError(f"{name}: cannot be read: {error}") from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(schema, int):
        raise MachineryError(f'{name}: not a run.json: it has no "schema"')
    if schema > SCHEMA:
        raise MachineryError(
            f"{name}: written by a newer ttci (schema {schema}, this one reads {SCHEMA}); upgrade ttci"
        )
    try:
        return Run.model_validate(encodable_in(data))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise MachineryError(f"{name}: not a run.json: {where}: {first['msg']}") from None
