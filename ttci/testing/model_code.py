"""Run a model's own code: with its imports, and without a trace on what runs after it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import torch

from ttci.manifest import Source
from ttci.source_code.folders import own_folder, repository_of
from ttci.testing.imports import ImportScope


class ModelCode:
    """How the code of one source is run: imported, built, and called by a check."""

    def __init__(self, imports: ImportScope) -> None:
        self._imports = imports
        self._default_dtype: torch.dtype | None = None  # as the model's code left it
        self._is_running = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """Meanwhile the model's code runs.

        Its imports are its own (`ImportScope`), and so is its default dtype. What else it
        changes for the whole process is undone at the end: the working directory,
        `sys.argv`, the grad mode, the default device.
        """
        if self._is_running:
            yield
            return
        with _undone(), self._imports.entered():
            torch.set_default_dtype(self._default_dtype or torch.get_default_dtype())
            self._is_running = True
            try:
                yield
            finally:
                self._is_running = False
                self._default_dtype = torch.get_default_dtype()


def code_of(source: Source) -> ModelCode:
    """How the code of `source` is run; the same for the same source."""
    return _code(own_folder(source), repository_of(source), source.file or source.module)


@cache
def _code(own: Path | None, repository: tuple[Path, ...], _: Path | str | None) -> ModelCode:
    return ModelCode(ImportScope(own, repository))


@contextmanager
def _undone() -> Iterator[None]:
    """Undo at the end what a model's code changes for the whole process."""
    folder = _working_directory()
    argv, arguments = sys.argv, [*sys.argv]
    has_grad, dtype, device = (
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        torch.get_default_device(),
    )
    try:
        yield
    finally:
        if folder is not None and _working_directory() != folder:
            with suppress(OSError):  # it has been removed meanwhile
                os.chdir(folder)
        sys.argv, argv[:] = argv, arguments
        torch.set_grad_enabled(has_grad)
        torch.set_default_dtype(dtype)
        if torch.get_default_device() != device:
            torch.set_default_device(None if device.type == "cpu" else device)


def _working_directory() -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        return None
