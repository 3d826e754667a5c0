"""What other tools have kept becomes runs of a history, and what cannot is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from tests.histories import run_before
from tests.pair_folders import leave, run_of
from tests.root import ROOT
from ttci.cli.main import main
from ttci.errors import ExitCode
from ttci.export.github_action_benchmark import as_github_action_benchmark
from ttci.export.points import Point
from ttci.history import IMPORT_FORMATS
from ttci.history.importing.dates import time_of
from ttci.history.importing.names import as_test_name, pair_of_suite
from ttci.history.importing.reading import FORMATS
from ttci.history.importing.units import meaning_of
from ttci.history.record import decode
from ttci.manifest import Identity, Pair, fits_as_test_name
from ttci.results import Fidelity, Measurement, Run

DATA = ROOT / "tests" / "data" / "history"
DATA_JS, STORAGE = DATA / "data.js", DATA / "storage"
COMMIT = "4" * 40
Importer = Callable[..., int]


@pytest.fixture
def imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Importer:
    """Runs ``ttci history import`` in an empty folder; the history is in ``kept``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TTCI_CACHE", str(tmp_path / "cache"))

    def run(format_name: str, *paths: Path | str, **options: str) -> int:
        told = {"history": "folder:kept", "default-branch": "main"} | {
            name.replace("_", "-"): value for name, value in options.items()
        }
        words = [word for name, value in told.items() for word in (f"--{name}", value)]
        return main(["history", "import", "--format", format_name, *words, *map(str, paths)])

    return run


def kept(folder: Path = Path("kept")) -> list[Run]:
    """The runs of the history, by pair, then by time."""
    files = sorted(folder.glob("runs/*/*/*.json"))
    return [decode(file.read_bytes(), str(file)) for file in files]


def figures(run: Run) -> dict[str, tuple[Any, ...]]:
    """Of a run, by identity."""
    return {
        result.id: (m.name, m.value, m.unit, m.direction)
        for result in run.results
        for m in result.measurements
    }


def written(benches: Any, **entry: Any) -> Path:
    """A data.js with one entry, with these benches."""
    whole = {
        "commit": {"id": COMMIT, "timestamp": "2026-02-01T00:00:00Z"},
        "date": 1769904000000,
        "tool": "customSmallerIsBetter",
        "benches": benches,
    } | entry
    path = Path("data.js")
    path.write_text(f"window.BENCHMARK_DATA = {json.dumps({'entries': {'Benchmark': [whole]}})}")
    return path


def bench(name: str = "a", value: Any = 1.5, unit: str = "ms") -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit}


def test_formats_are_those_that_the_command_line_names() -> None:
    assert tuple(FORMATS) == IMPORT_FORMATS


