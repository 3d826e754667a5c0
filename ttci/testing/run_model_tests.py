"""``python -m ttci.testing.run_model_tests --model FILE::CLASS --device NAME``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from ttci.errors import INTERRUPTED, TtciError
from ttci.files import print_any_text
from ttci.results import Result, exit_code
from ttci.testing.choice import Request, choose
from ttci.testing.runner import run_choice


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a model's tests without pytest and print them; returns the exit code."""
    print_any_text()
    parser = argparse.ArgumentParser(prog="python -m ttci.testing.run_model_tests", description=main.__doc__)
    parser.add_argument("--model", required=True, help="path.py::Class, path.py or package.module:attr")
    parser.add_argument("--device", default="cpu", help="of the manifest, or cpu, cuda, wormhole_b0")
    parser.add_argument("--manifest", type=Path, help="whose targets bind")
    options = parser.parse_args(arguments)
    try:
        request = Request(device=options.device, manifest=options.manifest, model=options.model)
        choice = choose(request)
        try:
            if choice.device.notice:
                print(choice.device.notice)
            results = run_choice(choice, on_result=_print_progress)
        finally:
            choice.device.close()
    except TtciError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    print(f"\n{results}")
    return exit_code(results)


def _print_progress(result: Result) -> None:
    print(f"{result.id}: {result.outcome} ({result.seconds:.1f} s)", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
