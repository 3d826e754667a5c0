"""What the suite hangs on pytest's items."""

from __future__ import annotations

import pytest

from ttci.results import Result
from ttci.testing.judge import Case

CASE: pytest.StashKey[Case] = pytest.StashKey()
RESULT: pytest.StashKey[Result] = pytest.StashKey()
