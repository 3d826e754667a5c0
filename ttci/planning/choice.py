"""Which pairs are chosen: models, devices, and single pairs by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ttci.errors import ExitCode, InputError, NothingMatchedError, TtciError
from ttci.manifest import Manifest, Pair
from ttci.manifest.identity import model_and_device
from ttci.planning.plan import Job, Plan, plan


@dataclass(frozen=True)
class Choice:
    """What can be asked of one call of ``ttci run``, and what it means."""

    models: tuple[str, ...]
    devices: tuple[str, ...]
    plan: Plan

    @property
    def absent(self) -> tuple[Job, ...]:
        """Those of its pairs whose device was asked for by name and is not here."""
        return self.plan.absent(self.devices)


def choose(manifest: Manifest, words: Sequence[str], devices: Sequence[str]) -> list[Choice]:
    """Models with `devices`, and each ``model@device`` of `words` by itself.

    Raises:
        InputError: with every unknown name.
        NothingMatchedError: nothing is chosen.
    """
    models = [word for word in words if "@" not in word]
    named = [(tuple(models), tuple(devices))] if models or not words else []
    named += [((model,), (device,)) for model, device in map(model_and_device, words) if device]
    mistakes = [f'"{word}" is no pair; write it as model@device' for word in words if word.endswith("@")]
    choices, errors = [], []
    for each_models, each_devices in named:
        try:
            choices.append(Choice(each_models, each_devices, plan(manifest, each_models, each_devices)))
        except TtciError as error:
            errors.append(error)
    if mistakes or errors:
        raise _all_of(mistakes, errors)
    return choices


def _all_of(mistakes: Sequence[str], errors: Sequence[TtciError]) -> TtciError:
    text = "\n".join(dict.fromkeys([*mistakes, *map(str, errors)]))
    is_input = mistakes or any(error.exit_code == ExitCode.BAD_INPUT for error in errors)
    return InputError(text) if is_input else NothingMatchedError(text)


def together(choices: Iterable[Choice]) -> Plan:
    """The plan of all of them, each pair once."""
    plans = [choice.plan for choice in choices]
    jobs = dict.fromkeys(job for plan in plans for job in plan.jobs)
    return Plan(tuple(jobs), tuple(dict.fromkeys(entry for plan in plans for entry in plan.left_out)))


def here(choices: Iterable[Choice]) -> list[Job]:
    """The jobs that this host can run."""
    return [job for choice in choices for job in choice.plan.here]


def left_out(choices: Iterable[Choice]) -> list[tuple[Pair, str | None]]:
    """The pairs that nobody asked for by name and that do not run here, with the reason."""
    pairs: list[tuple[Pair, str | None]] = []
    for choice in choices:
        absent = {job.pair for job in choice.absent}
        pairs += [(pair, reason) for pair, reason in choice.plan.not_run_here if pair not in absent]
    return pairs
