"""Limits beside figures, and targets that no board can reach, in what is printed and written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.browser import PHONE, Page, chromium
from tests.pair_folders import latency, leave, result_of, run_of
from ttci.cli.main import main
from ttci.manifest import load_manifest
from ttci.report.limits import KnownLimits, impossible_targets
from ttci.results import Fidelity, Outcome, Result, Run, limit_of

MANIFEST = """
    [devices.n150-mock]
    backend = "ttnn"
    target = "mock"
    board = "n150"
    [devices.n150]
    backend = "ttnn"
    target = "silicon"
    board = "n150"
    [devices.n150-bfloat16]
    backend = "ttnn"
    target = "silicon"
    board = "n150"
    weight-dtype = "bfloat16"
    [devices.p150]
    backend = "ttnn"
    target = "silicon"
    board = "p150"
    [models.llama3]
    source = "package.module:Model"
    devices = ["n150-mock", "n150"]
    [models.llama3.targets.n150.swiglu]
    latency_ms = 0.5
    [models.llama3.targets.n150.other]
    latency_ms = 0.5
    [models.llama3.targets.p150.swiglu]
    latency_ms = 0.5
"""
LINE = MANIFEST.lstrip().splitlines().index("    [models.llama3.targets.n150.swiglu]") + 2  # of its target
WHY = "0.5 ms is below the limit of the n150, 1 ms: "


def on_mock(test: str = "swiglu") -> Result:
    """A check that nothing timed, with a limit of 1 ms."""
    reason = "n150-mock has no timing"
    result = result_of("llama3@n150-mock", test, "performance", Outcome.UNAVAILABLE, reason)
    return result.model_copy(update={"limit": limit_of("n150", 288 * 10**6, {"HiFi3": 10**9})})


def mock_run() -> Run:
    passed = result_of("llama3@n150-mock", "swiglu")
    return run_of("llama3@n150-mock", on_mock(), passed, fidelity=Fidelity.GOLDEN)


def silicon_run(value: float = 2.0) -> Run:
    measured = latency(value, 0.5, [value, value])
    return run_of("llama3@n150", result_of("llama3@n150", "swiglu", "performance", measurements=[measured]))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest, and the mock's run below reports."""
    (tmp_path / "models_manifest.toml").write_text(dedent(MANIFEST).lstrip())
    leave(tmp_path / "reports", mock_run())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def known(*runs: Run) -> KnownLimits:
    return KnownLimits(runs, load_manifest(Path("models_manifest.toml")))


@pytest.mark.usefixtures("project")
def test_a_mocks_limit_holds_on_what_is_alike_and_nowhere_else() -> None:
    limits = known(mock_run())
    found = {name: limits.of("llama3", name, "swiglu") for name in ("n150", "n150-bfloat16", "p150", "cpu")}
    assert {name: limit is not None for name, limit in found.items()} == {
        "n150": True,
        "n150-bfloat16": False,
        "p150": False,
        "cpu": False,
    }
    assert limits.of("llama3", "n150", "other") is None
    assert KnownLimits([mock_run()]).of("llama3", "n150", "swiglu") is None


@pytest.mark.usefixtures("project")
def test_a_devices_own_limit_and_the_newest_count() -> None:
    own = limit_of("n150", 576 * 10**6, {})
    result = silicon_run().results[0].model_copy(update={"limit": own})
    older = mock_run().model_copy(update={"started": mock_run().started.replace(year=2020), "results": ()})
    limits = known(run_of("llama3@n150", result), mock_run(), older)
    assert limits.of("llama3", "n150", "swiglu") == own
    assert limits.of("llama3", "n150-mock", "swiglu") == on_mock().limit


@pytest.mark.usefixtures("project")
def test_only_the_target_below_its_limit_is_told_of_with_its_line() -> None:
    manifest = load_manifest(Path("models_manifest.toml"))
    [found] = impossible_targets(manifest, ["llama3"], known(mock_run()))
    assert (str(found.pair), found.test, found.metric) == ("llama3@n150", "swiglu", "latency_ms")
    assert str(found.mistake).startswith(
        f"models_manifest.toml:{LINE}: models.llama3.targets.n150.swiglu.latency_ms: {WHY}"
    )


