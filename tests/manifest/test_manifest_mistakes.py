"""A wrong manifest is refused: every mistake at once, each with its line and what to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from ttci.errors import ExitCode, InputError
from ttci.manifest import load_manifest

HEAD = """\
[devices.cpu]
backend = "torch"
[models.a]
source = "model.py::M"
devices = ["cpu"]
"""
TARGETS = HEAD + "[models.a.targets.cpu.t]\n"
TTNN = HEAD + '[devices.b]\nbackend = "ttnn"\n'
TORCH = HEAD + '[devices.b]\nbackend = "torch"\n'
HISTORY = HEAD + "[history]\n"
STORES = 'is no place for a history; write store = "branch", "branch:NAME", "folder:PATH" or "off"'
FULL_BRANCH = '8: history.default-branch: "" is empty; write default-branch = "main", say'
FRACTIONS = (
    "is not a fraction above 0 and below 1; write smallest-change = 0.05, say, "
    "or { latency_ms = 0.05, memory_mb = 0.02 }"
)
NAMES = "use letters, digits, '_', '.', '+' and '-', the first a letter or a digit"
TARGET_FORMS = "is not a target; write 5.0, say, or { value = 5.0, tolerance = 0.1 }"

# The text, and what is said of it: the messages in order, without the file's name.
MISTAKES: dict[str, tuple[str, list[str]]] = {
    # The history.
    "history key": (
        HISTORY + 'stores = "off"',
        ['7: history.stores: unknown key "stores"; did you mean "store"?'],
    ),
    "history that is no table": ("history = true\n" + HEAD, ["1: history: true is not a table"]),
    "store": (
        HISTORY + 'store = "ftp://x"\ndefault-branch = ""',
        [f'7: history.store: "ftp://x" {STORES}', FULL_BRANCH],
    ),
    "store without a name": (HISTORY + 'store = "branch:"', [f'7: history.store: "branch:" {STORES}']),
    "store that is no text": (HISTORY + "store = true", ["7: history.store: true is not a string"]),
    **{
        f"smallest change {value}": (
            f"{HISTORY}smallest-change = {value}",
            [f"7: history.smallest-change: {shown} {FRACTIONS}"],
        )
        for value, shown in {
            "5": "5",
            "0": "0",
            "-0.1": "-0.1",
            "true": "true",
            "nan": "nan",
            "[]": "[]",
        }.items()
    },
    "smallest changes": (
        HISTORY + "[history.smallest-change]\nlatency = 0.1\nmemory_mb = 2\ncorrelation = 0.1",
        [
            '8: history.smallest-change.latency: unknown key "latency"; did you mean "latency_ms"?',
            f"9: history.smallest-change.memory_mb: 2 {FRACTIONS}",
        ],
    ),
    # Names with a dot, which TOML takes apart where they are not quoted.
    "name of a model with a dot": (
        HEAD + '[models.b1.5-7b]\nsource = "model.py::M"\ndevices = ["cpu"]\n[models.b1.5-7b.targets.cpu]\n',
        ['6: models.b1.5-7b: unknown key "5-7b"; a name with a dot is quoted: write [models."b1.5-7b"]'],
    ),
    "name of a model with two dots": (
        HEAD + '[models.b.1.5]\nsource = "model.py::M"\ndevices = ["cpu"]\n',
        ['6: models.b.1: unknown key "1"; a name with a dot is quoted: write [models."b.1.5"]'],
    ),
    "name of a device with a dot": (
        HEAD + '[devices.b1.5]\nbackend = "torch"\n',
        ['6: devices.b1.5: unknown key "5"; a name with a dot is quoted: write [devices."b1.5"]'],
    ),
    "name of a test with a dot": (
        HEAD + "[models.a.targets.cpu.t1.5]\nlatency_ms = 5\n",
        [
            '6: models.a.targets.cpu.t1.5: unknown key "5"; a name with a dot is quoted: '
            'write [models.a.targets.cpu."t1.5"]'
        ],
    ),
    # Unknown keys, at each level.
    "top level": ("[device.x]\n", ['1: device: unknown key "device"; did you mean "devices"?']),
    "device key": (
        TORCH + 'dtypes = "float32"',
        ['8: devices.b.dtypes: unknown key "dtypes"; did you mean "dtype"?'],
    ),
    "device key with an underscore": (
        TORCH + "max_tokens = 8",
        ['8: devices.b.max_tokens: unknown key "max_tokens"; did you mean "max-tokens"?'],
    ),
    "key of the other backend": (
        TORCH + 'board = "n150"',
        [
            '8: devices.b.board: unknown key "board"; there is: backend, dtype, max-tokens, '
            "measure-seconds, on-demand, requirements, runs-on, target, test-timeout-seconds, "
            "timeout-minutes, workers"
        ],
    ),
    "model key": (
        HEAD + "sources = 1",
        ['6: models.a.sources: unknown key "sources"; did you mean "source"?'],
    ),
    "model table": (
        HEAD + "[models.a.target.cpu.t]\nlatency_ms = 1",
        ['6: models.a.target: unknown key "target"; did you mean "targets"?'],
    ),
    "target": (
        TARGETS + "latncy_ms = 1",
        ['7: models.a.targets.cpu.t.latncy_ms: unknown key "latncy_ms"; did you mean "latency_ms"?'],
    ),
    "key of a target": (
        TARGETS + "latency_ms = { value = 1, tolerances = 2 }",
        [
            "7: models.a.targets.cpu.t.latency_ms.tolerances: "
            'unknown key "tolerances"; did you mean "tolerance"?'
        ],
    ),
    # Backends, targets, boards and types.
    "unknown backend": (
        HEAD + '[devices.b]\nbackend = "torhc"\ndtpye = 1',
        [
            '7: devices.b.backend: unknown backend "torhc"; did you mean "torch"?',
            '8: devices.b.dtpye: unknown key "dtpye"; did you mean "dtype"?',
        ],
    ),
    "misspelt backend key": (
        HEAD + '[devices.b]\nbakend = "torch"',
        [
            '6: devices.b: "backend" is missing; write backend = "torch" or "ttnn"',
            '7: devices.b.bakend: unknown key "bakend"; did you mean "backend"?',
        ],
    ),
    "backend of a wrong type": (
        HEAD + '[devices.b]\nbackend = ["torch"]',
        ["7: devices.b.backend: an array is not a string"],
    ),
    "no target and no board": (
        TTNN,
        [
            '6: devices.b: "target" is missing; write target = "silicon", "simulator" or "mock"',
            '6: devices.b: "board" is missing; write board = "n150", say',
        ],
    ),
    "unknown board and target": (
        TTNN + 'target = "silicn"\nboard = "n15O"',
        [
            '8: devices.b.target: unknown target "silicn"; did you mean "silicon"?',
            '9: devices.b.board: unknown board "n15O"; did you mean "n150"?',
        ],
    ),
    "mesh of more chips than the board has": (
        TTNN + 'target = "mock"\nboard = "t3k"\nmesh = [4, 4]',
        ["10: devices.b.mesh: 4 x 4 are 16 chips, and t3k has 8"],
    ),
    "simulator of several chips": (
        TTNN + 'target = "simulator"\nboard = "n300"',
        ["9: devices.b.board: the simulator has one chip, and n300 has more; there is: n150, p100, p150"],
    ),
    "kernels where every one is compiled": (
        TTNN + 'target = "silicon"\nboard = "n150"\nkernels = "stand-in"',
        ["10: devices.b.kernels: is for mocks; on silicon and the simulator every kernel is compiled"],
    ),
    "numbers where the kernels compute": (
        TTNN + 'target = "simulator"\nboard = "n150"\nnumbers = "golden"',
        ["10: devices.b.numbers: is for mocks; on silicon and the simulator the kernels compute"],
    ),
    "unknown kernels and a weight dtype that ttnn has not": (
        TTNN + 'target = "mock"\nboard = "n150"\nkernels = "compiled"\nweight-dtype = "bfloat8"',
        [
            '10: devices.b.kernels: unknown kernel "compiled"; did you mean "compile"?',
            '11: devices.b.weight-dtype: unknown weight-dtype "bfloat8"; did you mean "bfloat8_b"?',
        ],
    ),
    "unknown dtype": (
        TORCH + 'dtype = "bf16"',
        ['8: devices.b.dtype: unknown dtype "bf16"; did you mean "bfloat16"?'],
    ),
    # Wrong types and values of a device.
    "numbers out of range": (
        TORCH + "max-tokens = 0\nworkers = -1\ntimeout-minutes = 1.5",
        [
            "8: devices.b.max-tokens: 0 is not above 0",
            "9: devices.b.workers: -1 is not above 0",
            "10: devices.b.timeout-minutes: 1.5 is not a whole number",
        ],
    ),
    "a number beyond all use": (
        TORCH + f"timeout-minutes = {'9' * 400}",
        ["8: devices.b.timeout-minutes: a number this long is not at most 1,000,000,000"],
    ),
    "wrong types": (
        TORCH
        + 'max-tokens = "8"\nworkers = true\non-demand = 1\nruns-on = "x"\ntimeout-minutes = 2026-01-01',
        [
            '8: devices.b.max-tokens: "8" is not a whole number',
            "9: devices.b.workers: true is not a whole number",
            "10: devices.b.on-demand: 1 is not true or false",
            '11: devices.b.runs-on: "x" is not an array; write runs-on = ["x"]',
            "12: devices.b.timeout-minutes: 2026-01-01 is not a whole number",
        ],
    ),
    "wrong element over several lines": (
        TORCH + 'runs-on = [\n  "a",  # right\n  3,\n  "",\n]',
        [
            "10: devices.b.runs-on: 3 is not a string",
            '11: devices.b.runs-on: "" is empty; write runs-on = ["ubuntu-latest"], say',
        ],
    ),
    "devices is no table": ("devices = 3", ["1: devices: 3 is not a table"]),
    "devices is an array of tables": (
        '[[devices]]\nbackend = "torch"',
        ["1: devices: an array is not a table"],
    ),
    "model is no table": ('[models]\na = "m.py"', ['2: models.a: "m.py" is not a table']),
    # Names.
    "names with bad characters": (
        HEAD + '[devices."b c"]\nbackend = "torch"\n[models."x/y"]\nsource = "model.py"\ndevices = ["cpu"]',
        [f'6: devices."b c": "b c" is not a name; {NAMES}', f'8: models."x/y": "x/y" is not a name; {NAMES}'],
    ),
    "name with a line end": (
        HEAD + '[devices."b\\n"]\nbackend = "torch"',
        [f'6: devices."b\\n": "b\\n" is not a name; {NAMES}'],
    ),
    # Models.
    "no source, no devices": (
        "[models.a]",
        [
            '1: models.a: "source" is missing; write source = "path.py::Class"',
            '1: models.a: "devices" is missing; write devices = ["cpu"], say',
        ],
    ),
    "unknown devices": (
        HEAD.replace('["cpu"]', '[\n  "cpu",\n  # a comment\n  "cpx",\n  "zzz",\n]'),
        [
            '8: models.a.devices: unknown device "cpx"; did you mean "cpu"?',
            '9: models.a.devices: unknown device "zzz"; there is: cpu',
        ],
    ),
    "device listed twice": (
        HEAD.replace('["cpu"]', '["cpu", "cpu"]'),
        ['5: models.a.devices: device "cpu" is listed twice'],
    ),
    "devices as a string": (
        HEAD.replace('["cpu"]', '"cpu"'),
        ['5: models.a.devices: "cpu" is not an array; write devices = ["cpu"]'],
    ),
    "no device": (
        HEAD.replace('["cpu"]', "[]"),
        ['5: models.a.devices: [] is empty; write devices = ["cpu"], say'],
    ),
    "devices of wrong types": (
        HEAD.replace('["cpu"]', '["cpu", 3, ["cpu"], { a = 1 }]'),
        [
            "5: models.a.devices: 3 is not a string",
            "5: models.a.devices: an array is not a string",
            "5: models.a.devices: a table is not a string",
        ],
    ),
    "targets for an unknown device": (
        HEAD + "[models.a.targets.cpx.t]\nlatency_ms = 1",
        ['6: models.a.targets.cpx: unknown device "cpx"; did you mean "cpu"?'],
    ),
    # Sources; {folder} is the manifest's.
    "missing source file": (
        HEAD.replace("model.py", "modle.py"),
        ['4: models.a.source: there is no file "modle.py" in {folder}'],
    ),
    "source without a class after the colons": (
        HEAD.replace("::M", "::"),
        ['4: models.a.source: "" is not the name of a class; write path.py::Class'],
    ),
    "source with one colon": (
        HEAD.replace("::M", ":M"),
        ['4: models.a.source: "model.py:M" is no source; write two colons, "model.py::M"'],
    ),
    "source that is no Python file": (
        HEAD.replace("model.py", "model.txt"),
        ['4: models.a.source: "model.txt" is no Python file; write path.py::Class'],
    ),
    "source that is nothing": (
        HEAD.replace("model.py::M", "hello world"),
        [
            '4: models.a.source: "hello world" is no source; '
            "write path.py::Class, path.py or package.module:attr"
        ],
    ),
    "source with a null": (
        HEAD.replace("model.py", "m\\u0000.py"),
        ['4: models.a.source: there is no file "m\\x00.py" in {folder}'],
    ),
    "source longer than a path may be": (
        HEAD.replace("model.py", "m" * 5000 + ".py"),
        [f'4: models.a.source: there is no file "{"m" * 79}…" in {{folder}}'],
    ),
    "empty source": (
        HEAD.replace("model.py::M", ""),
        ['4: models.a.source: "" is empty; write source = "path.py::Class"'],
    ),
    # Targets.
    "targets that no measurement reaches": (
        TARGETS + "latency_ms = -1\nmemory_mb = 0\naccuracy = nan",
        [
            "7: models.a.targets.cpu.t.latency_ms: -1 is not above 0",
            "8: models.a.targets.cpu.t.memory_mb: 0 is not above 0",
            "9: models.a.targets.cpu.t.accuracy: nan is not a finite number",
        ],
    ),
    "targets of wrong types": (
        TARGETS + 'latency_ms = true\nmemory_mb = "5"\naccuracy = inf',
        [
            f"7: models.a.targets.cpu.t.latency_ms: true {TARGET_FORMS}",
            f'8: models.a.targets.cpu.t.memory_mb: "5" {TARGET_FORMS}',
            "9: models.a.targets.cpu.t.accuracy: inf is not a finite number",
        ],
    ),
    "wrong tables of targets": (
        TARGETS + 'latency_ms = { value = -1, tolerance = -0.1 }\nmemory_mb = { tolerance = "1" }',
        [
            "7: models.a.targets.cpu.t.latency_ms.value: -1 is not above 0",
            "7: models.a.targets.cpu.t.latency_ms.tolerance: -0.1 is not at least 0",
            '8: models.a.targets.cpu.t.memory_mb: "value" is missing; write value = 5.0, say',
            '8: models.a.targets.cpu.t.memory_mb.tolerance: "1" is not a number',
        ],
    ),
    "a tolerance that nothing misses": (
        TARGETS + "tokens_per_s_per_user = { value = 9, tolerance = 1.2 }",
        [
            "7: models.a.targets.cpu.t.tokens_per_s_per_user.tolerance: 1.2 can never be missed: "
            "the limit is the target less 120% of it; it is a fraction: write 0.2 for 20 %"
        ],
    ),
    "a tolerance that nothing misses, in per cent": (
        TARGETS + "[models.a.targets.cpu.u.tokens_per_s_per_user]\nvalue = 9\ntolerance = 25",
        [
            "9: models.a.targets.cpu.u.tokens_per_s_per_user.tolerance: 25 can never be missed: "
            "the limit is the target less 2500% of it; it is a fraction: write 0.25 for 25 %"
        ],
    ),
    "a tolerance of accuracy, which is one": (
        TARGETS + "accuracy = { value = 0.001, tolerance = 0.1 }",
        [
            "7: models.a.targets.cpu.t.accuracy: "
            "is a tolerance itself and takes none; write accuracy = 0.001, say"
        ],
    ),
    "targets are no tables": (HEAD + "targets.cpu.t = 3", ["6: models.a.targets.cpu.t: 3 is not a table"]),
    # Where keys are written in other ways.
    "quoted key with dots": (
        HEAD + '[models.a.targets.cpu."t.x \\"y"]\n\nlatncy_ms = 1',
        ['8: models.a.targets.cpu."t.x \\"y".latncy_ms: unknown key "latncy_ms"; did you mean "latency_ms"?'],
    ),
    "dotted key": (
        HEAD + "# c\ntargets.cpu.t.memory_mb = 1\ntargets.cpu.t.latency_ms = -1",
        ["8: models.a.targets.cpu.t.latency_ms: -1 is not above 0"],
    ),
    "inline table": (
        HEAD + "targets = { cpu = { t = { latency_ms = -1 } } }",
        ["6: models.a.targets.cpu.t.latency_ms: -1 is not above 0"],
    ),
    "after a string over several lines": (
        HEAD.replace('"torch"', '"""\ntorch"""') + "foo = 1",
        ['7: models.a.foo: unknown key "foo"; there is: devices, kernels, source, targets'],
    ),
    "Windows line ends": (
        (HEAD + "foo = 1").replace("\n", "\r\n"),
        ['6: models.a.foo: unknown key "foo"; there is: devices, kernels, source, targets'],
    ),
    "table written before the one around it": (
        "[models.a.targets.cpu.t]\nlatency_ms = 1\n" + HEAD.replace('source = "model.py::M"\n', ""),
        ['5: models.a: "source" is missing; write source = "path.py::Class"'],
    ),
    # No TOML.
    "table twice": (
        HEAD + '[models.a]\nsource = "model.py"',
        ["6: models.a: written twice, before on line 3"],
    ),
    "keys twice": (
        HEAD + 'devices = [\n  "cpu",\n]\nsource = "model.py"',
        [
            "6: models.a.devices: written twice, before on line 5",
            "9: models.a.source: written twice, before on line 4",
        ],
    ),
    "no value": (HEAD + "x =\ny = 2", ["6: not TOML: Invalid value"]),
    "no end": (HEAD + 'x = ["a"\n\n', ["6: not TOML: Unclosed array"]),
    "a null": ("\x00", ["1: not TOML: Invalid statement"]),
    # Everything at once, in the order of the lines.
    "many at once": (
        '[models.b]\nsource = 3\ndevices = ["cpx"]\nfoo = 1\n'
        '[devices.cpu]\nbackend = "torch"\ndtype = "x"\n'
        '[models.a]\nsource = "no.py"\ndevices = []',
        [
            "2: models.b.source: 3 is not a string",
            '3: models.b.devices: unknown device "cpx"; did you mean "cpu"?',
            '4: models.b.foo: unknown key "foo"; there is: devices, kernels, source, targets',
            '7: devices.cpu.dtype: unknown dtype "x"; there is: bfloat16, float16, float32',
            '9: models.a.source: there is no file "no.py" in {folder}',
            '10: models.a.devices: [] is empty; write devices = ["cpu"], say',
        ],
    ),
}


def refusal(path: Path) -> list[str]:
    with pytest.raises(InputError) as caught:
        load_manifest(path)
    assert caught.value.exit_code is ExitCode.BAD_INPUT
    return str(caught.value).splitlines()


def written(folder: Path, content: bytes) -> Path:
    (folder / "model.py").touch()
    path = folder / "m.toml"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("case", MISTAKES)
def test_mistake_is_named_with_line_key_and_advice(tmp_path: Path, case: str) -> None:
    text, expected = MISTAKES[case]
    path = written(tmp_path, text.encode())
    assert refusal(path) == [
        f"{path}:{line}".replace("{folder}", str(tmp_path.resolve())) for line in expected
    ]


def test_text_that_is_not_utf8_is_refused_at_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD.encode() + b'# caf\xe9\nname = "x"\n')
    assert refusal(path) == [f"{path}:6: byte 0xe9 is not UTF-8; save the file as UTF-8"]


def test_utf16_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD.encode("utf-16"))
    assert refusal(path) == [f"{path}:1: byte 0xff is not UTF-8; save the file as UTF-8"]


def test_ten_megabytes_of_brackets_are_refused_unread(tmp_path: Path) -> None:
    path = written(tmp_path, b"[" * 10_000_000)
    assert refusal(path) == [f"{path}: larger than a manifest may be, 1,048,576 bytes"]


@pytest.mark.parametrize(
    "text",
    [
        f"a = {'[' * 500_000}{']' * 500_000}",
        f"a = {'{ a = ' * 50_000}1{'}' * 50_000}",
        f"[models.a{'.b' * 100_000}]",
    ],
    ids=["arrays", "tables", "keys"],
)
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text.encode())
    assert refusal(path) == [f"{path}: its keys or values are nested too deeply"]


def test_an_integer_too_long_for_python_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, f"a = {'9' * 10_000}".encode())
    [line] = refusal(path)
    assert line.startswith(f"{path}: not TOML: Exceeds the limit")


def test_every_repetition_of_a_device_is_named(tmp_path: Path) -> None:
    devices = ",".join(['"cpu"'] * 20_000)
    assert len(refusal(written(tmp_path, HEAD.replace('"cpu"', devices).encode()))) == 19_999


def test_folder_missing_file_and_overlong_name_say_what_to_do(tmp_path: Path) -> None:
    advice = "name one with --manifest PATH, or write one: ttci init"
    assert refusal(tmp_path) == [f"{tmp_path}: Is a directory; {advice}"]
    assert refusal(tmp_path / "no.toml") == [f"{tmp_path / 'no.toml'}: No such file or directory; {advice}"]
    long = tmp_path / ("m" * 300)
    assert refusal(long) == [f"{long}: File name too long; {advice}"]


@pytest.mark.parametrize(
    "content",
    [HEAD.replace("cpu", "gpu", 1).encode(), b"\xff", b"[" * 2_000_000, b"a = " + b"[" * 900_000],
    ids=["mistake", "not UTF-8", "too large", "too deep"],
)
def test_command_line_prints_the_mistakes_alone_and_exits_with_2(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    done = subprocess.run(
        [sys.executable, "-m", "ttci", "list", "--manifest", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == refusal(path)
