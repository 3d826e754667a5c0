"""Compare two commits: who is asked, in which environment, for how long; and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from random import Random

from ttci.compare.checkouts import Checkout, Checkouts
from ttci.compare.environments import pythons
from ttci.compare.intervals import MOST_FALSE_CALLS
from ttci.compare.pair_turns import PairTurns
from ttci.compare.side import Subject
from ttci.compare.turns import Turns
from ttci.errors import InputError
from ttci.manifest import Manifest, load_manifest
from ttci.planning.plan import Job
from ttci.results.comparison import Commit, ComparisonRun, NotCompared


@dataclass(frozen=True)
class Question:
    """What is to be found out.

    Attributes:
        tests: which, as globs; all of them where there is none.
        seconds: when the time is up; what is checked out and installed does not count.
        same: a change of this fraction does not matter.
        is_isolated: whether even equal requirements get an environment of their own.
        one_at_a_time: whether there is never a process of both sides at once; of a board there never is.
    """

    tests: Sequence[str]
    seconds: float
    same: float
    is_isolated: bool = False
    one_at_a_time: bool = False
    random: Random = field(default_factory=Random)


class Comparing:
    """Two commits that are being compared; what is known can be asked for at any time."""

    def __init__(self, checkouts: Checkouts, jobs: Sequence[Job], question: Question) -> None:
        """Take both sides.

        Args:
            checkouts: of both.
            jobs: of the head's manifest.
            question: about them.
        """
        self._checkouts, self._jobs, self._question = checkouts, jobs, question
        self._notes: list[str] = []
        self._not_compared: list[NotCompared] = []
        self._turns: Turns | None = None
        self._started = datetime.now(timezone.utc)

    def run(self, say: Callable[[str], object]) -> None:
        """Make the environments, and measure; `say` is told how far it has come."""
        base = self._base_manifest()
        pairs = [turns for job in self._jobs for turns in self._pair(job, base)]
        question = self._question
        self._turns = Turns(pairs, question.seconds, question.same, question.random, say)
        self._turns.run()

    def found(self, *, is_interrupted: bool = False) -> ComparisonRun:
        """What is known now."""
        turns = self._turns
        pairs = turns.pairs if turns else ()
        return ComparisonRun(
            base=_commit_of(self._checkouts.base),
            head=_commit_of(self._checkouts.head),
            started=self._started,
            same=self._question.same,
            most_false_calls=MOST_FALSE_CALLS,
            seconds=turns.seconds if turns else 0.0,
            pairs_of_processes=turns.processes if turns else 0,
            is_interrupted=is_interrupted,
            figures=tuple(turns.figures()) if turns else (),
            not_compared=(*self._not_compared, *(entry for pair in pairs for entry in pair.not_compared)),
            notes=tuple(self._notes),
        )

    def _base_manifest(self) -> Manifest | None:
        """The base's own; None where it cannot be used, which is noted."""
        path = self._checkouts.base_manifest_path
        if not path.is_file():
            self._notes.append(f"the base has no {path.name}: the head's is taken for both")
            return None
        try:
            return load_manifest(path)
        except InputError as error:
            reason = str(error.mistakes[0].what)
            self._notes.append(f"the base's {path.name} is not valid, the head's is taken for both: {reason}")
            return None

    def _pair(self, job: Job, base: Manifest | None) -> Iterator[PairTurns]:
        """The processes of a pair; nothing where the base has no such model."""
        head, pair = self._checkouts.manifest, job.pair
        if base and pair.device in base.devices and base.devices[pair.device] != head.devices[pair.device]:
            self._notes.append(
                f"devices.{pair.device} is another in the base's manifest: the head's is taken for both"
            )
        if base and pair.model not in base.models:
            reason = f"there is no model {pair.model} in its manifest"
            self._not_compared.append(NotCompared(id=str(pair), side="base", reason=reason, is_failure=False))
            return
        kept = self._folder_of(self._checkouts.root) / ".nox"
        own = pythons(head, base, job, kept, is_isolated=self._question.is_isolated)
        manifests = (base or head, head)
        sources = [manifest.models[pair.model].source for manifest in manifests]
        base_subject, head_subject = (
            self._subject(checkout, job, source, str(python))
            for checkout, source, python in zip(
                (self._checkouts.base, self._checkouts.head), sources, own, strict=True
            )
        )
        alone = self._question.one_at_a_time or job.has_board
        yield PairTurns(pair, (base_subject, head_subject), self._question.tests, alone)

    def _subject(self, checkout: Checkout, job: Job, source: str, python: str) -> Subject:
        head, sides = self._checkouts.manifest, self._checkouts
        opening = {
            "do": "open",
            "manifest": str(head.path.resolve()),
            "root": str(sides.root),
            "checkout": str(checkout.root),
            "folder": str(self._folder_of(checkout.root)),
            "source": source,
            "model": job.pair.model,
            "device": job.pair.device,
        }
        return Subject(
            checkout.side, python, opening, float(head.devices[job.pair.device].test_timeout_seconds)
        )

    def _folder_of(self, root: Path) -> Path:
        """Of the manifest, in a checkout."""
        return root / self._checkouts.manifest.path.resolve().parent.relative_to(self._checkouts.head.root)


def _commit_of(checkout: Checkout) -> Commit:
    return Commit(commit=checkout.commit, name=checkout.name, is_dirty=checkout.is_dirty)
