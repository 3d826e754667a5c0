"""The published JSON Schema is current, and agrees with what is read."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.root import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

from ttci.errors import InputError
from ttci.manifest import load_manifest
from ttci.manifest.json_schema import schema_text

PUBLISHED = ROOT / "models_manifest.schema.json"
REGENERATE = "python -m ttci.manifest.json_schema > models_manifest.schema.json"
CPU = '[devices.cpu]\nbackend = "torch"\n'
MODEL = CPU + '[models.m]\nsource = "m.py"\ndevices = ["cpu"]\n'


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_published_schema_is_current() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == schema_text(), f"run: {REGENERATE}"


def test_command_that_regenerates_it_prints_it() -> None:
    command = [sys.executable, "-W", "error", "-m", *REGENERATE.split()[2:3]]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout.decode() == schema_text()


def test_shipped_manifest_validates(validator: Any) -> None:
    validator.validate(tomllib.loads((ROOT / "models_manifest.toml").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        CPU + 'dtype = "bfloat16"\nmax-tokens = 128\non-demand = true\nworkers = 2',
        MODEL + "[models.m.targets.cpu.t]\nlatency_ms = 5\nmemory_mb = { value = 512, tolerance = 0.1 }",
        '[devices.n150]\nbackend = "ttnn"\ntarget = "mock"\nboard = "n150"\nruns-on = ["a", "b"]',
        CPU + '[history]\nstore = "branch:x"\ndefault-branch = "main"\nsmallest-change = 0.1',
        CPU + "[history.smallest-change]\nlatency_ms = 0.1\nmemory_mb = 0.02",
    ],
)
def test_schema_and_reader_take_the_same_manifests(tmp_path: Path, validator: Any, text: str) -> None:
    (tmp_path / "m.py").touch()
    (tmp_path / "m.toml").write_text(text)
    load_manifest(tmp_path / "m.toml")
    validator.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "devices = []",
        CPU + "max_tokens = 8",
        CPU + "max-tokens = 0",
        CPU + 'max-tokens = "8"',
        CPU + 'board = "n150"',
        CPU.replace("torch", "jax"),
        CPU.replace("backend", "bakend"),
        CPU.replace(".cpu", '."c p u"'),
        '[devices.n150]\nbackend = "ttnn"',
        MODEL.replace('["cpu"]', "[]"),
        MODEL.replace('source = "m.py"', ""),
        MODEL + "x = 1",
        MODEL + "[models.m.targets.cpu.t]\nlatency_ms = 0",
        MODEL + "[models.m.targets.cpu.t]\nlatency_ms = true",
        MODEL + "[models.m.targets.cpu.t]\nlatency_ms = { value = 1, tolerance = -1 }",
        MODEL + "[models.m.targets.cpu.t]\nlatncy_ms = 1",
        '[history]\nstore = "brunch"',
        "[history]\nsmallest-change = 5",
        "[history.smallest-change]\nlatncy_ms = 0.1",
    ],
)
def test_schema_and_reader_refuse_the_same_manifests(tmp_path: Path, validator: Any, text: str) -> None:
    (tmp_path / "m.py").touch()
    (tmp_path / "m.toml").write_text(text)
    with pytest.raises(InputError):
        load_manifest(tmp_path / "m.toml")
    assert not validator.is_valid(tomllib.loads(text))
