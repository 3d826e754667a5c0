"""History: what earlier runs measured, kept in a folder or on a git branch.

`record` says what of a run is kept and under which name, `stores` keep the files,
`index` answers questions about them, `baseline` finds what a run is compared with.
"""

from __future__ import annotations

DEFAULT_BRANCH = "ttci-history"
STORE_HELP = f"branch (that is branch:{DEFAULT_BRANCH}), branch:NAME, folder:PATH"
SOURCE_HELP = f"{STORE_HELP}, or off"
IMPORT_FORMATS = ("github-action-benchmark", "pytest-benchmark", "run-json")
KEEP = 50  # newest runs of a pair that keep their samples, where nobody says otherwise
