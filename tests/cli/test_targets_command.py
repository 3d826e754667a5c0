"""``ttci targets suggest`` and ``update``: real processes on real folders and manifests."""

from __future__ import annotations

import json
import os
import random
import stat
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.histories import run_before
from tests.pair_folders import MODEL_LINE, latency, leave, result_of, run_of
from ttci.history.record import encode, file_name, recorded
from ttci.history.stores.folder import FolderStore
from ttci.manifest import load_manifest
from ttci.results import Fidelity, Measurement, Outcome, Result, judge

PAIR = "llama3@n150"
MANIFEST = """\
# Ours
[devices.n150]
backend = "ttnn"
target = "silicon"
board = "n150"

[models.llama3]
source = "model.py::Model"
devices = ["n150"]  # more to come

[models.llama3.targets.n150.attention]
latency_ms = 5.0   # since May
memory_mb = { value = 512, tolerance = 0.10 }  # peak
"""
OF_MANIFEST = {"latency_ms": "models_manifest.toml:12"}
NOISY = [4.2 * (1 + step / 100) for step in (-9, -6, -3, 0, 3, 6, 9)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    folder = tmp_path / "work"
    folder.mkdir()
    made = Project(folder)
    made.write("model.py", "class Model: pass\n")
    made.write("models_manifest.toml", MANIFEST)
    return made


def performance(
    value: float = 4.2,
    target: float | None = 5.0,
    test: str = "attention",
    samples: Iterable[float] = (),
    places: dict[str, str] | None = OF_MANIFEST,
    pair: str = PAIR,
) -> Result:
    measured = latency(value, target, samples)
    return result_of(pair, test, "performance", measurements=[measured], targets_at=places)


def memory(value: float = 498.3, target: float | None = 512.0) -> Result:
    measured = Measurement(name="memory_mb", value=value, unit="MB", target=target, tolerance=0.1)
    places = {"memory_mb": "models_manifest.toml:13"}
    return result_of(PAIR, check="memory", measurements=[judge(measured, binds=True)], targets_at=places)


def report(project: Project, *results: Result, folder: str = "reports") -> None:
    leave(project.path / folder, run_of(PAIR, *results))


def manifest_of(project: Project) -> str:
    return (project.path / "models_manifest.toml").read_bytes().decode()


def test_suggest_prints_a_table_and_toml_that_a_manifest_takes(project: Project) -> None:
    report(project, performance(samples=NOISY, test="ffn v1.5", target=None), memory())
    done = project.ttci("targets", "suggest")
    assert done.code == 0, done.output
    table, _, toml = done.output.partition("\n\n")
    assert "7 rounds of one run" in table
    assert "latency_ms = { value = 4.2, tolerance = 0.27 }" in toml
    project.write("pasted.toml", MANIFEST.partition("[models.llama3.targets")[0] + toml)
    targets = load_manifest(project.path / "pasted.toml").models["llama3"].targets["n150"]
    assert targets["ffn v1.5"].of("latency_ms") is not None
    assert targets["attention"].of("memory_mb") is not None


def test_suggest_for_a_machine_says_what_is_left_out_and_why(project: Project) -> None:
    mock = "llama3@n150-mock"
    leave(project.path / "reports", run_of(mock, performance(pair=mock), fidelity=Fidelity.GOLDEN))
    report(project, performance())
    data = json.loads(standard_output(project, "targets", "suggest", "--json"))
    (found,) = data["suggestions"]
    assert (found["id"], found["metric"], found["value"]) == (
        f"{PAIR}/attention[performance]",
        "latency_ms",
        4.2,
    )
    assert found["key"] == "models.llama3.targets.n150.attention.latency_ms"
    assert (found["target"], found["verdict"], found["tolerance"]) == (5.0, "improved", 0.05)
    (left_out,) = data["left_out"]
    assert left_out["id"].startswith(mock)
    assert "mock" in left_out["reason"]


def standard_output(project: Project, *arguments: str) -> bytes:
    command = [sys.executable, "-m", "ttci", *arguments]
    return subprocess.run(command, cwd=project.path, capture_output=True, check=True, timeout=60).stdout


def test_several_folders_are_several_runs(project: Project) -> None:
    for number, value in enumerate((4.0, 4.2, 4.6)):
        report(project, performance(value), folder=f"run-{number}")
    done = project.ttci("targets", "suggest", "run-0", "run-1", "run-2", PAIR)
    assert done.code == 0, done.output
    assert "3 runs" in done.output
    assert "latency_ms = { value = 4.2, tolerance = 0.22 }" in done.output


def test_update_replaces_the_numbers_of_a_pair_and_adds_what_is_missing(project: Project) -> None:
    report(project, performance(), memory(), performance(1.5, None, "ffn", places=None))
    done = project.ttci("targets", "update", PAIR)
    assert done.code == 0, done.output
    changed = MANIFEST.replace("5.0   #", "4.2   #").replace("512", "498")
    assert manifest_of(project) == f"{changed}\n[models.llama3.targets.n150.ffn]\nlatency_ms = 1.5\n"
    assert done.lines == [
        "models_manifest.toml:12: models.llama3.targets.n150.attention.latency_ms: 5 → 4.2",
        "models_manifest.toml:13: models.llama3.targets.n150.attention.memory_mb: 512 → 498",
        "models_manifest.toml:16: models.llama3.targets.n150.ffn.latency_ms: 1.5 is new, tolerance 0.05",
        "models_manifest.toml: 2 updated, 1 added",
    ]


def test_update_of_200_targets_with_comments_changes_their_numbers_only(project: Project) -> None:
    draw = random.Random(1)

    def written(values: list[float]) -> str:
        tables = [
            f"# {n}: {'=' * (n % 9)}\n[models.llama3.targets.n150.t{n}]\n"
            f"latency_ms{' ' * (n % 3)}= {value}  # of run {n}\n"
            for n, value in enumerate(values)
        ]
        return MANIFEST + "\n" + "\n".join(tables) + "# the end, without a line's end"

    old = [float(f"{draw.uniform(2, 9):.3g}") for _ in range(200)]
    new = [float(f"{value * 0.8:.3g}") for value in old]
    project.write("models_manifest.toml", written(old))
    figures = [
        performance(value, before, f"t{n}") for n, (value, before) in enumerate(zip(new, old, strict=True))
    ]
    report(project, *figures)
    done = project.ttci("targets", "update", "--improved")
    assert done.code == 0, done.output
    assert manifest_of(project) == written(new)
    assert done.lines[-1] == "models_manifest.toml: 200 updated"


def test_only_the_check_that_is_named_is_written(project: Project) -> None:
    report(project, performance(), memory())
    assert project.ttci("targets", "update", f"{PAIR}/attention[memory]").code == 0
    assert manifest_of(project) == MANIFEST.replace("512", "498")


def test_only_what_was_beaten_is_written_where_that_is_asked_for(project: Project) -> None:
    report(project, performance(), memory())
    assert project.ttci("targets", "update", "--improved").code == 0
    assert manifest_of(project) == MANIFEST.replace("5.0   #", "4.2   #")


def test_nothing_is_written_where_no_target_was_beaten(project: Project) -> None:
    report(project, performance(4.9), memory())
    done = project.ttci("targets", "update", "--improved")
    assert (done.code, done.lines) == (0, ["no target was beaten by more than its tolerance"])
    assert manifest_of(project) == MANIFEST


def test_target_that_was_tightened_since_is_not_loosened_by_an_older_report(project: Project) -> None:
    report(project, performance())
    project.write("models_manifest.toml", MANIFEST.replace("5.0   #", "3.0   #"))
    done = project.ttci("targets", "update", "--improved")
    assert done.code == 2
    assert "models_manifest.toml:12" in done.output
    assert "asks for more" in done.output
    assert "3.0   #" in manifest_of(project)


def test_update_twice_changes_nothing_more(project: Project) -> None:
    report(project, performance())
    project.ttci("targets", "update", PAIR)
    once = manifest_of(project)
    done = project.ttci("targets", "update", PAIR)
    assert (done.code, done.lines) == (0, ["models_manifest.toml: 1 unchanged"])
    assert manifest_of(project) == once


def test_dry_run_prints_a_diff_that_git_applies_and_writes_nothing(project: Project) -> None:
    report(project, performance(), performance(1.5, None, "ffn", places=None))
    for text in (MANIFEST, MANIFEST.replace("\n", "\r\n"), MANIFEST.removesuffix("\n")):
        (project.path / "models_manifest.toml").write_bytes(text.encode())
        diff = standard_output(project, "targets", "update", PAIR, "--dry-run")
        assert manifest_of(project) == text
        command = ["git", "apply", "-p0", "-"]
        subprocess.run(command, cwd=project.path, input=diff, check=True, timeout=60)
        applied = manifest_of(project)
        (project.path / "models_manifest.toml").write_bytes(text.encode())
        project.ttci("targets", "update", PAIR)
        assert manifest_of(project) == applied != text


def test_mark_of_utf_8_ends_of_lines_mode_and_link_stay(project: Project) -> None:
    report(project, performance())
    real = project.path / "real.toml"
    text = MANIFEST.replace("\n", "\r\n")
    real.write_bytes(b"\xef\xbb\xbf" + text.encode())
    real.chmod(0o640)
    link = project.path / "models_manifest.toml"
    link.unlink()
    link.symlink_to(real)
    done = project.ttci("targets", "update", PAIR)
    assert done.code == 0, done.output
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert real.read_bytes() == b"\xef\xbb\xbf" + text.replace("5.0   #", "4.2   #").encode()


def test_noise_that_a_plain_number_does_not_allow_for_is_said(project: Project) -> None:
    report(project, performance(samples=NOISY))
    done = project.ttci("targets", "update", PAIR)
    assert done.code == 0, done.output
    assert "write { value = 4.2, tolerance = 0.27 }" in done.output
    assert "latency_ms = 4.2   #" in manifest_of(project)


def remember(project: Project) -> None:
    """A history of 30 runs, of about 4.2 ms."""
    draw = random.Random(2)
    values = [4.2 * (1 + draw.gauss(0, 0.03)) for _ in range(30)]
    runs = [recorded(run_before(30 - n, value)) for n, value in enumerate(values)]
    FolderStore(project.path / "history").change({file_name(run): encode(run) for run in runs}, {}, "")


def test_history_is_judged_where_it_is_named(project: Project) -> None:
    remember(project)
    cache = {"TTCI_CACHE": str(project.path / "cache")}
    source = ("--history", "folder:history", "--default-branch", "main")
    done = project.ttci("targets", "suggest", *source, **cache)
    assert done.code == 0, done.output
    assert "the history, 30 runs" in done.output
    done = project.ttci("targets", "update", PAIR, *source, **cache)
    assert done.code == 0, done.output
    target = (
        load_manifest(project.path / "models_manifest.toml").models["llama3"].targets["n150"]["attention"]
    )
    latency_ms = target.of("latency_ms")
    assert latency_ms is not None
    assert latency_ms.value == pytest.approx(4.2, rel=0.02)


def test_edit_made_while_targets_are_looked_for_is_kept(project: Project) -> None:
    """Somebody's edit comes when git, which is asked for the default branch, begins."""
    remember(project)
    git = project.write("bin/git", "#!/bin/sh\necho '# mine' >>models_manifest.toml\nexit 1\n")
    git.chmod(0o755)
    environment = {
        "TTCI_CACHE": str(project.path / "cache"),
        "PATH": f"{git.parent}{os.pathsep}{os.environ['PATH']}",
    }
    done = project.ttci("targets", "update", PAIR, "--history", "folder:history", **environment)
    assert done.code == 2, done.output
    assert "models_manifest.toml: it was changed while" in done.output
    assert set(manifest_of(project).removeprefix(MANIFEST).splitlines()) == {"# mine"}
    assert not list(project.path.glob(".models_manifest.toml*"))


def refused(project: Project, *arguments: str) -> str:
    """What an update prints that must not change the manifest."""
    before = manifest_of(project)
    done = project.ttci("targets", "update", *arguments)
    assert manifest_of(project) == before
    assert done.code == 2, done.output
    assert "Traceback" not in done.output
    return done.output


def test_update_of_nothing_says_what_to_name(project: Project) -> None:
    report(project, performance())
    said = refused(project)
    assert "--improved" in said
    assert PAIR in said


def test_target_that_is_there_as_a_comment_only_is_refused(project: Project) -> None:
    report(project, performance())
    project.write("models_manifest.toml", MANIFEST.replace("latency_ms = 5.0", "# latency_ms = 5.0"))
    said = refused(project, f"{PAIR}/attention[performance]")
    assert said.startswith("models_manifest.toml:12: models.llama3.targets.n150.attention.latency_ms:")
    assert "remove its #" in said


def test_target_in_the_code_of_the_model_is_refused_with_its_place(project: Project) -> None:
    report(project, performance(test="coded", places=None))
    said = refused(project, PAIR)
    assert said.startswith(f"{MODEL_LINE}: ")
    assert "change it there to 4.2" in said


def test_rest_of_a_pair_is_written_where_one_target_is_in_the_code(project: Project) -> None:
    report(project, performance(test="coded", places=None), performance())
    done = project.ttci("targets", "update", PAIR)
    assert done.code == 0, done.output
    assert MODEL_LINE in done.output
    assert "1 updated, 1 left out" in done.output


def test_nothing_is_written_where_one_check_that_is_named_is_refused(project: Project) -> None:
    report(project, performance(test="coded", places=None), performance())
    said = refused(project, f"{PAIR}/coded[performance]", f"{PAIR}/attention[performance]")
    assert said.startswith(f"{MODEL_LINE}: ")


def test_read_only_manifest_is_refused_and_may_be_looked_at(project: Project) -> None:
    report(project, performance())
    (project.path / "models_manifest.toml").chmod(0o444)
    assert "models_manifest.toml: it is read-only" in refused(project, PAIR)
    done = project.ttci("targets", "update", PAIR, "--dry-run")
    assert done.code == 0
    assert "+latency_ms = 4.2" in done.output


def test_wrong_manifest_is_refused_with_its_lines(project: Project) -> None:
    report(project, performance())
    project.write("models_manifest.toml", MANIFEST.replace("latency_ms", "latency_s"))
    assert "models_manifest.toml:12" in refused(project, PAIR)


def test_absent_manifest_is_refused(project: Project) -> None:
    report(project, performance())
    done = project.ttci("targets", "update", PAIR, "--manifest", "other.toml")
    assert done.code == 2
    assert "other.toml" in done.output


def test_absent_reports_are_said_with_what_to_do(project: Project) -> None:
    done = project.ttci("targets", "update", PAIR)
    assert done.code == 5
    assert "`ttci run`" in done.output


def test_folder_that_is_not_there_is_said_with_how_to_name_a_pair(project: Project) -> None:
    report(project, performance())
    assert "llama3: there is no such folder; a pair is written model@device" in refused(project, "llama3")


def test_unknown_pair_and_check_are_refused_at_once(project: Project) -> None:
    report(project, performance())
    said = refused(project, "llama3@n15O", f"{PAIR}/atention[performance]")
    assert f'did you mean "{PAIR}"?' in said
    assert f'did you mean "{PAIR}/attention[performance]"?' in said


def test_pair_without_measurements_is_refused(project: Project) -> None:
    report(project, result_of(PAIR), result_of(PAIR, check="performance", outcome=Outcome.ERROR))
    assert f"{PAIR} measured nothing that can have a target" in refused(project, PAIR)


def test_model_and_device_that_the_manifest_lacks_are_refused(project: Project) -> None:
    for pair in ("llama4@n150", "llama3@n151"):
        leave(project.path / "reports", run_of(pair, performance(pair=pair)))
    said = refused(project, "llama*@*")
    assert 'there is no model "llama4" in it; did you mean "llama3"?' in said
    assert 'there is no device "n151" in it; did you mean "n150"?' in said


def test_inline_table_of_all_targets_is_edited(project: Project) -> None:
    report(project, performance(), memory())
    head = MANIFEST.partition("[models.llama3.targets")[0].rstrip()
    written = f"{head}\ntargets = {{ n150 = {{ attention = {{ latency_ms = 5 }} }} }}  # all\n"
    project.write("models_manifest.toml", written)
    assert project.ttci("targets", "update", f"{PAIR}/attention[performance]").code == 0
    assert manifest_of(project) == written.replace("latency_ms = 5", "latency_ms = 4.2")


def test_form_that_takes_no_target_is_refused_with_what_to_write(project: Project) -> None:
    report(project, performance(test="ffn", target=None, places=None))
    head = MANIFEST.partition("[models.llama3.targets")[0].rstrip()
    project.write("models_manifest.toml", f"{head}\ntargets = {{ n150.attention.latency_ms = 5 }}\n")
    said = refused(project, PAIR)
    assert said.startswith("models_manifest.toml:10: models.llama3.targets.n150.ffn.latency_ms:")
    assert "write it by hand: 4.2" in said


def test_time_of_a_mock_is_refused_by_name(project: Project) -> None:
    leave(project.path / "reports", run_of(PAIR, performance(), fidelity=Fidelity.GOLDEN))
    assert "the time of a mock means nothing" in refused(project, f"{PAIR}/attention[performance]")


def test_torn_run_is_said_and_the_others_are_suggested(project: Project) -> None:
    report(project, performance())
    torn = project.path / "reports" / "llama3@n300"
    torn.mkdir()
    (torn / "run.json").write_text("{")
    done = project.ttci("targets", "suggest")
    assert done.code == 4
    assert "latency_ms = 4.2" in done.output
    assert "cannot be read" in done.output


def test_reports_beside_a_history_are_refused(project: Project) -> None:
    report(project, performance())
    said = refused(project, "reports", PAIR, "--history", "folder:history")
    assert "a folder beside --history" in said
    assert "the history is off" in refused(project, PAIR, "--history", "off")
