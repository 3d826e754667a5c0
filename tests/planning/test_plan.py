"""A plan says of each pair what it needs, and whether that is here."""

from pathlib import Path

import pytest

from ttci.manifest import Manifest, TorchDeviceEntry, TtnnDeviceEntry, load_manifest
from ttci.planning.plan import missing, plan

TEXT = """
[devices.cpu]
backend = "torch"
timeout-minutes = 7
[devices.n150]
backend = "ttnn"
target = "silicon"
board = "n150"
runs-on = ["self-hosted", "N150"]
[devices.later]
backend = "torch"
on-demand = true
[models.m]
source = "m.py"
devices = ["cpu", "n150", "later"]
"""


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    (tmp_path / "m.py").touch()
    (tmp_path / "m.toml").write_text(TEXT)
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi
    return load_manifest(tmp_path / "m.toml")


def test_job_has_the_environment_runner_and_time_of_its_device(manifest: Manifest) -> None:
    cpu, n150 = plan(manifest, []).jobs
    assert (str(cpu.pair), cpu.environment, cpu.runs_on) == ("m@cpu", "torch", ("ubuntu-latest",))
    assert (cpu.timeout_minutes, cpu.missing) == (7, None)
    assert (str(n150.pair), n150.environment, n150.runs_on) == ("m@n150", "ttnn", ("self-hosted", "N150"))
    assert (n150.timeout_minutes, n150.missing is None) == (60, False)


def test_every_pair_that_does_not_run_here_is_listed_with_the_reason(manifest: Manifest) -> None:
    whole = plan(manifest, [])
    assert [str(job.pair) for job in whole.here] == ["m@cpu"]
    reasons = {str(pair): reason for pair, reason in whole.not_run_here}
    assert list(reasons) == ["m@n150", "m@later"]
    assert reasons["m@n150"]
    assert reasons["m@later"] == "on demand: name it with --device later"


def test_matrix_entry_is_what_a_workflow_needs(manifest: Manifest) -> None:
    assert plan(manifest, [], ["n150"]).jobs[0].as_matrix_entry() == {
        "pair": "m@n150",
        "model": "m",
        "device": "n150",
        "environment": "ttnn",
        "runs-on": ["self-hosted", "N150"],
        "timeout-minutes": 60,
    }


def test_cuda_is_missing_without_nvidia_smi_and_here_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    cuda = TorchDeviceEntry(backend="torch", target="cuda")
    assert missing(cuda) == "there is no NVIDIA GPU on this host (no nvidia-smi)"
    (tmp_path / "nvidia-smi").touch(0o755)
    assert missing(cuda) is None


@pytest.mark.skipif(Path("/dev/tenstorrent").exists(), reason="there is a Tenstorrent board on this host")
def test_silicon_is_missing_without_a_board() -> None:
    silicon = TtnnDeviceEntry(backend="ttnn", target="silicon", board="n150")
    assert "/dev/tenstorrent" in str(missing(silicon))
