"""What input a module gets that states none: its kind, its width, or what has to be added."""

import re
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ttci.checks.performance import measure
from ttci.devices import open_device
from ttci.devices.protocol import Device
from ttci.manifest import Pair, TorchDeviceEntry
from ttci.results import Outcome, Result
from ttci.testing import DeclarationError, ModuleTest
from ttci.testing import discover as declarations
from ttci.testing.choice import Choice
from ttci.testing.input_trial import full_shape
from ttci.testing.judge import judge_case
from ttci.testing.prepared import PreparedTest

found_in = declarations.tests_of
WIDTH = 16


def device(max_tokens: int | None = None) -> Device:
    entry = {"backend": "torch", "max-tokens": max_tokens}
    return open_device("cpu", TorchDeviceEntry.model_validate(entry))


def judged(test: ModuleTest, check: str, max_tokens: int | None = None) -> Result:
    cases = Choice(Pair("model", "cpu"), device(max_tokens), [test]).cases
    (case,) = [case for case in cases if case.check == check]
    return judge_case(case, measure)


def line_of(marker: str) -> int:
    """The line of this file that `marker` ends."""
    lines = Path(__file__).read_text().splitlines()
    (line,) = [number for number, line in enumerate(lines, start=1) if line.endswith(f"# {marker}")]
    return line


class Head(nn.Module):
    """As a language model's: it states a vocabulary, and takes numbers."""

    def __init__(self, **attributes: int) -> None:
        super().__init__()
        self.vocab_size = 50
        self.out = nn.Linear(WIDTH, 50)
        vars(self).update(attributes)

    def forward(self, x: Tensor) -> Tensor:
        """[B, S, E] to [B, S, V]."""
        logits: Tensor = self.out(x)
        return logits


class Language(nn.Module):
    """Takes ids; its embedding has fewer rows than the vocabulary that it states."""

    def __init__(self) -> None:
        super().__init__()
        self.vocab_size, self.hidden_size = 500, WIDTH
        self.tokens = nn.Embedding(30, WIDTH, padding_idx=2)
        self.positions = nn.Embedding(64, WIDTH)

    def forward(self, ids: Tensor, scale: float = 1.0) -> Tensor:
        """[B, S] to [B, S, E]."""
        embedded: Tensor = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        return scale * embedded


class Table(nn.Module):
    """Takes ids, and has no layer that tells."""

    num_embeddings = 12

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.randn(12, 3))

    def forward(self, ids: Tensor) -> Tensor:
        """Look up."""
        return self.rows[ids]


class Quantizer(nn.Module):
    """Takes numbers, and gives the nearest rows of its codebook."""

    def __init__(self) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim = 12, WIDTH
        self.codebook = nn.Embedding(12, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        """[B, S, E] to the same."""
        nearest = torch.cdist(x.flatten(0, 1), self.codebook.weight).argmin(-1)
        rows: Tensor = self.codebook(nearest)
        return rows.view_as(x)


@pytest.mark.parametrize(
    ("module", "given", "is_ids"),
    [
        (Head(), (1, 8, WIDTH), False),
        (Head(), (8, WIDTH), False),
        (Head(hidden_size=WIDTH), None, False),
        (Language(), None, True),
        (Language(), (2, 8), True),
        (Table(), None, True),
        (Table(), (2, 3, 4), True),
        (Quantizer(), (1, 8, WIDTH), False),
        (nn.Sequential(nn.Embedding(9, 4, padding_idx=1), nn.Linear(4, 4)), None, True),
        (nn.Sequential(nn.Dropout(0.0), nn.Embedding(9, 4)), (2, 8), True),
        (nn.EmbeddingBag(9, 4), None, True),
    ],
    ids=lambda value: re.sub(r"\W+", "_", str(value))[:40],
)
def test_a_module_gets_the_ids_or_numbers_that_it_takes(
    module: nn.Module, given: tuple[int, ...] | None, is_ids: bool
) -> None:
    prepared = PreparedTest(ModuleTest("it", module=module, input_shape=given), device(max_tokens=32))
    (tensor,) = prepared.inputs.tensors
    assert tensor.is_floating_point() is not is_ids
    assert prepared.references[0].isfinite().all()
    assert judged(prepared.test, "gradients", max_tokens=32).outcome is Outcome.PASSED


def test_ids_are_those_of_the_first_embedding_and_none_is_its_padding() -> None:
    test = ModuleTest("it", module=Language(), input_shape=(4, 64))
    ids = PreparedTest(test, device()).inputs.tensors[0]
    assert set(ids.flatten().tolist()) == set(range(30)) - {2}


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.LSTM(WIDTH, 3, batch_first=True), (1, 2048, WIDTH)),
        (nn.RNN(WIDTH, 3, bidirectional=True), (2048, 1, WIDTH)),
        (nn.Sequential(nn.GRU(WIDTH, 3, batch_first=True)), (1, 2048, WIDTH)),
        (nn.Sequential(nn.Sequential(nn.LSTM(WIDTH, 3))), (2048, 1, WIDTH)),
        (nn.LSTMCell(WIDTH, 3), (1, WIDTH)),
        (nn.GRUCell(WIDTH, 3), (1, WIDTH)),
        (nn.RNNCell(WIDTH, 3), (1, WIDTH)),
    ],
    ids=lambda value: re.sub(r"\W+", "_", str(value))[:40],
)
def test_a_recurrent_layer_gets_its_input_and_passes(module: nn.Module, shape: tuple[int, ...]) -> None:
    test = ModuleTest("it", module=module)
    assert full_shape(found_in([test])[0]) == shape
    for check in ("correctness", "gradients", "memory"):
        assert judged(test, check, max_tokens=16).outcome is Outcome.PASSED


