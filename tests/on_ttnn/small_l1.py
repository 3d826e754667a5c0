"""A pool on a mock board of which a core keeps so many bytes for small buffers: prints what it is told.

``python small_l1.py BYTES`` prints, as JSON, the outcome and message of the check.
"""

from __future__ import annotations

import json
import sys

from faults import judged  # type: ignore[import-not-found]  # beside this file

from ttci.manifest import TtnnDeviceEntry
from ttci.testing.choice import open_with_modules


def main(size: str) -> None:
    entry = {"backend": "ttnn", "target": "mock", "board": "n150", "l1-small-bytes": int(size)}
    device = open_with_modules("mock", TtnnDeviceEntry.model_validate(entry))
    try:
        print(json.dumps(judged(device, "max_pool")))
    finally:
        device.close()


if __name__ == "__main__":
    main(sys.argv[1])
