"""A public name that no page describes is an error."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

LOGGER = logging.getLogger(__name__)
PUBLIC = (
    "ttci.testing",
    "ttci.nox",
    "ttci.checks.protocol",
    "ttci.devices.protocol",
    "ttci.modules.attention",
    "ttci.modules.block",
    "ttci.modules.embedding",
    "ttci.modules.ffn",
    "ttci.modules.normalization",
)


def names_of(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The public names of a module: those that it lists, else those that it defines."""
    listed = getattr(module, "__all__", None)
    for name, value in vars(module).items():
        own = getattr(value, "__module__", None) == module.__name__ and callable(value)
        if name in listed if listed is not None else own and not name.startswith("_"):
            yield name, value


def members_of(described: Any) -> Iterator[str]:
    """The public members of a class that it defines itself."""
    for name, value in vars(described).items() if inspect.isclass(described) else ():
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
            yield name


def check(_: Sphinx, env: BuildEnvironment) -> None:
    """Warn of each public name that has no place in the reference."""
    known = env.get_domain("py").objects
    for module in map(import_module, PUBLIC):
        for name, described in names_of(module):
            # As this module has it, that of its definition, or the package of that.
            own = described.__module__
            places = [f"{module.__name__}.{name}"]
            places += [f"{place}.{described.__qualname__}" for place in (own, own.rpartition(".")[0])]
            for member in ("", *(f".{member}" for member in members_of(described))):
                if not any(f"{place}{member}" in known for place in places):
                    LOGGER.warning("%s%s is public and not in the reference", places[0], member)


def readable(*described: Any) -> tuple[str | None, str | None]:
    """A signature as Sphinx can take it apart: it knows nothing of the default that a function makes."""
    signature, returns = described[-2:]
    return signature and signature.replace("<factory>", "..."), returns


def setup(app: Sphinx) -> dict[str, Any]:
    """Look once every page is read."""
    app.connect("env-check-consistency", check)
    app.connect("autodoc-process-signature", readable)
    return {"parallel_read_safe": True}