class TestDataJs:
    def test_each_entry_is_a_run_of_its_commit_and_time(self, imports: Importer) -> None:
        assert imports("github-action-benchmark", DATA_JS, model="llama3", device="cpu") == ExitCode.OK
        first, second = [run for run in kept() if run.pair == "llama3@cpu"]
        assert first.started == datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
        assert first.environment["git_commit"] == "1" * 40
        assert (first.environment["git_branch"], second.environment["git_commit"]) == ("main", "2" * 40)
        assert figures(first) == {
            "llama3@cpu/tests/test_a.py..test_sum{10}[performance]": (
                *("iter_per_s", 2000.5, "iter/s", "higher"),
            ),
            "llama3@cpu/tests/test_a.py..test_sort[performance]": ("iter_per_s", 8.0, "iter/s", "higher"),
        }
        assert figures(second)["llama3@cpu/tests/test_a.py..test_sort[performance]"][1] == 8.5

    def test_each_suite_is_a_model_of_its_own(self, imports: Importer) -> None:
        imports("github-action-benchmark", DATA_JS)
        assert {run.pair for run in kept()} == {
            "imported@unknown",
            "imported.Rust+Benchmark@unknown",
            "imported.Sizes@unknown",
            "imported.Throughput@unknown",
        }

    def test_units_say_the_check_and_the_tool_which_way_is_better(self, imports: Importer) -> None:
        imports("github-action-benchmark", DATA_JS, model="m", device="d")
        found = {identity: figure for run in kept() for identity, figure in figures(run).items()}
        assert found["m.Rust+Benchmark@d/http1..get (parallel)[performance]"] == (
            *("latency_ms", pytest.approx(0.052), "ms", "lower"),
        )
        assert found["m.Sizes@d/peak[memory]"] == ("memory_mb", pytest.approx(2.097152), "MB", "lower")
        assert found["m.Sizes@d/start[performance]"] == ("latency_ms", pytest.approx(0.25), "ms", "lower")
        assert found["m.Sizes@d/failures[performance]"] == ("count", 3.0, "count", "lower")
        assert found["m.Throughput@d/requests[performance]"] == ("reqs_per_s", 90.5, "reqs/s", "higher")
        assert found["m.Throughput@d/score[performance]"] == ("points", 7.0, "points", "higher")

    def test_importing_twice_adds_nothing(
        self, imports: Importer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        imports("github-action-benchmark", DATA_JS)
        before = kept()
        assert capsys.readouterr().out.splitlines()[-1].startswith("5 runs added to folder:")
        assert imports("github-action-benchmark", DATA_JS) == ExitCode.OK
        assert kept() == before
        last = capsys.readouterr().out.splitlines()[-1]
        assert last.startswith("0 runs added to folder:")
        assert last.endswith("kept, 5 there already")

    def test_one_is_said_as_one(self, imports: Importer, capsys: pytest.CaptureFixture[str]) -> None:
        leave(Path("reports"), run_before(1, 5.0))
        Path("reports/torn").mkdir()
        Path("reports/torn/run.json").write_text("{")
        assert imports("run-json", "reports") == ExitCode.MACHINERY
        first, last = capsys.readouterr().out.splitlines()
        assert ": 1 run, 1 series, 1 figure, " in first
        assert last.startswith("1 run added to folder:")
        assert last.endswith("kept, 1 mistake left out")

    def test_what_was_imported_is_said(self, imports: Importer, capsys: pytest.CaptureFixture[str]) -> None:
        imports("github-action-benchmark", DATA_JS)
        said = capsys.readouterr().out.splitlines()
        assert "imported@unknown: 2 runs, 2 series, 4 figures, 2026-01-01 to 2026-01-02" in said

    def test_file_that_grew_keeps_what_was_there(self, imports: Importer) -> None:
        data = json.loads(DATA_JS.read_text().partition("=")[2].rstrip(";\n"))
        data["entries"] = {"Benchmark": data["entries"]["Benchmark"][:1]}
        Path("data.js").write_text(f"window.BENCHMARK_DATA = {json.dumps(data)}")
        imports("github-action-benchmark", "data.js")
        before = kept()
        imports("github-action-benchmark", DATA_JS)
        assert len(kept()) == 5
        assert all(run in kept() for run in before)

    def test_folder_is_searched(self, imports: Importer) -> None:
        assert imports("github-action-benchmark", DATA) == ExitCode.OK
        assert len(kept()) == 5

    def test_what_ttci_itself_exported_comes_back_as_it_was(self, imports: Importer) -> None:
        latency = Measurement(name="latency_ms", value=4.5, unit="ms", statistic="median", target=5.0)
        run = run_of("llama3@n150")
        result = run.results[0].model_copy(
            update={"id": "llama3@n150/qkv fast[performance]", "measurements": (latency,)}
        )
        exported = as_github_action_benchmark([Point(run, result, latency, 4.5)], "lower")
        imports("github-action-benchmark", written(exported))
        [found] = kept()
        assert (found.pair, found.fidelity) == ("llama3@n150", Fidelity.SILICON)
        assert figures(found) == {result.id: ("latency_ms", 4.5, "ms", "lower")}

    def test_name_that_a_run_has_twice_is_one_figure_their_median(self, imports: Importer) -> None:
        imports("github-action-benchmark", written([bench(value=3), bench(value=1), bench(value=2)]))
        [run] = kept()
        [measurement] = run.results[0].measurements
        assert (measurement.value, measurement.statistic, measurement.samples) == (2, "median", (3, 1, 2))

    def test_median_of_figures_whose_sum_is_no_number_is_one(self, imports: Importer) -> None:
        assert imports("github-action-benchmark", written([bench(value=1.5e308), bench(value=1e308)])) == 0
        [run] = kept()
        assert run.results[0].measurements[0].value == 1.25e308

    def test_figure_that_its_unit_takes_out_of_the_numbers_is_said(
        self, imports: Importer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        figures = [bench(name="a", value=1e308, unit="min"), bench(name="b", value=1)]
        assert imports("github-action-benchmark", written(figures)) == ExitCode.MACHINERY
        assert (
            'benches[0] "a": value: 1e+308 min is more than a figure in ms can be' in capsys.readouterr().err
        )
        assert len(kept()[0].results) == 1

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("// made by a tool\n/* of * ours */ window.BENCHMARK_DATA = ", ";;\n// end"),
            ("export const BENCHMARK_DATA = ", ";"),
        ],
    )
    def test_script_around_the_data_is_passed_over(self, imports: Importer, before: str, after: str) -> None:
        path = written([bench(value=3)])
        data = path.read_text(encoding="utf-8")
        path.write_text(before + data[data.index("{") : data.rindex("}") + 1] + after, encoding="utf-8")
        assert imports("github-action-benchmark", path) == ExitCode.OK
        assert len(kept()) == 1

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
    def test_byte_order_mark_says_the_encoding(self, imports: Importer, encoding: str) -> None:
        path = written([bench("größe")])
        text = path.read_text()
        path.write_text(text, encoding=encoding)
        assert imports("github-action-benchmark", path) == ExitCode.OK
        assert [result.test for run in kept() for result in run.results] == ["größe"]


