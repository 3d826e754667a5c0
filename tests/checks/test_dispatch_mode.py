"""The modes that see torch's operations: what they cost, and what is compiled under them."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.architectures.entries import judge
from ttci.checks.dispatch_mode import DispatchMode
from ttci.results import Outcome

ALL_CHECKS = ("correctness", "gradients", "memory", "performance")
CONFIG = {"input_shape": (2, 8), "measure_seconds": 0.1}


class Compiled(nn.Module):
    """Half of it is compiled when it is made, half when it is first called."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.compile(nn.Linear(8, 16), backend="eager")
        self.second = nn.Linear(16, 8)
        self.is_compiled = False

    def forward(self, x: Tensor) -> Tensor:
        if not self.is_compiled:
            self.second.compile(backend="eager")
            self.is_compiled = True
        hidden: Tensor = self.second(self.first(x).relu())
        return hidden


@pytest.mark.filterwarnings(
    "ignore:The .grad attribute of a Tensor that is not a leaf"
)  # torch's compiler reads it
@pytest.mark.parametrize("products", ["native", "float32"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_module_that_torch_compiles_passes_every_check(
    products: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTCI_PRODUCTS", products)
    results = judge(Compiled().eval(), CONFIG, dtype, *ALL_CHECKS)
    assert {check: result.outcome for check, result in results.items()} == dict.fromkeys(
        ALL_CHECKS, Outcome.PASSED
    ), [result.message for result in results.values()]


def test_a_mode_is_not_compiled_with_what_it_sees() -> None:
    seen: list[str] = []

    class Seen(DispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func.name())
            return func(*args, **(kwargs or {}))

    with Seen():
        compiled = torch.compile(lambda x: x.sin(), backend="eager", fullgraph=True)
        once, twice = compiled(torch.ones(2)), compiled(torch.ones(2))
    assert torch.equal(once, twice)
    assert seen.count("aten::sin") == 2


def test_no_check_of_a_plain_module_imports_torchs_compiler() -> None:
    script = (
        "import sys\n"
        "from torch import nn\n"
        "from tests.architectures.entries import judge\n"
        f"results = judge(nn.Linear(8, 8), {CONFIG!r}, 'bfloat16', *{ALL_CHECKS!r})\n"
        "assert all(result.outcome.value == 'passed' for result in results.values()), results\n"
        "print('torch._dynamo' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
