"""Which pairs a change concerns: ``--changed``, on a real git repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Project
from tests.repositories import git
from ttci.errors import InputError
from ttci.manifest import load_manifest
from ttci.planning.narrowed import only_changed
from ttci.planning.plan import plan

MANIFEST = """\
[environment]
requirements = ["-r requirements.txt"]

[devices.cpu]
backend = "torch"

[devices.quick]
backend = "torch"
measure-seconds = 1

[models.one]
source = "one/model.py::One"
devices = ["cpu", "quick"]

[models.one.targets.quick.layer]
latency_ms = 5.0

[models.two]
source = "nets.two:Two"
devices = ["cpu"]
"""
FILES = {
    "models_manifest.toml": MANIFEST,
    "requirements.txt": "-r more.txt\n",
    "more.txt": "einops\n",
    "one/model.py": "import parts\nfrom shared import layer\n",
    "one/parts.py": "",
    "nets/__init__.py": "",
    "nets/two.py": "from . import inside\nimport shared\n",
    "nets/inside.py": "",
    "shared.py": "layer = None\n",
    "README.md": "",
}
ALL = {"one@cpu", "one@quick", "two@cpu"}


@pytest.fixture
def repository(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    for name, text in FILES.items():
        made.write(name, text)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return made


def changed(repository: Project, base: str | None = None) -> set[str]:
    manifest = load_manifest(repository.path / "models_manifest.toml")
    return {str(job.pair) for job in only_changed(plan(manifest, [], ["*"]), manifest, base).jobs}


def replace(repository: Project, name: str, old: str, new: str) -> None:
    assert FILES[name].count(old) == 1
    repository.write(name, FILES[name].replace(old, new))


def test_nothing_has_changed_in_a_clean_checkout(repository: Project) -> None:
    assert changed(repository) == set()


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        ("one/model.py", {"one@cpu", "one@quick"}),
        ("one/parts.py", {"one@cpu", "one@quick"}),
        ("nets/inside.py", {"two@cpu"}),
        ("nets/__init__.py", {"two@cpu"}),
        ("shared.py", ALL),
        ("requirements.txt", ALL),
        ("more.txt", ALL),
        ("README.md", set()),
    ],
)
def test_pairs_are_those_whose_files_have_changed_committed_or_not(
    repository: Project, name: str, pairs: set[str]
) -> None:
    repository.write(name, FILES[name] + "\n# changed\n")
    assert changed(repository) == pairs
    git(repository.path, "commit", "-q", "-a", "-m", "second")
    assert changed(repository) == set()
    assert changed(repository, "HEAD~1") == pairs


@pytest.mark.parametrize(
    ("old", "new", "pairs"),
    [
        ("latency_ms = 5.0", "latency_ms = 6.0", {"one@quick"}),
        ("measure-seconds = 1", "measure-seconds = 2", {"one@quick"}),
        ('"nets.two:Two"', '"nets.two:Three"', {"two@cpu"}),
        ('devices = ["cpu", "quick"]', 'devices = ["quick", "cpu"]', set()),
        ("[devices.quick]", "# a comment\n[devices.quick]", set()),
        ('["-r requirements.txt"]', '["-r requirements.txt", "einops"]', ALL),
    ],
)
def test_pairs_are_those_whose_entries_of_the_manifest_have_changed(
    repository: Project, old: str, new: str, pairs: set[str]
) -> None:
    replace(repository, "models_manifest.toml", old, new)
    assert changed(repository) == pairs


def test_new_and_removed_files_count(repository: Project) -> None:
    (repository.path / "one/parts.py").unlink()
    assert changed(repository) == {"one@cpu", "one@quick"}
    git(repository.path, "checkout", "-q", "one/parts.py")
    replace(repository, "nets/two.py", "import shared", "import fresh")
    repository.write("nets/two.py", FILES["nets/two.py"] + "import fresh\n")
    git(repository.path, "commit", "-q", "-a", "-m", "second")
    repository.write("fresh.py", "")
    assert changed(repository) == {"two@cpu"}


def test_branch_is_compared_with_where_it_left_the_remotes_default_branch(
    repository: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    clone = tmp_path_factory.mktemp("clone") / "clone"
    git(repository.path, "clone", "-q", str(repository.path), str(clone))
    mine = Project(clone)
    git(clone, "checkout", "-q", "-b", "mine")
    mine.write("one/parts.py", "# changed\n")
    git(clone, "commit", "-q", "-a", "-m", "mine")
    repository.write("nets/inside.py", "# changed\n")
    git(repository.path, "commit", "-q", "-a", "-m", "theirs")
    git(clone, "fetch", "-q")
    assert changed(mine) == {"one@cpu", "one@quick"}


@pytest.mark.parametrize("base", ["no-such-branch", "--output=x"])
def test_unknown_base_is_said(repository: Project, base: str) -> None:
    with pytest.raises(InputError, match="--changed: "):
        changed(repository, base)
    assert not (repository.path / "x").exists()


def test_folder_without_git_is_said(tmp_path: Path) -> None:
    made = Project(tmp_path)
    for name, text in FILES.items():
        made.write(name, text)
    with pytest.raises(InputError, match="is in no git repository"):
        changed(made)


def test_command_says_what_is_left_out_and_ends_well_where_nothing_is_left(repository: Project) -> None:
    done = repository.ttci("run", "--changed")
    assert done.code == 0
    assert done.lines == [
        "one@cpu is not run: unchanged since HEAD",
        "one@quick is not run: unchanged since HEAD",
        "two@cpu is not run: unchanged since HEAD",
        "nothing is run: every chosen pair is unchanged, or was well when it ran last",
    ]
    assert not (repository.path / "reports" / "plan.json").exists()
    repository.write("nets/inside.py", "# changed\n")
    done = repository.ttci("plan", "--changed", "--json")
    assert '"pair": "two@cpu"' in done.output
    assert "one@" not in done.output
