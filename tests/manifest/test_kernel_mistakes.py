"""Mistakes in a manifest's kernels: every one at once, with its line and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import tomli

from tests.root import ROOT
from ttci.errors import InputError
from ttci.manifest import load_manifest

HEAD = """\
[devices.cpu]
backend = "torch"
[models.tiny]
source = "model.py::Tiny"
devices = ["cpu"]
"""
DTYPES = 'dtypes = ["bfloat16", "bfloat8_b"], say: one an input, or one word for all'
SHAPES = "shapes = [[1, 2048, 4096], [4096, 6144]], say: one an input"
ATTENTION = 'op = "scaled_dot_product_attention"\nshapes = '
ATTENDING = "2: shapes: scaled_dot_product_attention:"
# What stands in the table of kernel k, and what is said of it: line in that table, key, message.
MISTAKES: dict[str, tuple[str, list[str]]] = {
    "unknown operation": (
        'op = "lienar"\nshapes = [[1]]',
        ['1: op: unknown op "lienar"; did you mean "linear"?'],
    ),
    "nothing": (
        "",
        ['0: "op" is missing; write op = "linear", say', f'0: "shapes" is missing; write {SHAPES}'],
    ),
    "unknown keys": (
        'op = "silu"\nshapes = [[1]]\nmemory_config = "l1"\nshape = 1',
        [
            '3: memory_config: unknown key "memory_config"; did you mean "memory-config"?',
            '4: shape: unknown key "shape"; did you mean "shapes"?',
        ],
    ),
    "wrong words and numbers": (
        'op = "silu"\nshapes = [[0, 2]]\nmemory-config = "l2"\ntolerance = 0\ndtypes = "bf16"',
        [
            "2: shapes: 0 is not above 0",
            '3: memory-config: unknown memory-config "l2"; there is: dram, l1',
            "4: tolerance: 0 is not above 0",
            '5: dtypes: unknown dtype "bf16"; did you mean "bfloat16"?',
        ],
    ),
    "shapes that are none": ('op = "silu"\nshapes = [8]', [f"2: shapes: 8 is not an array; write {SHAPES}"]),
    "empty arrays": (
        'op = "silu"\nshapes = []\ndtypes = []',
        [
            f"2: shapes: [] is empty; write {SHAPES}",
            "2: shapes: silu takes a shape for each of input; 0 given",
            f"3: dtypes: [] is empty; write {DTYPES}",
        ],
    ),
    "dtypes that are none": (
        'op = "silu"\nshapes = [[8]]\ndtypes = 3',
        [f"3: dtypes: 3 is not an array; write {DTYPES}"],
    ),
    "too few shapes": (
        'op = "linear"\nshapes = [[8, 8]]',
        ["2: shapes: linear takes a shape for each of input, weight, bias (optional); 1 given"],
    ),
    "too many shapes": (
        'op = "silu"\nshapes = [[8], [8]]',
        ["2: shapes: silu takes a shape for each of input; 2 given"],
    ),
    "dtypes of another count": (
        'op = "mul"\nshapes = [[8], [8]]\ndtypes = ["bfloat16"]',
        ["3: dtypes: 1 given for 2 inputs; write one an input, or one word for all"],
    ),
    "ids of numbers": (
        'op = "embedding"\nshapes = [[1, 8], [8, 8]]\ndtypes = ["bfloat16", "bfloat8_b"]',
        [
            '3: dtypes: the ids come first, as "uint32"',
            '3: dtypes: rows of a block float cannot be looked up; write "bfloat16" for the table',
        ],
    ),
    "numbers of ids": (
        'op = "silu"\nshapes = [[8]]\ndtypes = "uint32"',
        ['3: dtypes: "uint32" is of ids only; write "bfloat16", say'],
    ),
    "linear": (
        'op = "linear"\nshapes = [[1, 8, 64], [32, 16], [32]]',
        [
            "2: shapes: linear: 1 x 8 x 64 by 32 x 16: the inner dimensions 64 and 32 differ",
            "2: shapes: linear: the bias is 32; write [16], the weight's output dim",
        ],
    ),
    "linear with a batch of weights": (
        'op = "linear"\nshapes = [[1, 8, 64], [1, 64, 16]]',
        ["2: shapes: linear: the weight is 1 x 64 x 16; write [input dim, output dim]"],
    ),
    "matmul": (
        'op = "matmul"\nshapes = [[1, 2, 8, 8], [1, 3, 8, 8]]',
        ["2: shapes: matmul: 1 x 2 x 8 x 8 by 1 x 3 x 8 x 8: the dimensions before the last two differ"],
    ),
    "matmul of vectors": (
        'op = "matmul"\nshapes = [[8], [8]]',
        ["2: shapes: matmul: both factors need two dimensions or more"],
    ),
    "norm": (
        'op = "layer_norm"\nshapes = [[1, 8, 64], [32], [64, 1]]',
        [
            "2: shapes: layer_norm: the weight is 32; write [64], the width of the input",
            "2: shapes: layer_norm: the bias is 64 x 1; write [64], the width of the input",
        ],
    ),
    "softmax": (
        'op = "softmax"\nshapes = [[8, 8]]\noptions = { dim = 2 }',
        ["2: shapes: softmax: 8 x 8 has no dimension 2"],
    ),
    "elementwise": (
        'op = "add"\nshapes = [[1, 8], [8, 8]]',
        ["2: shapes: add: 8 x 8 cannot be repeated to 1 x 8; write the larger one first"],
    ),
    "embedding": (
        'op = "embedding"\nshapes = [[8], [1, 8, 8]]',
        [
            "2: shapes: embedding: the ids are 8; write [batch, tokens]",
            "2: shapes: embedding: the table is 1 x 8 x 8; write [vocabulary, width]",
        ],
    ),
    "rotary embedding": (
        'op = "rotary_embedding"\nshapes = [[1, 8, 64]]',
        ["2: shapes: rotary_embedding: the input is 1 x 8 x 64; write [batch, heads, tokens, head dim]"],
    ),
    "odd head dim": (
        'op = "rotary_embedding"\nshapes = [[1, 8, 64, 63]]',
        ["2: shapes: rotary_embedding: the head dim 63 is odd, and its two halves turn together"],
    ),
    "attention": (
        ATTENTION + "[[2, 32, 8, 16], [1, 5, 4, 32], [1, 6, 4, 32]]",
        [
            f"{ATTENDING} the keys 1 x 5 x 4 x 32 and the values 1 x 6 x 4 x 32 differ",
            f"{ATTENDING} the queries' batch 2 is not the keys' 1",
            f"{ATTENDING} 32 query heads do not divide by 5 key/value heads",
            f"{ATTENDING} the queries' head dim 16 is not the keys' 32",
            f"{ATTENDING} is_causal needs as many keys as queries, not 4 for 8",
        ],
    ),
    "attention of three dimensions": (
        ATTENTION + "[[8, 8, 8], [8, 8, 8], [8, 8, 8]]",
        [f"{ATTENDING} queries, keys and values are each [batch, heads, tokens, head dim]"],
    ),
    "options": (
        'op = "linear"\nshapes = [[8, 8], [8, 8]]\noptions = { activaton = "silu", activation = "sigmoid" }',
        [
            '3: options.activaton: unknown option "activaton" of linear; did you mean "activation"?',
            '3: options.activation: this value does not fit; give "silu" or "gelu" or "relu"',
        ],
    ),
    "an option of an operation that takes none": (
        'op = "silu"\nshapes = [[8]]\noptions.eps = 1',
        ['3: options.eps: unknown option "eps" of silu; silu takes none'],
    ),
    "options of a wrong type": (
        ATTENTION + '[[1, 1, 8, 8], [1, 1, 8, 8], [1, 1, 8, 8]]\noptions = { is_causal = 1, scale = "1" }',
        [
            "3: options.is_causal: this value does not fit; give true or false",
            "3: options.scale: this value does not fit; give a number above 0",
        ],
    ),
    "options that are no table": (
        'op = "silu"\nshapes = [[8]]\noptions = 3',
        ["3: options: 3 is not a table"],
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistake_is_named_with_line_key_and_advice(tmp_path: Path, case: str) -> None:
    text, expected = MISTAKES[case]
    (tmp_path / "model.py").touch()
    path = tmp_path / "m.toml"
    path.write_text(f"{HEAD}[models.tiny.kernels.k]\n{text}\n")
    with pytest.raises(InputError) as caught:
        load_manifest(path)
    header = HEAD.count("\n") + 1
    told = [(m.line or 0, m.what) for m in caught.value.mistakes]
    wanted = []
    for entry in expected:
        line, _, what = entry.partition(": ")
        separator = ": " if what.startswith('"') else "."
        wanted.append((header + int(line), f"models.tiny.kernels.k{separator}{what}"))
    assert told == wanted


@pytest.mark.parametrize("name", ['"q[k]"', '"a::b"', '" q"', '""'])
def test_a_name_that_cannot_stand_in_an_identity_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.py").touch()
    path = tmp_path / "m.toml"
    path.write_text(f"{HEAD}[models.tiny.kernels.{name}]\nop = 'silu'\nshapes = [[8]]\n")
    with pytest.raises(
        InputError, match="is no name of a test; use printable text without brackets and '::'"
    ):
        load_manifest(path)


@pytest.mark.parametrize("case", ["unknown operation", "nothing", "unknown keys", "wrong words and numbers"])
def test_published_schema_refuses_it_too(case: str) -> None:
    schema = json.loads((ROOT / "models_manifest.schema.json").read_text(encoding="utf-8"))
    text = f"{HEAD}[models.tiny.kernels.k]\n{MISTAKES[case][0]}\n"
    assert not jsonschema.Draft202012Validator(schema).is_valid(tomli.loads(text))
