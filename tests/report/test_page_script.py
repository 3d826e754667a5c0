"""The script of a page, which is put together from ES modules, and the types of the data that it reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import Page, chromium
from tests.comparisons import compared, comparison_of
from tests.histories import drifted, view_of
from tests.pair_folders import latency, result_of, run_of
from ttci.report.collect import PairReport, Report
from ttci.report.html import bundle as bundle_module
from ttci.report.html.bundle import BundleError, bundle
from ttci.report.html.comparison import comparison_data
from ttci.report.html.report_data import page_data
from ttci.report.html.trend_data import trend_data
from ttci.results import Comparison, Drift, Outcome, Verdict, limit_of

ASSETS = Path(bundle_module.__file__).with_name("assets")
PAGES = ("report.js", "report_with_trends.js", "site.js", "comparison.js", "operations.js")


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium() as page:
        yield page


def written(folder: Path, **modules: str) -> Path:
    """The modules as files; the first is the one to begin with."""
    for name, code in modules.items():
        (folder / f"{name}.js").write_text(code)
    return folder / f"{next(iter(modules))}.js"


def test_a_module_has_a_scope_of_its_own_and_what_it_imports(browser: Page, tmp_path: Path) -> None:
    entry = written(
        tmp_path,
        main='import { add,\n  sum } from "./sums.js";\nconst hidden = 1;\nadd(40);\nadd(hidden);\n'
        "window.said = [sum(), typeof total];\n",
        sums="const hidden = 1;\nlet total = hidden;\nexport function add(value) {\n  total += value;\n}\n"
        "export const sum = () => total;\n",
    )
    assert browser.run(f"{bundle(entry)} return window.said") == [42, "undefined"]


def test_modules_run_once_each_after_those_that_they_import(browser: Page, tmp_path: Path) -> None:
    entry = written(
        tmp_path,
        main='import { b } from "./b.js";\nimport { a } from "./a.js";\nwindow.order.push("main", a, b);\n',
        a='import { c } from "./c.js";\nwindow.order.push("a");\nexport const a = c + 1;\n',
        b='import { c } from "./c.js";\nwindow.order.push("b");\nexport const b = c + 2;\n',
        c='window.order.push("c");\nexport const c = 0;\n',
    )
    script = f"window.order = []; {bundle(entry)} return window.order"
    assert browser.run(script) == ["c", "b", "a", "main", 1, 2]


def test_comments_that_document_stay_behind_and_all_else_is_kept(tmp_path: Path) -> None:
    code = "// Why.\nconst url = `/** ${1} */`; /* here */\n"
    entry = written(tmp_path, main=f"/**\n * @param {{number}} at\n */\n{code}  /** @type {{string}} */\n")
    script = bundle(entry)
    assert code in script
    assert "@" not in script


def test_the_same_modules_make_the_same_script() -> None:
    assert [bundle(ASSETS / page) for page in PAGES] == [bundle(ASSETS / page) for page in PAGES]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        (
            {"main": 'import { a, b } from "./a.js";\n', "a": "export const a = 1;\nconst b = 2;\n"},
            "main.js: a.js does not export b",
        ),
        (
            {
                "main": 'import { a } from "./a.js";\n',
                "a": 'import { b } from "./b.js";\nexport const a = b;\n',
                "b": 'import { a } from "./a.js";\nexport const b = a;\n',
            },
            "modules import each other: main.js → a.js → b.js → a.js",
        ),
        ({"main": 'import { a } from "./absent.js";\n'}, "main.js: there is no absent.js"),
        (
            {"main": 'import { a as b } from "./a.js";\n', "a": "export const a = 1;\n"},
            "does not export as, b",
        ),
    ],
    ids=["not exported", "circle", "unknown file", "renamed"],
)
def test_modules_that_do_not_fit_together_are_an_error(
    tmp_path: Path, modules: dict[str, str], message: str
) -> None:
    with pytest.raises(BundleError, match=re.escape(message)):
        bundle(written(tmp_path, **modules))


@pytest.mark.parametrize(
    "statement",
    [
        "export let changes = 1;",
        "export default 1;",
        "export { a };",
        'export * from "./a.js";',
        'import "./a.js";',
        'import a from "./a.js";',
        'import * as a from "./a.js";',
        'import { a } from "a";',
        'import { a } from "../a.js";',
    ],
)
def test_what_is_not_supported_is_an_error(tmp_path: Path, statement: str) -> None:
    entry = written(tmp_path, main=f"{statement}\n", a="export const a = 1;\n")
    with pytest.raises(BundleError, match=re.escape(f"main.js: not supported: {statement}")):
        bundle(entry)


def test_every_module_is_part_of_a_page() -> None:
    scripts = "".join(bundle(ASSETS / page) for page in PAGES)
    assert [file.name for file in ASSETS.glob("*.js") if f"const ${file.stem} = " not in scripts] == []


def properties(file: str, typedef: str) -> set[str]:
    """The names that a module documents an object's type with."""
    code = (ASSETS / file).read_text(encoding="utf-8")
    stated = re.search(rf"@typedef {{object}} {typedef}\n(.*?)\*/", code, re.DOTALL)
    assert stated
    return set(re.findall(r"@property {.*} (\w+)", stated[1]))


def words(file: str, typedef: str) -> set[str]:
    """The words that a module documents a type with."""
    code = (ASSETS / file).read_text(encoding="utf-8")
    stated = re.search(rf"@typedef {{(.*)}} {typedef} ", code)
    assert stated
    return set(re.findall(r'"([\w-]+)"', stated[1]))


def parsed(document: Iterable[str]) -> Any:
    return json.loads("".join(document))


def test_the_types_of_a_report_name_what_is_written(tmp_path: Path) -> None:
    pair = "llama3@n150"
    limit = limit_of("n150", 10**9, {"HiFi4": 10**9})
    timed = result_of(pair, check="performance", measurements=[latency(5.0)])
    run = run_of(pair, timed.model_copy(update={"limit": limit}))
    data = parsed(page_data(Report((PairReport(pair, run=run),)), tmp_path))
    assert properties("data.js", "ReportData") == set(data)
    assert properties("data.js", "Pair") == set(data["pairs"][0])
    assert properties("data.js", "Roofline") == set(data["rooflines"][0])
    assert properties("data.js", "RooflinePoint") == set(data["rooflines"][0]["points"][0])
    assert properties("data.js", "ResultColumns") == set(data["results"])
    assert properties("data.js", "MeasurementColumns") == set(data["measurements"])


def test_the_types_of_trends_name_what_is_written() -> None:
    data = parsed(trend_data(view_of(drifted(Drift.SAME))))
    assert properties("trend_data.js", "TrendData") == set(data)
    assert properties("trend_data.js", "SeriesColumns") == set(data["series"])
    assert properties("trend_data.js", "RunColumns") == set(data["runs"])


def test_the_types_of_a_comparison_name_what_is_written() -> None:
    data = comparison_data(comparison_of(compared()))
    assert properties("comparison_data.js", "ComparisonData") == set(data)
    assert properties("comparison_data.js", "ComparedFigure") == set(data["figures"][0])


def test_the_types_of_words_name_every_word() -> None:
    assert words("data.js", "Outcome") == set(map(str, Outcome))
    assert words("data.js", "Verdict") == set(map(str, Verdict))
    assert words("trend_data.js", "Drift") == set(map(str, Drift))
    assert words("comparison_data.js", "Word") == set(map(str, Comparison))
