"""Write the files that a repository begins with, never over one that is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ttci.errors import InputError, quoted
from ttci.files import write_whole
from ttci.git import git_output
from ttci.manifest import DEFAULT_PATH, load_manifest
from ttci.setup.repository import FoundModel, models_in, named_model, requirements_of, root_of
from ttci.setup.texts import EXAMPLE_MODEL, NOXFILE, devices_of, manifest_text, workflow_text

_EXAMPLE = "tiny.py"
_WORKFLOW = Path(".github", "workflows", "models.yml")
_LINES_FOR_A_NOXFILE = "add to it: from ttci.nox import model_sessions; model_sessions()"


def set_up(source: str | None, *, example: bool) -> Iterator[str]:
    """Write what is not there yet; yields a line for each thing that was done, and the next command.

    Args:
        source: ``path.py::Class``; every model that declares tests where None.
        example: whether to write a model too, and to begin with that.

    Raises:
        InputError: there is a manifest already, or no model; then nothing is written.
    """
    root = root_of(Path.cwd())
    _refuse_a_second_manifest(root)
    if example:
        if source:
            raise InputError("--example brings a model of its own; leave out FILE::CLASS")
        yield _write(root / _EXAMPLE, EXAMPLE_MODEL, must_be_new=True)
        source = str(root / _EXAMPLE) + "::Tiny"
    models = [named_model(source, root)] if source else models_in(root)
    yield _write(root / DEFAULT_PATH, manifest_text(models, requirements_of(models, root)), must_be_new=True)
    load_manifest(root / DEFAULT_PATH)
    yield from (f"  {model.name}: {model.source} on {', '.join(devices_of(model))}" for model in models)
    yield _write(root / "noxfile.py", NOXFILE, advice=_LINES_FOR_A_NOXFILE)
    yield _write(root / _WORKFLOW, workflow_text(_default_branch(root)))
    if not (root / ".git").exists():
        yield "there is no git repository here: the workflow runs once there is one (git init)"
    yield from _next(models)


def _refuse_a_second_manifest(root: Path) -> None:
    if (root / DEFAULT_PATH).exists():
        advice = 'add a model to it: [models.NAME], source = "path.py::Class", devices = ["cpu"]'
        raise InputError(f"{DEFAULT_PATH} is there already, and init changes nothing that is; {advice}")


def _write(path: Path, text: str, *, advice: str = "", must_be_new: bool = False) -> str:
    """Write a file that is not there; returns what was done."""
    shown = _from_here(path)
    if path.exists():
        if must_be_new:
            raise InputError(f"{shown} is there already, and init changes nothing that is; move it away")
        return f"kept {shown}, which was there" + (f"; {advice}" if advice else "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, [text])
    except OSError as error:
        raise InputError(f"{quoted(str(shown))} cannot be written: {error.strerror}") from None
    return f"wrote {shown}"


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _default_branch(root: Path) -> str:
    """What the remote's HEAD is, else the branch that is checked out."""
    remote = git_output(root, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
    if remote:
        return remote.partition("/")[2]
    return git_output(root, "symbolic-ref", "--short", "HEAD") or "main"


def _next(models: list[FoundModel]) -> Iterator[str]:
    first = models[0]
    yield f"next: nox -s models -- {first.name}"
    if first.has_ttnn_form:
        yield f"then, with no board: nox -s models -- {first.name} --device {devices_of(first)[-1]}"
