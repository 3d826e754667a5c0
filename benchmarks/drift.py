"""How often drift errs: false calls on unchanged code, and changes that are called.

Series are generated from fixed seeds (``_drift_series.py`` says of what), and every rule
sees the same ones:

* unchanged code: the share of judgements that call a change, the newest runs drawn several
  times for each series;
* a shift from some run on: the share of series in which one of its first three runs is
  called slower. The histories before are 60 to 100 runs long;
* a creeping change, a little more in each of three runs.

Where runs are "compared", nine in ten were measured beside the run before too, with what
`ttci compare` leaves of one minute (``_processes.py``).

With a folder of github-action-benchmark's ``data.js`` files (``*.js``) the same on real
noise: calls on the series as they are, in which some changes are real; on the same
values in random order, where every call is false; and shifts injected.

Bounds are on ttci's column: at most 1 false call in 1,000 in every row; 10 % at 3 % noise and 5 % at
1 % noise called in at least 90 of 100, on one host with outliers.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.random import Generator

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks._drift_rules import RULES
from benchmarks._drift_series import HOSTS, Kind, Series, generated, real, rounds
from benchmarks._processes import PAIR_NOISES

SEED = 20261122
MOST_FALSE, FEWEST_CALLED = 1 / 1000, 0.9
_SHORTEST, _LONGEST = 30, 100  # runs before the judged one
_LONG = 60  # where shifts are looked for
_NEWEST = 3
_ENDINGS = 20  # of a series, which are judged against the same runs
_REAL_SHIFTS = (0.05, 0.1, 0.2)

_ALL = tuple(PAIR_NOISES)
_USUAL = ("1%", "3%")  # of pairs of processes: intervals of 1 or 2 % to either side
_NEW_HOST = "a new host each run"
UNCHANGED = {
    "everything mixed": Kind(),
    **{f"{noise:.0%} noise": Kind(noise=noise) for noise in (0.01, 0.03, 0.1)},
    **{hosts: Kind(hosts=hosts) for hosts in HOSTS},
    **{f"correlation {value:g}": Kind(correlation=value) for value in (0.0, 0.4)},
    "a new host each run, compared": Kind(hosts=_NEW_HOST, compared=_ALL),
    "one host, compared": Kind(hosts="one host", compared=_ALL),
}
_ONE = "one host"
SHIFTS = {
    f"{shift:.0%} at {noise:.0%} noise": (shift, noise) for shift, noise in ((0.10, 0.03), (0.05, 0.01))
}
SHIFTED: dict[str, Callable[[float], Kind]] = {
    "one host": lambda noise: Kind(noise, _ONE, 0.0, steps=0),
    "one host, no outliers": lambda noise: Kind(noise, _ONE, 0.0, outliers=0.0, steps=0),
    "3 hosts": lambda noise: Kind(noise, "3 hosts", 0.0, steps=0),
    "6 hosts": lambda noise: Kind(noise, "6 hosts", 0.0, steps=0),
    "one host, past steps": lambda noise: Kind(noise, _ONE, 0.0),
    "one host, correlation 0.2": lambda noise: Kind(noise, _ONE, 0.2, steps=0),
    "one host, correlation 0.4": lambda noise: Kind(noise, _ONE, 0.4, steps=0),
    _NEW_HOST: lambda noise: Kind(noise, _NEW_HOST, 0.0, steps=0),
    "a new host each run, compared": lambda noise: Kind(noise, _NEW_HOST, 0.0, steps=0, compared=_USUAL),
}
# The last three runs are of commits that are slower by so much each.
CREEP = 0.02
CREEPING: dict[str, Callable[[float], Kind]] = {
    name: kind for name, kind in SHIFTED.items() if name in (_ONE, _NEW_HOST)
} | {
    f"{name}, compared": lambda noise, name=name: Kind(noise, name, 0.0, steps=0, compared=_USUAL)
    for name in (_ONE, _NEW_HOST)
}


def main() -> int:
    """Print the tables; 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", nargs="?", type=Path, help="a folder of data.js files, called *.js")
    parser.add_argument(
        "--judgements", type=int, default=40_000, help="of each unchanged kind; default: %(default)s"
    )
    parser.add_argument(
        "--series", type=int, default=1_000, help="of each kind of shift; default: %(default)s"
    )
    options = parser.parse_args()
    begin = time.perf_counter()
    print(f"seed {SEED}")
    if options.data:
        _print_real(options.data)
        return 0
    false = _print_unchanged(options.judgements)
    called = _print_shifted(options.series)
    _print_creeping(options.series)
    print(f"{time.perf_counter() - begin:.0f} s")
    print(f"ttci: {1000 * false:.2f} false calls in 1,000 at most, bound {1000 * MOST_FALSE:g}")
    for name, share in called.items():
        print(f"ttci: {name} called within {_NEWEST} runs {share:.1%}, bound {FEWEST_CALLED:.0%}")
    return int(false > MOST_FALSE or min(called.values()) < FEWEST_CALLED)