class TestMistakes:
    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            (
                {"benches": [bench(), bench("b", None)]},
                'benches[1] "b": value: nothing is not a finite number',
            ),
            ({"benches": [bench(), bench("b", "fast")]}, 'value: "fast" is not a finite number'),
            ({"benches": [bench(), bench("b", True)]}, "value: true is not a finite number"),
            ({"benches": [bench(), bench("b", float("nan"))]}, "value: nan is not a finite number"),
            ({"benches": [bench(), bench("b", 10**400)]}, "value: 1000"),
            ({"benches": [bench(), {"value": 1}]}, "benches[1]: name: nothing is no text"),
            ({"benches": [bench(), 7]}, "benches[1]: not a table of name, value and unit"),
        ],
    )
    def test_wrong_figure_is_said_with_its_place_and_the_others_are_kept(
        self, imports: Importer, capsys: pytest.CaptureFixture[str], entry: dict[str, Any], message: str
    ) -> None:
        assert imports("github-action-benchmark", written(**entry)) == ExitCode.MACHINERY
        said = capsys.readouterr().err
        assert 'data.js: entries."Benchmark"[0].' in said
        assert message in said
        assert [len(run.results) for run in kept()] == [1]

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"commit": {}}, "commit.id: nothing is no commit"),
            ({"commit": {"id": "--upload-pack=x"}}, 'commit.id: "--upload-pack=x" is no commit'),
            ({"tool": "pytst"}, 'tool: unknown tool "pytst"; did you mean "pytest"?'),
            ({"benches": {}}, "benches: a table, and no figures"),
            (
                {"date": None, "commit": {"id": COMMIT, "timestamp": "1. Mai"}},
                'commit.timestamp "1. Mai": no time',
            ),
            ({"date": 1e30, "commit": {"id": COMMIT}}, "date: 1e+30"),
            ({"date": 99999999999999, "commit": {"id": COMMIT}}, "which is still to come"),
            ({"date": 0}, "began at 1970-01-01"),
            ({"benches": []}, "benches: a list, and no figures"),
        ],
    )
    def test_wrong_entry_is_said_with_its_place_and_the_others_are_kept(
        self, imports: Importer, capsys: pytest.CaptureFixture[str], entry: dict[str, Any], message: str
    ) -> None:
        path = written(**{"benches": [bench()]} | entry)
        other = Path("other.js")
        other.write_text(DATA_JS.read_text())
        assert imports("github-action-benchmark", path, other) == ExitCode.MACHINERY
        assert message in capsys.readouterr().err
        assert len(kept()) == 5

    def test_every_mistake_of_an_entry_is_said_at_once(
        self, imports: Importer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        imports("github-action-benchmark", written(3, commit=None, tool=4, date="x"))
        [line, *_] = capsys.readouterr().err.splitlines()
        assert all(word in line for word in ("commit.id", "tool", "benches", "date"))

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "torn"),
            (b'window.BENCHMARK_DATA = {"entries": {"a": [', "data.js:1: not JSON"),
            (b'window.BENCHMARK_DATA = {\n"entries": {}\n<<<<<<< HEAD', "data.js:3: not JSON"),
            (b'{"entries": {}} {"entries": {}}', "data.js:1: not JSON: more text follows its end"),
            (b"[1]", "not a data.js of github-action-benchmark"),
            (b'{"entries": []}', "not a data.js of github-action-benchmark"),
            (b'{"entries": {"a": 3}}', 'entries."a": not a list of runs'),
            (b'{"entries": {"a": [3]}}', 'entries."a"[0]: not a table'),
            (b'{"entries": {"\xff": 3}}', "byte 14 is not UTF-8"),
            (b"[" * 200_000, "nested too deeply"),
            (b'{"entries": ' + b"9" * 6000 + b"}", "not JSON"),
        ],
    )
    def test_file_that_is_none_is_said_and_the_others_are_imported(
        self, imports: Importer, capsys: pytest.CaptureFixture[str], content: bytes, message: str
    ) -> None:
        Path("data.js").write_bytes(content)
        assert imports("github-action-benchmark", "data.js", DATA_JS) == ExitCode.MACHINERY
        said = capsys.readouterr().err
        assert message in said
        assert "Traceback" not in said
        assert len(kept()) == 5

    def test_more_mistakes_than_anybody_reads_are_counted(
        self, imports: Importer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        imports("github-action-benchmark", written([bench(str(number), None) for number in range(1000)]))
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 201
        assert said[-1] == "and 800 more of this kind"

    def test_no_file_of_the_format_is_nothing_matched(
        self, imports: Importer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        Path("empty").mkdir()
        assert imports("pytest-benchmark", "empty") == ExitCode.NOTHING_MATCHED
        assert "empty: holds no file of pytest-benchmark" in capsys.readouterr().err

    def test_path_that_is_not_there_is_said(
        self, imports: Importer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert imports("run-json", "nowhere", DATA, "no/where") == ExitCode.BAD_INPUT
        said = capsys.readouterr()
        assert said.err == "nowhere: no such file or folder\nno/where: no such file or folder\n"
        assert said.out == ""

    @pytest.mark.parametrize("option", [{"model": "../x"}, {"device": "a b"}, {"model": "-"}])
    def test_options_that_name_no_pair_are_refused(self, imports: Importer, option: dict[str, str]) -> None:
        told = {name: value for name, value in option.items() if value != "-"}
        if told:
            assert imports("github-action-benchmark", DATA_JS, **told) == ExitCode.BAD_INPUT
        assert not Path("kept").exists()


class TestPytestBenchmark:
    def test_storage_becomes_runs_with_their_host_and_their_samples(self, imports: Importer) -> None:
        assert imports("pytest-benchmark", STORAGE, model="m", device="cpu") == ExitCode.OK
        [run] = kept()
        assert run.started == datetime(2026, 1, 3, 12, 0, 0, 123456, tzinfo=timezone.utc)
        assert run.environment.as_dict() == {
            "host": "rack7",
            "cpu": "AMD EPYC 7763 64-Core Processor",
            "cores": 4,
            "python": "3.12.3",
            "git_commit": "3" * 40,
            "git_branch": "main",
            "imported_from": "pytest-benchmark",
        }
        assert figures(run) == {
            "m@cpu/tests/test_a.py..test_sum{10}[performance]": ("latency_ms", 2.0, "ms", "lower"),
            "m@cpu/tests/test_a.py..test_sort[performance]": ("latency_ms", 100.0, "ms", "lower"),
        }
        assert run.results[0].measurements[0].samples == (1.0, 2.0, 4.0)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"commit_info": {"id": "unversioned"}}, 'commit_info.id: "unversioned" is no commit'),
            ({"datetime": "vor einer Stunde"}, 'datetime: "vor einer Stunde" is no time'),
            ({"benchmarks": None}, 'it has no list of "benchmarks"'),
            ({"benchmarks": [{"fullname": "a", "stats": {}}]}, 'benchmarks[0] "a": stats.median: nothing'),
            ({"benchmarks": [{"stats": {"median": 1}}]}, "fullname: nothing is no text"),
        ],
    )
    def test_wrong_file_is_said_and_the_others_are_imported(
        self, imports: Importer, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
    ) -> None:
        [stored] = STORAGE.glob("*/*.json")
        Path("0002_x.json").write_text(json.dumps(json.loads(stored.read_text()) | change))
        assert imports("pytest-benchmark", ".", STORAGE) == ExitCode.MACHINERY
        assert message in capsys.readouterr().err
        assert len(kept()) == 1

    def test_real_storage_is_read(
        self, imports: Importer, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)  # there it would time nothing
        pytester.makepyfile("def test_a(benchmark):\n    benchmark.pedantic(sum, [[1]], rounds=3)")
        author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        for command in (
            ("init", "-q", "-b", "topic"),
            (*author, "commit", "-q", "--allow-empty", "-m", "a"),
        ):
            assert pytester.run("git", *command).ret == 0
        options = ("-p", "no:randomly", "--benchmark-autosave", "--benchmark-save-data")
        assert pytester.runpytest_subprocess(*options).ret == 0
        assert imports("pytest-benchmark", pytester.path / ".benchmarks") == ExitCode.OK
        [run] = kept()
        assert run.environment["git_branch"] == "topic"
        assert len(run.results[0].measurements[0].samples) == 3


