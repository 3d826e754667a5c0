"""README and docs/: what they say is typed, printed, written and imported is so."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomli

from tests.docs.page import ON_TTNN
from tests.docs.pages import BLOCKS, to_do, with_note
from tests.docs.reader import Reader
from tests.root import ROOT
from ttci.errors import INTERRUPTED, ExitCode
from ttci.results import Comparison, Drift, Fidelity, Outcome, State, Verdict

if TYPE_CHECKING:
    from tests.docs.page import Block

# What is typed and not run, why and how often: nothing joins it unseen.
NOT_RUN = {
    "not run: .ci/run begins with it": 1,
    "not run: .ci/run ends with it": 1,
    "not run: needs a board": 1,
    "not run: it runs until you stop it": 1,
    "not run: it takes a report, as on other pages": 1,
}
OF_FILES = ("js", "python", "toml", "yaml")
LANGUAGES = {*OF_FILES, "console", "text"}


@pytest.mark.usefixtures("_needs_torch")
@pytest.mark.parametrize("page", with_note(), ids=lambda page: str(page.relative_to(ROOT)))
def test_page_says_what_is_so(page: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    reader = Reader.begin(tmp_path, {"PATH": path})
    reader.read(to_do(page))
    assert not reader.problems, "\n\n".join(reader.problems)


def test_what_is_not_run_is_counted() -> None:
    assert Counter(block.note for block in BLOCKS if block.note != ON_TTNN and block.note) == NOT_RUN


@pytest.mark.parametrize("block", [block for block in BLOCKS if block.language in OF_FILES], ids=str)
def test_block_is_a_file_of_the_project(block: Block) -> None:
    assert block.file, f"{block.page}:{block.line}: name the file in a comment in its first line: # tiny.py"
    if block.language == "python":
        ast.parse(block.text)
    if block.language == "toml":
        tomli.loads(block.text)


def test_every_block_has_a_language_that_is_looked_at() -> None:
    # Those of MyST, in braces, are looked at by the build.
    assert {block.language for block in BLOCKS if "{" not in block.language} <= LANGUAGES


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_links_outside_the_build_lead_somewhere(name: str) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", (ROOT / name).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).is_file()] == []


@pytest.mark.parametrize("kind", [Outcome, Verdict, Drift, Comparison, Fidelity, State])
def test_every_word_of_a_result_is_explained(kind: type[Outcome]) -> None:
    text = (ROOT / "docs" / "reference" / "words.md").read_text(encoding="utf-8")
    section = text.partition(f"## {kind.__name__}, ")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(.*?)` \|", section, re.MULTILINE) == [str(word) for word in kind]


def test_every_exit_code_is_explained() -> None:
    text = (ROOT / "docs" / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    assert told == {*ExitCode, INTERRUPTED}
