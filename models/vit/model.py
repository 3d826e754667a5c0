"""A whole vision transformer, arXiv 2010.11929, small, with its ttnn implementation.

Its layers are ttci's, which have one; what is around them is written here.

Shapes: N images, H rows, W columns, P patches, E hidden dim, K classes.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ttci.modules import attention, block, ffn, normalization
from ttci.testing import ModuleTest, register_lowering


class VisionTransformer(nn.Module):
    """As ``ViTForImageClassification`` of Hugging Face's.

    Args:
        image: Rows and columns of an image.
        patch: Those of a patch.
        hidden_dim: E.
        layers: How many.
        num_heads: Of the attention of each.
        classes: K.
    """

    def __init__(
        self, image: int, patch: int, hidden_dim: int, layers: int, num_heads: int, classes: int
    ) -> None:
        super().__init__()
        self.patch = patch
        self.patch_embedding = nn.Linear(3 * patch**2, hidden_dim)
        self.class_token = nn.Parameter(torch.randn(1, 1, hidden_dim))
        self.position_embeddings = nn.Parameter(torch.randn(1, (image // patch) ** 2 + 1, hidden_dim))
        self.layers = nn.Sequential(*(_layer(hidden_dim, num_heads) for _ in range(layers)))
        self.norm = normalization.LayerNorm(hidden_dim, eps=1e-12)
        self.classifier = nn.Linear(hidden_dim, classes)

    def forward(self, images: Tensor) -> Tensor:
        """[N, 3, H, W] to the logits [N, K]."""
        cut = nn.functional.unfold(images, self.patch, stride=self.patch)  # [N, 3 * patch * patch, P]
        patches = self.patch_embedding(cut.transpose(1, 2))  # [N, P, E], row by row
        x = torch.cat([self.class_token.expand(len(images), -1, -1), patches], dim=1)
        x = self.layers(x + self.position_embeddings)  # [N, P + 1, E]
        logits: Tensor = self.classifier(self.norm(x[:, 0]))
        return logits


def _layer(hidden_dim: int, num_heads: int) -> block.DecoderBlock:
    return block.DecoderBlock(
        attention.MultiHeadAttention(hidden_dim, num_heads, qkv_bias=True, out_bias=True, causal=False),
        ffn.MLP(hidden_dim, 4 * hidden_dim, activation="gelu"),
        normalization.LayerNorm(hidden_dim, eps=1e-12),
        normalization.LayerNorm(hidden_dim, eps=1e-12),
    )


@register_lowering(VisionTransformer)
def vit_on_ttnn(module: VisionTransformer, target: Any) -> Callable[[Any], Any]:
    """A function of images on the board."""
    ttnn = target.ttnn
    embedding, layers, norm, classifier = map(
        target.lower, (module.patch_embedding, module.layers, module.norm, module.classifier)
    )
    class_token, positions = target.vector(module.class_token), target.vector(module.position_embeddings)
    patch = module.patch

    def patches_of(images: Any) -> Any:
        count, channels, height, width = images.shape
        rows, columns = height // patch, width // patch
        # [N, 3, H, W] to [N, P, 3 * patch * patch]
        given = ttnn.to_layout(images, ttnn.ROW_MAJOR_LAYOUT)
        cut = ttnn.reshape(given, (count, channels, rows, patch, columns, patch))
        by_patch = ttnn.permute(cut, (0, 2, 4, 1, 3, 5))
        flat = ttnn.reshape(by_patch, (count, rows * columns, channels * patch**2))
        return ttnn.to_layout(flat, ttnn.TILE_LAYOUT)

    def run(images: Any) -> Any:
        patches = embedding(patches_of(images))  # [N, P, E]
        count, _, hidden_dim = patches.shape
        first = ttnn.repeat(class_token, (count, 1, 1))
        x = layers(ttnn.add(ttnn.concat([first, patches], dim=1), positions))  # [N, P + 1, E]
        first = ttnn.reshape(ttnn.slice(x, (0, 0, 0), (count, 1, hidden_dim)), (count, hidden_dim))
        return classifier(norm(first))

    return run


class ViT:
    """As wide as ViT tiny, of two layers and for small images; the weights come from a seed."""

    def get_module_tests(self) -> list[ModuleTest]:
        """One test, of two images."""
        torch.manual_seed(0)
        model = VisionTransformer(image=64, patch=8, hidden_dim=192, layers=2, num_heads=3, classes=1000)
        return [ModuleTest("vit", (2, 3, 64, 64), (2, 1000), module=as_trained(model))]


def as_trained(module: nn.Module) -> nn.Module:
    """Ready for inference. The weights that a module begins with hide mistakes in some of its parts."""
    for weight in module.parameters():
        if weight.ndim > 1:
            nn.init.normal_(weight, std=1.5 / weight.shape[-1] ** 0.5)
        else:  # biases, and the weights of norms
            nn.init.normal_(weight, float(weight.detach().mean().round()), 0.3)
    return module.eval()
