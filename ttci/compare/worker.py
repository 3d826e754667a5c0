"""The processes of the sides: ``python -m ttci.compare.worker SOCKET`` is their template.

A copy of it (see `ttci.compare.side`) imports one model from its own checkout, makes one test after the other
ready, and times as many calls as it is asked for. What the model's code prints goes to the log.
"""

from __future__ import annotations

import gc
import os
import socket
import statistics
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from ttci.catalog.checks import Capability, check_names
from ttci.checks.performance import Limits, measure
from ttci.compare.clock import Clock
from ttci.compare.messages import EndedError, Line, Message, receive_with_socket, send_with_socket
from ttci.compare.own_code import OwnCode, foreign_module
from ttci.errors import DeviceUnavailableError, InputError
from ttci.manifest import Identity, Pair, Source, TestTargets, load_manifest, parse_source
from ttci.manifest.schema import parse_manifest
from ttci.results import Outcome, Result
from ttci.runner.child import end_with_starter
from ttci.testing.choice import open_with_modules
from ttci.testing.config import ModuleTest
from ttci.testing.discover import tests_of_source
from ttci.testing.judge import Case, describe_exception, judge_case
from ttci.testing.model_code import code_of
from ttci.testing.places import place_text
from ttci.testing.prepared import PreparedTest
from ttci.testing.targets import BoundTargets

CHECKS = ("performance", "memory")
_WARM_CALLS = 3
_QUANTILE = 0.25
_SLOW_S = 0.2  # of a call
_GAPS, _LARGEST_GAP = 64, 1 << 15  # bytes
_kept: list[bytes] = []  # for as long as the process lives
# What of a test's declaration is the head's on both sides.
_OF_THE_HEAD = ("input_shape", "decode_cache_length")


class Worker:
    """Answers messages about the tests of one model on one device."""

    def __init__(self) -> None:
        self._tests: dict[str, ModuleTest] = {}
        self._ready = ExitStack()
        self._opened = ExitStack()
        self._call: Callable[[], object] | None = None
        self._clock = Clock()
        self._timed: list[float] = []  # seconds, of the test that is ready

    def answer(self, message: Message) -> Message:
        """Do what a message asks for."""
        kind = message["do"]
        answers: dict[str, Callable[[Message], Message]] = {
            "open": self._open,
            "prepare": self._prepare,
            "time": self._time,
            "release": self._release,
            "close": self._close,
        }
        try:
            return answers[kind](message)
        except (InputError, DeviceUnavailableError) as error:
            return {"problem": str(error)}
        except (Exception, SystemExit) as error:  # noqa: BLE001  # the user's module may raise anything
            return {"problem": describe_exception(error)}

    def _open(self, message: Message) -> Message:
        """Import the model, and say which tests it has."""
        manifest = load_manifest(Path(message["manifest"]))
        root, checkout = Path(message["root"]), Path(message["checkout"])
        os.chdir(message["folder"])
        sys.meta_path.insert(0, OwnCode(root, checkout))
        self._pair = Pair(message["model"], message["device"])
        self._device = open_with_modules(self._pair.device, manifest.devices[self._pair.device])
        self._opened.callback(self._device.close)
        try:
            self._source: Source = parse_source(message["source"], Path(message["folder"]))
        except ValueError as error:
            return {"problem": str(error)}
        with code_of(self._source).running():
            tests = tests_of_source(self._source)
            foreign = foreign_module(root, checkout)
        if foreign:
            what = f"{foreign} of the working tree was imported, and not this commit's"
            return {"problem": f"{what}; uninstall the package, or take it out of PYTHONPATH"}
        self._tests = {test.name: test for test in tests if set(CHECKS) & set(test.checks)}
        return {"tests": {name: _declared(test) for name, test in self._tests.items()}}

    def _prepare(self, message: Message) -> Message:
        """Make a test ready to be timed; where it is asked for, judge it once with every check first."""
        test = self._tests[message["test"]]
        for name, value in message.get("declared", {}).items():
            setattr(test, name, tuple(value) if isinstance(value, list) else value)
        prepared = PreparedTest(test, self._device)
        self._ready.callback(prepared.release)
        results = [*self._judged(prepared)] if message["judge"] else []
        answer: Message = {"shape": list(prepared.shape), "results": results}
        is_timed = "performance" in test.checks and Capability.TIMING in self._device.capabilities
        if is_timed and not any(result["outcome"] == Outcome.ERROR for result in results):
            self._ready.enter_context(code_of(self._source).running())
            self._call = self._ready.enter_context(self._device.timed(prepared.forward))
            answer["seconds"] = self._warmed_up()
        return answer

    def _warmed_up(self) -> float:
        """The seconds of a call that is warm; of a slow one, the first."""
        first = self._seconds(1)[0]
        return first if first > _SLOW_S else statistics.median(self._seconds(_WARM_CALLS))

    def _judged(self, prepared: PreparedTest) -> Iterator[Message]:
        """What its checks found: of a latency one round only, for it is timed in turns."""
        nothing = BoundTargets(TestTargets(), TestTargets(), code_binds=False)
        for check in check_names():
            if check in CHECKS and check in prepared.test.checks:
                identity = Identity(self._pair, prepared.test.name, check)
                case = Case(identity, prepared, nothing, code_of(self._source).running)
                yield _found(judge_case(case, _once))

    def _time(self, message: Message) -> Message:
        """Time so many calls, after one that is not counted where there are several."""
        calls = message["calls"]
        self._timed += self._seconds(calls + 1)[1:] if calls > 1 else self._seconds(1)
        return {}

    def _seconds(self, calls: int) -> list[float]:
        if self._call is None:
            raise InputError("the test is not ready to be timed")
        return [self._clock.seconds(self._call) for _ in range(calls)]

    def _release(self, message: Message) -> Message:  # noqa: ARG002  # as every answer
        """Forget the test; of what was timed, the lower quartile of the calls.

        What disturbs a call makes it longer: on a busy machine the quartile varies less than the median.
        """
        timed, self._timed, self._call = self._timed, [], None
        self._ready.close()
        return {"seconds": float(np.quantile(timed, _QUANTILE))} if timed else {}

    def _close(self, message: Message) -> Message:  # noqa: ARG002  # as every answer
        """Close the device; nothing is asked for after that."""
        self._ready.close()
        self._opened.close()
        return {}


