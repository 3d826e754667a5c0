"""Whether what looks slower than its history is so: the suspected checks, measured again.

Only they are rerun, one after the other and all of them several times, so that a slow
minute of the machine meets each of them once. The values stand in run.json beside the
first ones, which were looked at because they were far off: from then on they stand for
them, in `ttci report` too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ttci.artifacts.pair_folder import PairFolder
from ttci.drift.compare import view_of
from ttci.drift.judgement import HistoryView, SeriesDrift
from ttci.errors import InputError, TtciError, describe
from ttci.history.index.index import updated_index
from ttci.history.stores import chosen_store
from ttci.history.stores.protocol import Store
from ttci.manifest import Manifest, Pair
from ttci.report.drift_reasons import reason_text
from ttci.results import Drift, Measurement, Result, Run, write_run
from ttci.runner.child import Terminated
from ttci.runner.pair import rerun
from ttci.runner.settings import DEFAULT, RunnerSettings

TIMES = 3

Values = Mapping[tuple[str, str], tuple[float, ...]]  # by identity and metric


@dataclass(frozen=True)
class Confirming:
    """A history that what looks slower is confirmed against."""

    store: Store
    default_branch: str | None

    @classmethod
    def of(cls, source: str | None, default_branch: str | None, manifest: Path) -> Confirming:
        """Of the options of ``ttci run``.

        Raises:
            InputError: there is no history to confirm anything against.
        """
        store = chosen_store(source, manifest)
        if store is None:
            raise InputError("--confirm needs a history; name one with --history SOURCE")
        return cls(store, default_branch)

    def confirm(
        self, manifest: Manifest, pair: Pair, report_dir: Path, settings: RunnerSettings = DEFAULT
    ) -> None:
        """Rerun what looks slower, and say what became of it; a history that cannot be read is said.

        The checks run as they ran before, as `settings` says.
        """
        try:
            run = PairFolder(report_dir / str(pair)).read_run()
            if run is not None and run.finished is not None:
                self._confirm(manifest, pair, report_dir, run, settings)
        except (TtciError, OSError) as error:
            print(f"{pair}: not confirmed: {error}")
        except Exception as error:  # noqa: BLE001  # a bug in the judging of history is none of what was run
            print(f"{pair}: not confirmed, for a bug of ttci: {describe(error)}")
        except Terminated as termination:  # run.json is as the first run left it
            termination.end()
            raise

    def _confirm(
        self, manifest: Manifest, pair: Pair, report_dir: Path, run: Run, settings: RunnerSettings
    ) -> None:
        view = self._view(manifest, run)
        doubtful = [entry for entry in view.series if _is_doubtful(entry)]
        for note in view.notes:
            print(f"{pair}: {note}")
        if not doubtful:
            print(f"{pair}: nothing looks slower than its history")
            return
        identities = sorted({entry.series.identity for entry in doubtful})
        print(f"{pair}: {len(identities)} checks look slower than their history; each is rerun {TIMES} times")
        measured = _values(rerun(manifest, pair, report_dir, identities, TIMES, settings))
        with_reruns = run.model_copy(
            update={"results": tuple(_with_reruns(result, identities, measured) for result in run.results)}
        )
        write_run(PairFolder(report_dir / str(pair)).run, with_reruns)
        for entry in self._view(manifest, with_reruns, identities).series:
            judgement = entry.judgement
            print(f"{entry.series}: {judgement.drift}: {reason_text(judgement.reason)}")

    def _view(self, manifest: Manifest, run: Run, only: Sequence[str] | None = None) -> HistoryView:
        stated = manifest.history
        branch = self.default_branch or stated.default_branch
        with updated_index(self.store) as index:
            return view_of([run], index, manifest.folder, branch, stated.smallest_change, only=only)


def _is_doubtful(entry: SeriesDrift) -> bool:
    """Whether it looks slower, and another run could tell otherwise: a figure without noise could not."""
    judgement = entry.judgement
    is_worse = ((judgement.change or 0.0) > 0) == (entry.series.direction == "lower")
    looks_slower = judgement.drift is Drift.SLOWER or (judgement.is_suspected and is_worse)
    return looks_slower and bool(judgement.noise)


def _values(runs: Iterable[Run]) -> Values:
    found: dict[tuple[str, str], tuple[float, ...]] = {}
    for run in runs:
        for result in run.results:
            for measurement in result.measurements:
                if measurement.value is not None:
                    key = (result.id, measurement.name)
                    found[key] = (*found.get(key, ()), measurement.value)
    return found


def _with_reruns(result: Result, identities: Sequence[str], measured: Values) -> Result:
    if result.id not in identities:
        return result

    def with_its_own(measurement: Measurement) -> Measurement:
        return measurement.model_copy(update={"reruns": measured.get((result.id, measurement.name), ())})

    return result.model_copy(update={"measurements": tuple(map(with_its_own, result.measurements))})