class TestRunJson:
    def test_runs_at_any_depth_and_those_of_another_history_are_taken(self, imports: Importer) -> None:
        leave(Path("reports/deep/below"), run_of("a@cpu"))
        leave(Path("reports"), run_of("b@cpu", *run_of("b@cpu").results))
        for run in ("a@cpu", "b@cpu"):
            [file] = Path("reports").rglob(f"{run}/run.json")
            whole = json.loads(file.read_text())
            whole["results"][0]["measurements"] = [{"name": "memory_mb", "value": 1, "unit": "MB"}]
            file.write_text(json.dumps(whole))
        assert imports("run-json", "reports") == ExitCode.OK
        assert [run.pair for run in kept()] == ["a@cpu", "b@cpu"]
        assert imports("run-json", "kept", history="folder:other") == ExitCode.OK
        assert kept(Path("other")) == kept()

    def test_torn_unfinished_and_newer_runs_are_said(
        self, imports: Importer, capsys: pytest.CaptureFixture[str]
    ) -> None:
        leave(Path("reports"), run_of("a@cpu", is_finished=False))
        for name, text in {"torn": '{"schema": 1', "newer": '{"schema": 99}'}.items():
            path = Path("reports", name, "run.json")
            path.parent.mkdir()
            path.write_text(text)
        assert imports("run-json", "reports") == ExitCode.MACHINERY
        said = capsys.readouterr().err
        assert all(word in said for word in ("the run never finished", "torn", "written by a newer ttci"))
        assert kept() == []