def _declared(test: ModuleTest) -> dict[str, Any]:
    """What the other side is asked of too; only what is stated."""
    stated = {name: getattr(test, name) for name in _OF_THE_HEAD}
    place = {"declared_at": place_text(test.declared_at)} if test.declared_at else {}
    return {"declared": {name: value for name, value in stated.items() if value is not None}, **place}


def _once(call: Callable[[], object]) -> Any:
    return measure(call, limits=Limits(max_seconds=0.0, fewest_rounds=1))


def _found(result: Result) -> Message:
    return result.model_dump(mode="json", include={"check", "outcome", "message", "measurements", "limit"})


def _work(connection: socket.socket, log: str) -> None:
    """In a copy: answer until the other end is gone."""
    printed = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(printed, 1)
    os.dup2(printed, 2)
    os.close(printed)
    end_with_starter()
    _move_what_follows()
    line, worker = Line(connection), Worker()
    while True:
        line.send(worker.answer(line.receive()))


def _move_what_follows() -> None:
    """Take memory of random sizes, so that no two copies have their models at the same addresses.

    Where code or data lie decides on a few percent (Mytkowicz et al., ASPLOS 2009), and randomizing it makes
    noise of that, which can be judged (Curtsinger and Berger, Stabilizer, ASPLOS 2013).
    """
    random = Random(os.urandom(16))
    _kept.extend(bytes(random.randrange(_LARGEST_GAP)) for _ in range(_GAPS))


def _copy(connection: socket.socket, of_template: socket.socket, log: str) -> int:
    """Make a copy of this process, which works; its process id."""
    pid = os.fork()
    if pid:
        connection.close()
        return pid
    code = 1
    try:
        of_template.close()
        _work(connection, log)
    except EndedError:
        code = 0
    except BaseException:  # noqa: BLE001  # nothing of the template's is to go on here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _code_of(pid: int) -> int:
    """How a copy ended, which is waited for."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except ChildProcessError:
        return 0


def main() -> None:
    """Be the template: copy this process as often as the other end asks for, until that is gone."""
    end_with_starter()
    connection = socket.socket(fileno=int(sys.argv[1]))
    parse_manifest({})  # what pydantic makes of its classes the first time, no copy makes again
    TestTargets.model_validate({})
    gc.collect()
    gc.freeze()
    with suppress(EndedError):
        while True:
            message, passed = receive_with_socket(connection)
            if message["do"] == "copy":
                answer = {"pid": _copy(passed[0], connection, message["log"])}
            else:
                answer = {"code": _code_of(message["pid"])}
            send_with_socket(connection, answer, None)


if __name__ == "__main__":
    main()
