"""The page of a debug run: one file that shows every operation, from disk and with no network."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from ttci.artifacts.operations_file import DebugRun, Difference, OperationFound
from ttci.files import write_whole
from ttci.report.html.columns import json_of
from ttci.report.html.frame import Page, data_element, render_page
from ttci.report.operations_text import error_text, said_of_output, tensor_text

MOST_OPERATIONS = 5_000  # rows that a browser still shows at once
_STYLES = ("style.css", "table.css", "details.css", "error_charts.css", "operations.css")


def write_operations_page(path: Path, run: DebugRun) -> None:
    """Write the page of `run`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, render_operations(run, path.with_suffix(".json").name))


def render_operations(run: DebugRun, json_name: str) -> Iterator[str]:
    """The page of `run` in parts.

    Args:
        run: what was found.
        json_name: of the file beside it that holds the same.
    """
    own = {
        "verdict": escape(run.outcome),
        "id": escape(run.id),
        "line": escape("; ".join(run.findings) or said_of_output(run)),
        "json": escape(json_name),
    }
    title = escape(f"{run.outcome.capitalize()} in {_count(len(run.operations))}")
    page = Page("debug", title, ("table", "operations"), ("operations.html", own), _STYLES, "operations.js")
    return render_page(page, data_element("data", [json_of(operations_data(run))]))


def operations_data(run: DebugRun) -> dict[str, Any]:
    """What the page's script reads."""
    shown = run.operations[:MOST_OPERATIONS]
    left = len(run.operations) - len(shown)
    also = [f"{left:,} more operations are in the JSON beside this page"] if left else []
    return {
        "findings": [*run.findings, *also],
        "said_of_output": said_of_output(run),
        "error": run.error,
        "message": run.message,
        "operations": [_operation(operation, run) for operation in shown],
        "error_map": run.error_map.model_dump() if run.error_map else None,
    }


def _count(operations: int) -> str:
    return "1 operation" if operations == 1 else f"{operations:,} operations"


def _operation(operation: OperationFound, run: DebugRun) -> dict[str, Any]:
    plain = operation.model_dump(include={"number", "name", "place", "settings", "as_reference", "note"})
    return plain | {
        "inputs": list(map(tensor_text, operation.inputs)),
        "outputs": list(map(tensor_text, operation.outputs)),
        "own": _error(operation.own),
        "so_far": _error(operation.so_far),
        "is_marked": operation.number in run.marked,
    }


def _error(found: Difference | None) -> dict[str, Any]:
    return {"said": error_text(found), "relative": found.relative if found else None}
