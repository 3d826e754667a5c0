"""Whether the action left what it promises; for the workflow that uses it, which sets WELL and ABSENT."""

from __future__ import annotations

import json
import os
from pathlib import Path

FILES = ("junit.xml", "benchmark.json", "report.json", "summary.md", "plan.json", "bert@cpu/run.json")

well, absent = json.loads(os.environ["WELL"]), json.loads(os.environ["ABSENT"])
assert (well["verdict"], absent["verdict"]) == ("passed", "unavailable"), (well, absent)
for outputs, folder in ((well, "reports"), (absent, "absent")):
    assert int(outputs["passed"]) > 0, outputs
    assert [outputs["failed"], outputs["errors"], outputs["missed"]] == ["0", "0", "0"], outputs
    assert outputs["report-dir"] == folder, outputs
    assert [outputs["junit"], outputs["benchmark-json"]] == [
        f"{folder}/junit.xml",
        f"{folder}/benchmark.json",
    ]
    missing = [name for name in FILES if not Path(folder, name).is_file()]
    assert missing == [], f"{folder} lacks {missing}"
print("the action left every output and file")
