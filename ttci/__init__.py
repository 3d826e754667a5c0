"""ttci: declare a model's modules once, check them on every device."""

__version__ = "0.1.0"
