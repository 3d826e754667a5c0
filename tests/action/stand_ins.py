"""What act runs in place of GitHub's own actions, which it would fetch: ``python stand_ins.py ACTION``.

Artifacts go to act's server and come from it as `actions/upload-artifact` does it, by version 4 of the
protocol. It runs in a step, so it imports nothing that may not be there.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import sys
import urllib.request
import zipfile
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

SERVICE = "twirp/github.actions.results.api.v1.ArtifactService"


def checkout() -> None:
    """The user's repository is there already; another one is ttci, beside it."""
    if path := os.environ["INPUT_PATH"]:
        Path(path).symlink_to(os.environ["TTCI_REPOSITORY"])


def setup_python() -> None:
    """Name the Python of the tests, which has torch; what an earlier job has installed is copied."""
    if Path(os.environ["TTCI_ENVIRONMENT"]).exists():
        copy_environment(os.environ["TTCI_ENVIRONMENT"], os.environ["RUNNER_TEMP"] + "/ttci")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.write(f"python-path={os.environ['TTCI_PYTHON']}\n")


def upload() -> None:
    """Upload a folder or a file."""
    name, path = os.environ["INPUT_NAME"], Path(os.environ["INPUT_PATH"])
    content = zipped(path)
    address = call("CreateArtifact", name=name, version=4)["signedUploadUrl"]
    request = urllib.request.Request(f"{address}&comp=appendBlock", content, method="PUT")
    with urllib.request.urlopen(request):
        call("FinalizeArtifact", name=name, size=str(len(content)))


def download() -> None:
    """Fetch the artifacts of a pattern, each into a folder of its own."""
    for artifact in call("ListArtifacts")["artifacts"]:
        name = artifact["name"]
        if fnmatch(name, os.environ["INPUT_PATTERN"]):
            with urllib.request.urlopen(call("GetSignedArtifactURL", name=name)["signedUrl"]) as answer:
                content = io.BytesIO(answer.read())
            zipfile.ZipFile(content).extractall(Path(os.environ["INPUT_PATH"], name))


def restore_cache() -> None:
    """Find nothing in the cache; what this job has installed, which takes long, is kept for later ones."""
    copy_environment(os.environ["RUNNER_TEMP"] + "/ttci", os.environ["TTCI_ENVIRONMENT"])


def save_cache() -> None:
    """Keep nothing."""


def copy_environment(source: str, target: str) -> None:
    """A copy each, for the jobs of pairs install more into it, at the same time."""
    shutil.copytree(source, target, symlinks=True)


def zipped(path: Path) -> bytes:
    """A folder or a file as it is uploaded: without what is hidden."""
    root = path if path.is_dir() else path.parent
    files = [file for file in ([*path.rglob("*")] or [path]) if file.is_file()]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in (file.relative_to(root) for file in files):
            if not any(part.startswith(".") for part in name.parts):
                archive.write(root / name, name)
    return content.getvalue()


def call(method: str, **message: object) -> Any:
    """Ask the server, which wants to hear of which run this is; its token says that."""
    token = os.environ["ACTIONS_RUNTIME_TOKEN"]
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    _, run, job = claims["scp"].split(":")
    message |= {"workflowRunBackendId": run, "workflowJobRunBackendId": job}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    address = f"{os.environ['ACTIONS_RESULTS_URL']}{SERVICE}/{method}"
    with urllib.request.urlopen(
        urllib.request.Request(address, json.dumps(message).encode(), headers)
    ) as answer:
        return json.load(answer)


ACTIONS: dict[str, Callable[[], None]] = {
    "checkout": checkout,
    "setup-python": setup_python,
    "upload-artifact": upload,
    "download-artifact": download,
    "cache/restore": restore_cache,
    "cache/save": save_cache,
}

if __name__ == "__main__":
    ACTIONS[sys.argv[1]]()
