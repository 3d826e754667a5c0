"""The files that a repository begins with, as texts."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ttci import __version__
from ttci.setup.repository import FoundModel

# The actions of others, each at the commit of its release.
_CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
_SETUP_PYTHON = "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0"
_UPLOAD_ARTIFACT = "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0"
_OWN = f"ttci>={__version__}"
_WITH_STATISTICS = f"ttci[history]>={__version__}"
_NOX = "nox>=2025.2"
_MOCK = "n150-mock"

EXAMPLE_MODEL = '''\
"""A model in ten lines, whose modules are tested."""

from torch import nn
from ttci.modules import ffn, normalization
from ttci.testing import test_module


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.ffn = test_module(ffn.SwiGLU(64, 256), "tiny_ffn", {"latency_ms": 500, "memory_mb": 8})
        self.norm = test_module(normalization.RMSNorm(64), "tiny_norm")
'''

NOXFILE = f'''\
# /// script
# dependencies = ["{_NOX}", "{_OWN}"]
# ///
from ttci.nox import model_sessions

model_sessions()
'''


def manifest_text(models: Sequence[FoundModel], requirements: Sequence[str]) -> str:
    """A manifest of these models: on the CPU, and on a mock board where there is a ttnn implementation."""
    parts = [_HEAD]
    if requirements:
        parts.append(f"[environment]\nrequirements = {json.dumps(requirements)}\n")
    parts.append(_CPU)
    if any(model.has_ttnn_form for model in models):
        parts.append(_MOCK_BOARD)
    return "\n".join([*parts, *map(_model_text, models)])


def devices_of(model: FoundModel) -> list[str]:
    """The devices that a model is tested on."""
    return ["cpu", _MOCK] if model.has_ttnn_form else ["cpu"]


def _model_text(model: FoundModel) -> str:
    name = model.name if "." not in model.name and "+" not in model.name else json.dumps(model.name)
    devices = json.dumps(devices_of(model))
    return f"[models.{name}]\nsource = {json.dumps(model.source)}\ndevices = {devices}\n"


def workflow_text(default_branch: str) -> str:
    """A workflow that tests the models for each pull request and each push to the default branch."""
    return _WORKFLOW.format(branch=json.dumps(default_branch))


_HEAD = """\
# Which models are tested on which devices. `ttci check` reads this file and imports the models.
"""

_CPU = """\
[devices.cpu]
backend = "torch"
dtype = "bfloat16"
max-tokens = 128  # batch x sequence; longer test shapes are cut along the sequence
"""

_MOCK_BOARD = f"""\
[devices.{_MOCK}]
backend = "ttnn"
target = "mock"  # ttnn itself, with no board
board = "n150"
max-tokens = 128
on-demand = true  # only when named: its environment takes about 6 GB
"""

_WORKFLOW = f"""\
name: Models

on:
  pull_request:
  push:
    branches: [{{branch}}]

permissions:
  contents: read

jobs:
  models:
    name: Models
    runs-on: ubuntu-latest
    timeout-minutes: 60
    steps:
      - name: Check out the models
        uses: {_CHECKOUT}
        with:
          fetch-depth: 2  # of a pull request: its merge, and the base that it is measured beside
          persist-credentials: false
      - name: Set up Python
        uses: {_SETUP_PYTHON}
        with:
          python-version: "3.12"
      - name: Install nox and ttci
        run: python -m pip install "{_NOX}" "{_WITH_STATISTICS}"
      - name: Test the models
        run: nox -s models
      - name: Measure the pull request beside its base
        if: github.event_name == 'pull_request'
        continue-on-error: true  # the report says what came of it; there is none where nothing is concerned
        run: ttci compare HEAD^1 --changed --isolated --no-annotations
      - name: Report
        if: always()
        run: ttci report
      - name: Keep the report
        if: always()
        uses: {_UPLOAD_ARTIFACT}
        with:
          name: ttci-reports
          path: reports
          if-no-files-found: ignore
"""
