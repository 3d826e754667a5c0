"""The ttnn implementations of the modules of ttci and torch."""
