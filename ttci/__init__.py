"""ttci: declare a model's modules once, check them on every device."""

import ttci.search_path  # noqa: F401  # first of all: it keeps what pytest and the user's code add to

__version__ = "0.1.0"