def test_of_several_stated_widths_the_one_that_runs_is_taken() -> None:
    class Several(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.hidden_size, self.d_model = 32, WIDTH
            self.layer = nn.Linear(WIDTH, 32)

        def forward(self, x: Tensor) -> Tensor:
            grown: Tensor = self.layer(x)
            return grown

    assert full_shape(ModuleTest("it", module=Several())) == (1, 2048, WIDTH)


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (
            nn.MultiheadAttention(WIDTH, 2),
            "MultiheadAttention takes 3 inputs (query, key, value); add inputs=",
        ),
        (nn.TransformerDecoderLayer(WIDTH, 2), "takes 2 inputs (tgt, memory); add inputs="),
        (nn.Bilinear(2, 3, 4), "takes 2 inputs (input1, input2); add inputs="),
        (nn.TransformerEncoderLayer(WIDTH, 2), "add input_shape=(batch, tokens, width)"),
        (nn.Conv1d(7, 2, 3), "its in_channels is the second dimension); add input_shape=(batch, 7, …)"),
        (nn.Sequential(nn.Conv2d(5, 2, 3)), "add input_shape=(batch, 5, …)"),
        (nn.BatchNorm1d(7), "its num_features is the second dimension); add input_shape=(batch, 7, …)"),
        (nn.LazyLinear(4), "add input_shape=(batch, tokens, width)"),
    ],
    ids=lambda value: re.sub(r"\W+", "_", str(value))[:40],
)
def test_what_cannot_be_worked_out_is_asked_for_where_the_test_is_declared(
    module: nn.Module, told: str
) -> None:
    with pytest.raises(DeclarationError) as caught:
        found_in([ModuleTest("it", module=module)])  # asked for
    assert str(caught.value).startswith(f'{__file__}:{line_of("asked for")}: test "it": ')
    assert told in str(caught.value)


def test_a_width_that_was_worked_out_and_does_not_fit_is_told_with_what_it_came_from() -> None:
    class Other(nn.Module):
        hidden_size = 32

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(WIDTH, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.layer(x)
            return out

    result = judged(ModuleTest("it", module=Other()), "correctness")
    assert result.outcome is Outcome.ERROR
    assert result.message.splitlines()[-1] == (
        "its input, 1 x 2048 x 32 numbers, was worked out from hidden_size; "
        "if Other takes another, give input_shape=… or inputs=…"
    )


def test_an_error_outside_the_users_code_names_the_declaration() -> None:
    test = ModuleTest("it", module=nn.Linear(WIDTH, 2), input_shape=(1, 8, 99))  # outside
    for check in ("correctness", "gradients", "performance", "memory"):
        message = judged(test, check).message.splitlines()
        assert message[0].startswith("RuntimeError: ")
        assert message[1].endswith(f"{Path(__file__).name}:{line_of('outside')}")


def test_a_width_that_differs_from_an_attribute_is_fine_where_the_module_takes_its_whole_length_only() -> (
    None
):
    class Fixed(nn.Module):
        hidden_size = 64

        def __init__(self) -> None:
            super().__init__()
            self.positions = nn.Parameter(torch.randn(1, 9, WIDTH))

        def forward(self, x: Tensor) -> Tensor:
            return x + self.positions

    (test,) = found_in([ModuleTest("it", module=Fixed(), input_shape=(1, 9, WIDTH))])
    assert judged(test, "correctness").outcome is Outcome.PASSED
