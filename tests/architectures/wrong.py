"""All wrong modules."""

from tests.architectures import wrong_gradients, wrong_indices, wrong_layer, wrong_outputs

WRONG = [*wrong_layer.WRONG, *wrong_outputs.WRONG, *wrong_indices.WRONG, *wrong_gradients.WRONG]