def _print_unchanged(judgements: int) -> float:
    """The table of false calls in 1,000; returns the largest of ttci's shares."""
    windows = judgements // _ENDINGS
    print(f"\nfalse calls in 1,000 judgements of unchanged code, with a standard error ({judgements:,} each,")
    print(f"{_ENDINGS} endings of {windows:,} series; the others judge one of each)")
    _print_row("", RULES)
    largest = 0.0
    for number, (name, kind) in enumerate(UNCHANGED.items()):
        random = np.random.default_rng([SEED, number])
        calls = {rule: np.zeros(windows) for rule in RULES}
        for window in range(windows):
            made = generated(random, kind, int(random.integers(_SHORTEST, _LONGEST + 1)) + 1)
            endings = [e.beside_each_other(random, kind.compared, {}) for e in made.endings(random, _ENDINGS)]
            newest = len(made.values) - 1
            for rule in _called_by(random, endings[0], [newest]):
                calls[rule][window] = 1
            calls["ttci"][window] = np.mean([RULES["ttci"](e, e.values, newest) for e in endings])
        share = float(calls["ttci"].mean())
        own = f"{1000 * share:.2f} ± {1000 * calls['ttci'].std() / np.sqrt(windows):.2f}"
        _print_row(name, [own, *(f"{1000 * calls[rule].mean():.1f}" for rule in RULES if rule != "ttci")])
        largest = max(largest, share)
    return largest


def _print_shifted(count: int) -> dict[str, float]:
    """The tables of called shifts; returns ttci's share of one host with outliers, by shift."""
    found = {}
    for number, (title, (shift, noise)) in enumerate(SHIFTS.items()):
        print(f"\n{title}: called slower within {_NEWEST} runs, of 100 ({count:,} series each)")
        _print_row("", RULES)
        for row, (name, kind) in enumerate(SHIFTED.items()):
            random = np.random.default_rng([SEED, 100 + number, row])
            calls = _count(random, kind(noise), {0: 1 + shift}, range(_NEWEST), count)
            _print_row(name, [f"{100 * calls[rule] / count:.1f}" for rule in RULES])
            if name == _ONE:
                found[title] = calls["ttci"] / count
    return found


def _print_creeping(count: int) -> None:
    for number, (_, noise) in enumerate(SHIFTS.values()):
        print(
            f"\n{CREEP:.0%} more in each of 3 runs at {noise:.0%} noise: called slower in the third, of 100"
        )
        _print_row("", RULES)
        for row, (name, kind) in enumerate(CREEPING.items()):
            random = np.random.default_rng([SEED, 200 + number, row])
            steps = dict.fromkeys(range(_NEWEST), 1 + CREEP)
            calls = _count(random, kind(noise), steps, range(_NEWEST - 1, _NEWEST), count)
            _print_row(name, [f"{100 * calls[rule] / count:.1f}" for rule in RULES])


def _count(
    random: Generator, kind: Kind, steps: dict[int, float], judged: range, count: int
) -> dict[str, int]:
    """How many of `count` series each rule calls; `steps` and `judged` count from their last three runs."""
    calls = dict.fromkeys(RULES, 0)
    for _ in range(count):
        start = int(random.integers(_LONG, _LONGEST + 1))
        series: Series = generated(random, kind, start + _NEWEST)
        for run, factor in steps.items():
            series = series.shifted(start + run, factor)
        at = {start + run: factor for run, factor in steps.items()}
        series = series.beside_each_other(random, kind.compared, at)
        for rule in _called_by(random, series, [start + run for run in judged]):
            calls[rule] += 1
    return calls


def _called_by(random: Generator, series: Series, positions: Sequence[int]) -> Iterator[str]:
    """The rules that call a change at any of these runs."""
    samples = rounds(random, series.values)
    for name, rule in RULES.items():
        if any(rule(series, samples, at) for at in positions):
            yield name


def _print_real(folder: Path) -> None:
    found = list(real(folder))
    runs = sum(len(series.values) for series in found)
    print(f"\n{len(found):,} real series, {runs:,} runs, noise between neighbours {_noises(found)}")
    _print_row("", RULES)
    random = np.random.default_rng(SEED)
    as_they_are = [(series, range(_LONG, len(series.values))) for series in found]
    _print_calls("calls in 1,000, as they are", random, as_they_are)
    shuffled = [
        (Series(random.permutation(series.values), series.hosts), positions)
        for series, positions in as_they_are
    ]
    _print_calls("calls in 1,000, in random order", random, shuffled)
    for shift in _REAL_SHIFTS:
        calls, count = dict.fromkeys(RULES, 0), 0
        for series in found:
            for start in range(_LONG, len(series.values) - _NEWEST, 20):
                cut = Series(series.values[: start + _NEWEST], series.hosts).shifted(start, 1 + shift)
                count += 1
                for rule in _called_by(random, cut, range(start, start + _NEWEST)):
                    calls[rule] += 1
        row = [f"{100 * calls[rule] / max(count, 1):.1f}" for rule in RULES]
        _print_row(f"{shift:.0%} more, of 100 ({count:,})", row)


def _noises(found: Sequence[Series]) -> str:
    """Quartiles of the noise, by differences of neighbours."""
    noises = [1.4826 * np.median(np.abs(np.diff(np.log(series.values)))) / np.sqrt(2) for series in found]
    return ", ".join(f"{noise:.1%}" for noise in np.quantile(noises, [0.25, 0.5, 0.75]))


def _print_calls(name: str, random: Generator, found: Iterable[tuple[Series, range]]) -> None:
    calls, count = dict.fromkeys(RULES, 0), 0
    for series, positions in found:
        samples = rounds(random, series.values)
        count += len(positions)
        for rule_name, rule in RULES.items():
            calls[rule_name] += sum(rule(series, samples, at) for at in positions)
    _print_row(f"{name} ({count:,})", [f"{1000 * calls[rule] / max(count, 1):.2f}" for rule in RULES])


def _print_row(name: str, cells: Iterable[str]) -> None:
    print(
        f"{name:42}" + "".join(f"{cell:>27}" if len(cell) > 12 else f"{cell:>13}" for cell in cells),
        flush=True,
    )


if __name__ == "__main__":
    raise SystemExit(main())
