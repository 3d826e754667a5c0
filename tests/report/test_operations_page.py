"""The page and the text of a debug run, the page in a real Chromium."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser import PHONE, Page
from ttci.artifacts.operations_file import (
    DebugRun,
    Difference,
    OperationFound,
    TensorFacts,
    debug_files,
    read_debug_run,
    write_debug_run,
)
from ttci.errors import MachineryError
from ttci.report.html.bundle import bundle
from ttci.report.html.operations import operations_data, write_operations_page
from ttci.report.operations_text import debug_text, heat_text
from ttci.results import ErrorMap, Fidelity, Outcome

ASSETS = Path(bundle.__code__.co_filename).with_name("assets")
HOSTILE = "</script><script>window.pwned = 1</script><!--<img src=x onerror='window.pwned = 1'>"
PAINTED = (
    "return [...document.querySelectorAll('#pictures canvas')].map((canvas) => canvas.getContext('2d')"
    ".getImageData(0, 0, canvas.width, canvas.height).data.filter((_, at) => at % 4 === 3).some(Boolean))"
)


@pytest.fixture
def show(page: Page, tmp_path: Path) -> Callable[[DebugRun], None]:
    def show_run(run: DebugRun) -> None:
        file = tmp_path / "page.html"
        write_operations_page(file, run)
        page.open(file)

    return show_run


def off(relative: float | None, not_finite: int = 0) -> Difference:
    return Difference(relative=relative, largest=relative, correlation=0.9, not_finite=not_finite)


def operation(number: int, relative: float | None = 0.002, **changes: Any) -> OperationFound:
    x = TensorFacts(shape=(1, 32, 64), dtype="bfloat16", layout="tile", memory="DRAM interleaved")
    stated: dict[str, Any] = {
        "name": "ttnn.linear",
        "place": f"model.py:{number}",
        "settings": "LoFi, float32 sums",
        "inputs": (x, x),
        "outputs": (x,),
        "own": off(relative),
        "so_far": off(0.01),
        "as_reference": "mm at model.py:9",
    }
    return OperationFound(number=number, **(stated | changes))


def error_map(rows: int = 4, columns: int = 8) -> ErrorMap:
    heat = tuple(tuple(0.1 * (row == 2) for _ in range(columns)) for row in range(rows))
    return ErrorMap(
        axes=("tokens", "features"),
        size=(rows, columns),
        heat=heat,
        spread=1.0,
        edges=(-1.0, 0.0, 1.0),
        counts=(3, 5),
        pairs=((0.0, 0.1), (-1.0, -1.0), (1.0, 1.1)),
    )


def debug_run(*operations: OperationFound, **changes: Any) -> DebugRun:
    stated: dict[str, Any] = {
        "id": "m@n150-mock/ffn[correctness]",
        "fidelity": Fidelity.MODELLED,
        "outcome": Outcome.FAILED,
        "message": "correlation 0.9",
        "findings": ("operation 2 has the largest error",),
        "marked": (2,),
        "operations": operations or (operation(1), operation(2, 0.024), operation(3, note="not compared")),
        "output": off(0.026),
        "in_float32": off(0.0),
        "error_map": error_map(),
    }
    return DebugRun(**(stated | changes))


def test_every_operation_is_a_row_and_the_one_that_is_named_is_marked(
    page: Page, show: Callable[[DebugRun], None]
) -> None:
    show(debug_run())
    assert page.one("h1").text == "Failed in 3 operations"
    assert page.texts(".operation .operation-name") == ["ttnn.linear"] * 3
    assert page.texts(".operation.marked .number") == ["2"]
    assert page.texts(".operation.marked .error-own .value") == ["2.4 %"]
    assert page.texts(".operation.marked .muted") == ["model.py:2", "LoFi, float32 sums"]
    assert page.texts(".operation .note") == ["not compared"]
    assert page.texts("#findings li")[0] == "operation 2 has the largest error"
    assert "2.6 % off the reference; 0 % in float32" in page.texts("#findings li")[1]


def test_a_larger_error_has_a_longer_bar(page: Page, show: Callable[[DebugRun], None]) -> None:
    show(debug_run(operation(1, 0.0), operation(2, 0.001), operation(3, 0.1), operation(4, 7.0)))
    none, small, large, beyond = (bar.rect["width"] for bar in page.all(".error-own .fill"))
    assert none == 0
    assert large == pytest.approx(3 * small, rel=0.05)
    assert beyond == page.one(".error-own .against").rect["width"]


def test_the_pictures_are_painted_and_once_more_in_other_colours(
    page: Page, show: Callable[[DebugRun], None]
) -> None:
    show(debug_run())
    assert page.run(PAINTED) == [True, True, True]
    page.one("#theme [value=dark]").click()
    assert page.run(PAINTED) == [True, True, True]
    background = page.one("body").value_of_css_property("background-color")
    assert sum(map(int, re.findall(r"\d+", background)[:3])) < 150
    page.one("#theme [value='']").click()


def test_the_heat_map_is_strong_where_the_error_is(page: Page, show: Callable[[DebugRun], None]) -> None:
    show(debug_run())
    script = (
        "const canvas = document.querySelector('.heat canvas'); const { width, height } = canvas;"
        "const { data } = canvas.getContext('2d').getImageData(width / 2, 0, 1, height);"
        "return [0.1, 0.5].map((share) => data[4 * Math.round(share * height) + 3])"
    )
    quiet, wrong = page.run(script)
    assert quiet < wrong


def test_without_pictures_and_operations_it_says_so(page: Page, show: Callable[[DebugRun], None]) -> None:
    run = debug_run(error_map=None, output=None, error="RuntimeError: TT_FATAL", marked=(), findings=())
    show(run.model_copy(update={"operations": ()}))
    assert page.texts("#rows td") == ["No operation was recorded."]
    assert page.texts("#findings li") == ["the call ended with RuntimeError: TT_FATAL"]
    assert not page.one("#pictures").is_displayed()


def test_hostile_texts_stay_text(page: Page, show: Callable[[DebugRun], None]) -> None:
    strange = operation(1, name=HOSTILE, place=HOSTILE, note=HOSTILE, as_reference=HOSTILE)
    show(debug_run(strange, id=HOSTILE, message=HOSTILE, findings=(HOSTILE,)))
    assert page.one(".operation-name").get_property("textContent") == HOSTILE
    assert page.run("return window.pwned") is None
    assert len(page.all("script")) == 2


def test_on_a_phone_nothing_lies_beside_the_screen(page: Page, show: Callable[[DebugRun], None]) -> None:
    page.resize(*PHONE)
    long = "a_very_long_name_" * 12
    show(debug_run(operation(1, name=long, place=long, as_reference=long, note=long), findings=(long,)))
    assert page.run("return document.documentElement.scrollWidth") == PHONE[0]
    assert page.one(".error-own .value").is_displayed()


def properties(typedef: str, file: str = "operations_data.js") -> set[str]:
    """The names that the script documents an object's type with."""
    code = (ASSETS / file).read_text(encoding="utf-8")
    stated = re.search(rf"@typedef {{object}} {typedef}\n(.*?)\*/", code, re.DOTALL)
    assert stated
    return set(re.findall(r"@property {.*} (\w+)", stated[1]))