NAMES = [
    *("a", "a b", "größe", "tests/a.py::test", "tests/a.py::test[x]", "x (y)", "a::b::c", ":::", "::::"),
    *("a..b", "{a}", "a{b}", "[", "]", "", " ", " a", "a ", "a  b", "a\nb", "a\tb", "a\x00b", "\u2028"),
    *("a~12345678", "x" * 500, "x" * 501, "\ud800", "\udfff", "a@b/c[performance]", "../../x", "a..b[c]"),
    *("BM (n) [ {x:1} ]", "\u202ex", "a::b~00000000", "...", "::."),
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_makes_an_identity_that_is_read_back(name: str) -> None:
    test = as_test_name(name)
    assert fits_as_test_name(test)
    identity = Identity(Pair("m", "d"), test, "performance")
    assert Identity.parse(str(identity)) == identity
    assert test.encode()
    assert as_test_name(name) == test


def test_names_that_differ_stay_apart() -> None:
    made = [as_test_name(name) for name in NAMES]
    assert len({*made}) == len(NAMES)
    again = [as_test_name(name) for name in made if name not in NAMES]
    assert not {*again} & {*made}


def test_suites_that_differ_stay_apart() -> None:
    suites = [
        "Benchmark",
        "benchmark",
        "Go Benchmark",
        "Go+Benchmark",
        "Go-Benchmark",
        "C++",
        "",
        " ",
        "ä",
        "x" * 300,
    ]
    pairs = [str(pair_of_suite(Pair("m", "d"), suite)) for suite in suites]
    assert len({*pairs}) == len(suites)
    assert [str(Pair.parse(pair)) for pair in pairs] == pairs


@pytest.mark.parametrize(
    ("unit", "metric", "factor", "direction"),
    [
        ("ns/iter", "latency_ms", 1e-6, "lower"),
        ("ns/op", "latency_ms", 1e-6, "lower"),
        ("ns/op\t         4.000 auxMetricUnits", "latency_ms", 1e-6, "lower"),
        ("us", "latency_ms", 1e-3, "lower"),
        ("µs", "latency_ms", 1e-3, "lower"),
        ("μs", "latency_ms", 1e-3, "lower"),
        ("sec", "latency_ms", 1e3, "lower"),
        ("Seconds", "latency_ms", 1e3, "lower"),
        ("iter/sec", "iter_per_s", 1.0, "higher"),
        ("ops/ms", "ops_per_s", 1e3, "higher"),
        ("MB/s", "mb_per_s", 1.0, "higher"),
        ("B/op", "memory_mb", 1e-6, "lower"),
        ("KiB", "memory_mb", 1024e-6, "lower"),
        ("GB", "memory_mb", 1e3, "lower"),
        ("allocs/op", "allocs_op", 1.0, None),
        ("%", "value", 1.0, None),
        ("", "value", 1.0, None),
    ],
)
def test_units_are_read_as_their_tools_write_them(
    unit: str, metric: str, factor: float, direction: str | None
) -> None:
    meaning = meaning_of(unit)
    assert (meaning.metric, meaning.direction) == (metric, direction)
    assert meaning.factor == pytest.approx(factor)


@pytest.mark.parametrize(
    "value",
    [
        *(1767268800000, 1767268800, "1767268800000", "2026-01-01T12:00:00Z", "2026-01-01T13:00:00+01:00"),
        *("2026-01-01T12:00:00", "2026-01-01 12:00:00.000000", "2026-01-01T12:00:00.0000000Z"),
        "Thu, 01 Jan 2026 12:00:00 +0000",
    ],
)
def test_times_are_read_as_tools_write_them(value: Any) -> None:
    assert time_of(value) == datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


@pytest.mark.parametrize("value", [None, True, "", "gestern", "1. Januar 2026", [], 1e300, -1e300, "nan"])
def test_what_is_no_time_is_none(value: Any) -> None:
    assert time_of(value) is None