@pytest.mark.usefixtures("project")
def test_list_shows_limits_beside_targets_and_warns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    said = capsys.readouterr()
    lines = [line.split("  ") for line in said.out.splitlines()]
    rows = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert ["llama3@n150", "swiglu", "latency_ms", "0.5", "limit 1 ms (DRAM)"] in rows
    assert ["llama3@n150", "other", "latency_ms", "0.5"] in rows
    assert ["llama3@n150-mock", "swiglu", "latency_ms", "-", "limit 1 ms (DRAM)"] in rows
    assert said.err.count("warning: ") == 1
    assert f"warning: models_manifest.toml:{LINE}: " in said.err


@pytest.mark.usefixtures("project")
def test_list_without_a_run_knows_no_limit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "--report-dir", "elsewhere"]) == 0
    said = capsys.readouterr()
    assert "limit" not in said.out
    assert said.err == ""
    assert main(["list", "--json"]) == 0
    pairs = {pair["pair"]: pair["limits"] for pair in json.loads(capsys.readouterr().out)["pairs"]}
    assert pairs["llama3@n150"]["swiglu"]["dram_bytes"] == 288 * 10**6


@pytest.mark.usefixtures("project")
def test_a_torn_run_below_the_reports_does_not_keep_list_from_listing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("reports/llama3@n150-mock/run.json").write_text("{")
    assert main(["list"]) == 0
    assert "limit 1 ms" not in capsys.readouterr().out


def test_report_puts_a_mocks_limit_beside_what_silicon_measured(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(project / "reports", silicon_run())
    main(["report", "--annotations"])
    said = capsys.readouterr()
    [row] = [line for line in said.out.splitlines() if line.startswith("llama3@n150 ") and "limit" in line]
    assert row.split("  ")[-1] == "limit 1 ms (DRAM)"
    assert "2 ms" in row
    assert "0.5 ms" in row
    pairs = {pair["pair"]: pair for pair in json.loads(Path("reports/report.json").read_text())["pairs"]}
    assert pairs["llama3@n150"]["limits"]["swiglu"]["latency_ms"] == pytest.approx(1.0)
    assert "limit 1 ms (DRAM)" in Path("reports/summary.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("project")
def test_report_marks_the_line_of_a_target_with_no_run_of_its_device(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["report", "--annotations"])
    said = capsys.readouterr()
    mark = f"::warning file=models_manifest.toml,line={LINE},title=llama3@n150/swiglu[performance]::"
    assert f"{mark}target latency_ms: {WHY}" in said.out
    assert f"warning: models_manifest.toml:{LINE}: llama3@n150/swiglu[performance]: " in said.err
    assert "below the limit" in Path("reports/summary.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("project")
def test_an_impossible_target_fails_no_report() -> None:
    assert main(["report", "--no-annotations"]) == 0


def test_report_tells_of_a_target_once_where_its_device_ran(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    leave(project / "reports", silicon_run())
    main(["report", "--annotations"])
    assert capsys.readouterr().out.count("title=llama3@n150/swiglu[performance]::target latency_ms") == 1


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with chromium() as page:
        yield page


@pytest.fixture
def opened(project: Path, browser: Page) -> Callable[[], Page]:
    """Makes the report of the project, and opens its page."""

    def show() -> Page:
        main(["report", "--no-annotations"])
        browser.console()
        browser.open(project / "reports" / "report.html")
        return browser

    return show


def test_page_draws_a_roofline_with_its_points_in_a_table(project: Path, opened: Callable[[], Page]) -> None:
    leave(project / "reports", silicon_run())
    page = opened()
    page.one("#limits summary").click()
    assert page.run("return document.querySelectorAll('#limits canvas').length") == 1
    assert page.texts("#limits tbody td") == ["swiglu", "llama3@n150", "2 ms", "1 ms (DRAM)", "50%"]
    label = page.one("#limits [role=img]").get_attribute("aria-label")
    assert label is not None
    assert "288 GB/s of DRAM; 10¹² multiply-adds a second: 49.15 at HiFi3" in label
    assert page.console() == []


def test_page_shows_the_limit_in_its_rows_on_a_phone_too(opened: Callable[[], Page]) -> None:
    page = opened()
    page.resize(*PHONE)
    assert "limit 1 ms (DRAM)" in page.texts("tr.result td.against")
    assert page.run("return document.documentElement.scrollWidth") <= PHONE[0]
    assert page.console() == []


def test_page_of_a_report_without_limits_has_no_rooflines(project: Path, opened: Callable[[], Page]) -> None:
    leave(project / "reports", run_of("llama3@n150-mock", result_of("llama3@n150-mock", "swiglu")))
    assert not opened().one("#limits").is_displayed()