def test_the_types_of_the_script_name_what_is_written() -> None:
    data = json.loads(json.dumps(operations_data(debug_run())))
    assert properties("OperationsData") == set(data)
    assert properties("Operation") == set(data["operations"][0])
    assert properties("ErrorFound") == set(data["operations"][0]["own"])
    assert properties("ErrorMap", "error_charts.js") == set(data["error_map"])


def test_the_file_holds_what_was_found_and_a_torn_one_is_said(tmp_path: Path) -> None:
    run = debug_run(operation(1, None, own=off(None, 4)))
    file, _ = debug_files(tmp_path, "a / b")
    write_debug_run(file, run)
    assert file.parent == tmp_path
    assert read_debug_run(file) == run
    file.write_text(file.read_text()[:100])
    with pytest.raises(MachineryError, match="cannot be read"):
        read_debug_run(file)


def test_the_text_marks_the_operation_and_says_what_is_not_finite() -> None:
    run = debug_run(operation(1), operation(2, None, own=off(None, 1234)), operation(3, own=None))
    lines = debug_text(run).splitlines()
    rows = [line for line in lines if "ttnn.linear" in line]
    assert [row[:2] for row in rows] == [" 1", ">2", " 3"]
    assert "1,234 not finite" in rows[1]
    assert "1x32x64 bfloat16 tile DRAM interleaved" in rows[0]
    assert "-" in rows[2].split()
    assert "the output is 2.6 % off the reference; 0 % in float32" in lines


def test_the_heat_map_as_text_shows_the_wrong_row_however_large_it_is() -> None:
    small = heat_text(error_map()).splitlines()
    assert small[2:-1] == ["│        │", "│        │", "│████████│", "│        │"]
    large = heat_text(error_map(128, 128)).splitlines()
    assert len(large[2:-1]) == 16
    assert [("█" in line) for line in large[2:-1]] == [True] + [False] * 15


def test_what_is_not_finite_is_marked_in_the_text() -> None:
    found = error_map(1, 2).model_copy(update={"heat": ((None, 0.0),)})
    assert heat_text(found).splitlines()[2] == "│! │"
