"""Mixtral, arXiv 2401.04088: a small block of its experts, with its ttnn kernel.

Shapes: B batch, S tokens, E hidden dim, F intermediate dim, X experts, N chips.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from ttci.modules import ffn
from ttci.testing import ModuleTest


class Experts(nn.Module):
    """Feed-forward networks, of which each token has its best few: ``MixtralSparseMoeBlock``.

    Args:
        hidden_dim: E.
        intermediate_dim: F, of an expert.
        num_experts: X.
        chosen: How many a token has.
    """

    def __init__(self, hidden_dim: int, intermediate_dim: int, num_experts: int = 8, chosen: int = 2) -> None:
        super().__init__()
        self.hidden_dim, self.chosen = hidden_dim, chosen
        self.gate = nn.Linear(hidden_dim, num_experts, bias=False)
        self.experts = nn.ModuleList(ffn.SwiGLU(hidden_dim, intermediate_dim) for _ in range(num_experts))

    def forward(self, x: Tensor) -> Tensor:
        """[B, S, E] to [B, S, E]: the experts' outputs, weighed by their shares."""
        outputs = torch.stack([expert(x) for expert in self.experts], -2)  # [B, S, X, E]
        return (self.shares(x)[..., None] * outputs).sum(-2)

    def shares(self, x: Tensor) -> Tensor:
        """What each expert has of a token, [B, S, X]: 0 where it is not chosen; of a token 1 in all."""
        best, experts = self.gate(x).topk(self.chosen)
        # A softmax of the chosen alone: the same as one of all, divided by what the chosen have of it.
        return torch.zeros_like(self.gate(x)).scatter(-1, experts, best.softmax(-1))

    def weights_on(self, device: Any) -> tuple[Any, list[tuple[Any, ...]]]:
        """The gate's weight, and three for each expert that a chip has; each chip holds its own experts'."""
        import ttnn

        def put(weight: Tensor, mapper: Any = None) -> Any:
            kind = {"dtype": ttnn.bfloat16, "layout": ttnn.TILE_LAYOUT, "device": device}
            return ttnn.from_torch(weight.detach(), mesh_mapper=mapper, **kind)

        def of_experts(name: str) -> list[Any]:
            weights = torch.stack([getattr(expert, name).weight.T for expert in self.experts])  # [X, in, out]
            by_chip = weights.view(device.get_num_devices(), -1, *weights.shape[1:])  # [N, X / N, in, out]
            split = ttnn.ShardTensorToMesh(device, dim=0)
            return [put(some, split) for some in by_chip.unbind(1)]

        names = "gate_proj", "up_proj", "down_proj"
        return put(self.gate.weight.T), [*zip(*map(of_experts, names), strict=True)]

    def to_ttnn(self, device: Any) -> Callable[[Any], Any]:
        """As the forward pass, on ttnn tensors; on several chips each has its part of the experts."""
        import ttnn

        chips = device.get_num_devices()
        exact = ttnn.init_device_compute_kernel_config(
            device.arch(), math_fidelity=ttnn.MathFidelity.HiFi4, fp32_dest_acc_en=True
        )

        gate, experts = self.weights_on(device)

        def linear(x: Any, weight: Any, activation: str | None = None) -> Any:
            return ttnn.linear(x, weight, activation=activation, compute_kernel_config=exact)

        def shares(x: Any) -> Any:
            """[B, S, E] to [X / N, S, B]: those of the chip's own experts."""
            scores = linear(x, gate)  # [B, S, X]
            filled = ttnn.pad(scores, [(0, 0), (0, 0), (0, 64 - scores.shape[-1])], -1e9)  # topk wants 64
            best, _ = ttnn.topk(filled, self.chosen, dim=-1)
            lowest = ttnn.min(best, dim=-1, keepdim=True)  # [B, S, 1]
            chosen = ttnn.where(ttnn.ge(scores, lowest), scores, -1e9)
            found = ttnn.permute(ttnn.softmax(chosen, dim=-1), (2, 1, 0))  # [X, S, B]
            return found if chips == 1 else ttnn.mesh_partition(found, dim=0)

        def run(x: Any) -> Any:
            (batch, tokens, _), own, total = x.shape, shares(x), None
            for index, (gate_proj, up_proj, down_proj) in enumerate(experts):
                inner = ttnn.multiply(linear(x, gate_proj, "silu"), linear(x, up_proj))  # [B, S, F]
                share = ttnn.slice(own, (index, 0, 0), (index + 1, tokens, batch))  # [1, S, B]
                weighed = ttnn.multiply(linear(inner, down_proj), ttnn.permute(share, (2, 1, 0)))
                total = weighed if total is None else ttnn.add(total, weighed)
            return total if chips == 1 else ttnn.all_reduce(total, topology=ttnn.Topology.Linear)

        return run


class Mixtral:
    """A block at a thirty-second of the published width; the weights come from a seed."""

    def get_module_tests(self) -> list[ModuleTest]:
        """Its tokens are such that no rounding chooses another expert."""
        torch.manual_seed(0)
        experts = Experts(hidden_dim=128, intermediate_dim=448).eval()
        shape = (1, 64, 128)
        return [ModuleTest("experts", shape, shape, module=experts, inputs=partial(decided, experts))]


def decided(experts: Experts, shape: tuple[int, ...]) -> Tensor:
    """Those of many random tokens whose last chosen expert is farthest ahead of the first that is not."""
    batch, tokens, width = shape
    many = torch.randn(4 * batch * tokens, width)
    best = experts.gate(many).topk(experts.chosen + 1).values
    lead = best[:, -2] - best[:, -1]
    return many[lead.topk(batch * tokens).indices].reshape(shape)
