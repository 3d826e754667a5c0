"""What a release of ttnn changed in its own goldens since those that ttci was tested with."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from ttci.environment import installed_version

# By operation, the parameters of its golden in each release that the tests passed with; null: none.
_TESTED = Path(__file__).with_name("golden_signatures.json")
_MOST_NAMES = 5


def changed_goldens(ttnn: Any) -> list[str]:
    """The operations whose golden takes other arguments than in any release that ttci was tested with."""
    tested: dict[str, list[str | None]] = json.loads(_TESTED.read_text(encoding="utf-8"))
    now = golden_signatures(ttnn)
    return [name for name, signatures in tested.items() if name in now and now[name] not in signatures]


def golden_signatures(ttnn: Any) -> dict[str, str | None]:
    """By operation, the parameters of its golden; None where it has none."""
    operations = ttnn.query_registered_operations(include_experimental=True)
    return {
        operation.python_fully_qualified_name: _parameters(operation.golden_function)
        for operation in operations
        if hasattr(operation, "golden_function")
    }


def notice_of_changes(ttnn: Any) -> str | None:
    """The same for a person, in one line; None where nothing changed."""
    changed = changed_goldens(ttnn)
    if not changed:
        return None
    others = f" and {len(changed) - _MOST_NAMES} more" if len(changed) > _MOST_NAMES else ""
    return (
        f"ttnn {installed_version('ttnn')} is none that this ttci was tested with: its goldens of "
        f"{', '.join(changed[:_MOST_NAMES])}{others} take other arguments; upgrade ttci"
    )


def _parameters(golden: Any) -> str | None:
    if golden is None:
        return None
    parameters = inspect.signature(golden).parameters.values()
    return ", ".join(str(parameter.replace(annotation=parameter.empty)) for parameter in parameters)
