"""Workflow expressions, evaluated by GitHub's own published library in node."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_IN_TEXT = re.compile(r"\$\{\{((?:'(?:[^']|'')*'|[^'])*?)\}\}", re.DOTALL)
_HAS_STATUS = re.compile(r"\b(success|failure|cancelled|always)\(\)")


@dataclass(frozen=True)
class Expressions:
    """The library, installed in a folder with the scripts that use it."""

    folder: Path

    def evaluate(self, expressions: list[str], context: dict[str, Any], status: str = "success") -> list[Any]:
        """What each expression is, as text and as a truth."""
        given = json.dumps({"expressions": expressions, "context": context, "status": status})
        command = ["node", "evaluate.mjs"]
        done = subprocess.run(
            command, input=given, cwd=self.folder, capture_output=True, text=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stderr
        results: list[Any] = json.loads(done.stdout)
        return results

    def texts(self, texts: dict[str, str], context: dict[str, Any], status: str) -> dict[str, str]:
        """`texts` with every ``${{ }}`` in them replaced."""
        found = [expression for text in texts.values() for expression in _IN_TEXT.findall(text)]
        values = iter(self.evaluate(found, context, status)) if found else iter(())
        return {key: _IN_TEXT.sub(lambda _: next(values)["text"], text) for key, text in texts.items()}

    def condition(self, text: str, context: dict[str, Any], status: str) -> bool:
        """Whether the `if` of a step holds; without a status function it asks for success too."""
        match = _IN_TEXT.fullmatch(text.strip())
        expression = match[1] if match else text
        if not _HAS_STATUS.search(expression):
            expression = f"success() && ({expression})"
        return bool(self.evaluate([expression], context, status)[0]["true"])
