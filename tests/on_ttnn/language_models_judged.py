"""Small language models of Hugging Face's families on a mock board; ttnn opens one board a process.

``python language_models_judged.py BOARD MODEL…`` prints the results as JSON; a model is a family,
or a mistake in a Llama.
"""

from __future__ import annotations

import json
import sys

from tests.language_models import MISTAKES, hugging_face, language_model_test, ours
from ttci.manifest import Pair, TtnnDeviceEntry
from ttci.testing import ModuleTest
from ttci.testing.choice import Choice, open_with_modules
from ttci.testing.runner import run_choice


def declared(name: str) -> ModuleTest:
    theirs = hugging_face("llama" if name in MISTAKES else name)
    model = MISTAKES[name](ours(theirs)) if name in MISTAKES else ours(theirs)
    steps = 4 if name in MISTAKES else 32
    return language_model_test(name, model, theirs, decode_tokens=steps, test_cases=["correctness"])


def main(board: str, *names: str) -> None:
    entry = {"backend": "ttnn", "target": "mock", "board": board, "weight-dtype": "bfloat16"}
    device = open_with_modules("mock", TtnnDeviceEntry.model_validate(entry))
    try:
        results = run_choice(Choice(Pair("model", "mock"), device, [declared(name) for name in names]))
    finally:
        device.close()
    print(json.dumps([result.model_dump(mode="json") for result in results]))


if __name__ == "__main__":
    main(*sys.argv[1:])
