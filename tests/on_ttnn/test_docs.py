"""The pages of the documentation that say what is seen where ttnn is installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.docs.page import ON_TTNN
from tests.docs.pages import to_do, with_note
from tests.docs.reader import Reader


@pytest.mark.parametrize("page", with_note(ON_TTNN), ids=lambda page: page.stem)
def test_page_says_what_is_so_on_ttnn(page: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    reader = Reader.begin(tmp_path, {"PATH": path})
    reader.read(to_do(page, ON_TTNN))
    assert not reader.problems, "\n\n".join(reader.problems)
