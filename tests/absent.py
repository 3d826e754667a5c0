"""What some tests need beside Python, and a newcomer's machine may not have."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def absent(how_to_get_it: str) -> NoReturn:
    """Skip the test, and say why; in CI, where everything is to be tested, fail it."""
    if os.environ.get("CI"):
        pytest.fail(how_to_get_it)
    pytest.skip(how_to_get_it)
