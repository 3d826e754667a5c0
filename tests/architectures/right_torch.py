"""All right modules that need nothing but torch."""

from tests.architectures import right_attention, right_forms, right_layers

RIGHT = [*right_layers.RIGHT, *right_attention.RIGHT, *right_forms.RIGHT]
