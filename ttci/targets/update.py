"""Which candidates become targets of a manifest, and which do not, with the reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from ttci.errors import InputError, Mistake, did_you_mean, quoted
from ttci.manifest import Manifest, Target
from ttci.manifest.lines import Keys
from ttci.manifest.load import check_manifest
from ttci.results import DEFAULT_TARGET_TOLERANCE
from ttci.targets.as_toml import KeysOfTest, keys_of_test, toml_keys, toml_number, toml_value
from ttci.targets.candidates import Candidate
from ttci.targets.commented import commented_out
from ttci.targets.edit import CannotEditError, NewTarget, with_targets
from ttci.targets.validation import reason_against


@dataclass(frozen=True)
class Change:
    """A target that is written, and the one that stood there."""

    candidate: Candidate
    before: Target | None

    @property
    def new(self) -> NewTarget:
        """What the manifest is to have."""
        candidate = self.candidate
        keys = keys_of_test(candidate.identity)
        return NewTarget(keys, candidate.metric, candidate.value, candidate.tolerance)

    @property
    def is_none(self) -> bool:
        """Whether the target is what it is to be already."""
        before, new = self.before, self.new
        is_wide = before is not None and (before.tolerance is None or before.tolerance >= new.tolerance)
        return before is not None and before.value == new.value and is_wide

    @property
    def is_too_narrow(self) -> bool:
        """Whether noise alone may miss it: nothing is written where no tolerance is."""
        before = self.before
        is_plain = before is not None and before.tolerance is None
        return is_plain and self.new.tolerance > DEFAULT_TARGET_TOLERANCE


class Update:
    """What is to be written into a manifest.

    Attributes:
        changes: the targets to write.
        unchanged: those that are as they are to be.
        refused: those that are not written, each with where and why.
    """

    def __init__(self, manifest: Manifest, candidates: Iterable[Candidate], *, only_better: bool) -> None:
        self._manifest = manifest
        self._only_better = only_better
        self.changes: list[Change] = []
        self.unchanged: list[Change] = []
        self.refused: list[tuple[Candidate, Mistake]] = []
        for candidate in candidates:
            self._take(candidate)

    def text(self) -> str:
        """The manifest with its new targets, checked.

        Raises:
            InputError: it is of a form in which they cannot be written.
        """
        path = self._manifest.path
        try:
            text = with_targets(self._manifest.text, (change.new for change in self.changes))
        except CannotEditError as error:
            raise InputError([self._by_hand(change, str(error)) for change in self.changes]) from None
        check_manifest(path, text)
        return text

    def place_of(self, change: Change, text: str) -> Mistake:
        """Where a change stands in the new text, and what it is."""
        new, before = change.new, change.before
        after = toml_number(new.value)
        of_new = f"{after} is new, tolerance {toml_number(new.tolerance)}"
        what = f"{toml_number(before.value)} → {after}" if before else of_new
        if before and before.tolerance is not None and before.tolerance < new.tolerance:
            what += f", tolerance {toml_number(before.tolerance)} → {toml_number(new.tolerance)}"
        manifest = check_manifest(self._manifest.path, text)
        return manifest.mistake(new.keys, what)

    def narrow(self, text: str) -> list[Mistake]:
        """What the new targets lack that noise asks for."""
        manifest = check_manifest(self._manifest.path, text)
        return [
            manifest.mistake(
                change.new.keys,
                f"a number alone has a tolerance of {DEFAULT_TARGET_TOLERANCE:g}, and the noise asks for "
                f"{change.new.tolerance:g}; write {toml_value(change.new.value, change.new.tolerance)}",
            )
            for change in (*self.changes, *self.unchanged)
            if change.is_too_narrow
        ]

    def _take(self, candidate: Candidate) -> None:
        keys = keys_of_test(candidate.identity)
        before = self._stated(keys, candidate.metric)
        wrong = self._mistake(candidate, keys, before)
        if wrong:
            self.refused.append((candidate, wrong))
            return
        change = Change(candidate, before)
        (self.unchanged if change.is_none else self.changes).append(change)

    def _stated(self, keys: KeysOfTest, metric: str) -> Target | None:
        _, model, _, device, test = keys
        entry = self._manifest.models.get(model)
        targets = entry.targets.get(device, {}).get(test) if entry else None
        return targets.of(metric) if targets else None

    def _mistake(self, candidate: Candidate, keys: KeysOfTest, before: Target | None) -> Mistake | None:
        target = (*keys, candidate.metric)
        what = self._of_names(keys) or reason_against(candidate) or self._of_looseness(candidate, before)
        if what:
            return self._manifest.mistake(target, what)
        return self._of_its_place(candidate, target) if before is None else None

    def _of_names(self, keys: KeysOfTest) -> str | None:
        _, model, _, device, _ = keys
        for kind, name, known in (
            ("model", model, self._manifest.models),
            ("device", device, self._manifest.devices),
        ):
            if name not in known:
                return f"there is no {kind} {quoted(name)} in it; {did_you_mean(name, known)}"
        return None

    def _of_looseness(self, candidate: Candidate, before: Target | None) -> str | None:
        if not self._only_better or before is None or candidate.is_better_than(before.value):
            return None
        if candidate.value == before.value:
            return None
        return (
            f"{toml_number(before.value)} asks for more than {toml_number(candidate.value)}, which "
            f"{candidate.level.basis} suggest; name its check to write that"
        )

    def _of_its_place(self, candidate: Candidate, target: Keys) -> Mistake | None:
        """What speaks against adding a target: it is there, though not as one of the manifest."""
        line = self._commented_out.get(target) or self._commented_out.get((*target, "value"))
        if line:
            what = "is there as a comment only; remove its # to update it, or the line to have it added"
            return Mistake(str(self._manifest.path), line, f"{_named(target)}: {what}")
        if candidate.measurement.target is None or candidate.metric in candidate.places:
            return None
        stated = f"the target {candidate.metric} = {toml_number(candidate.measurement.target)}"
        of_check, manifest = f"{stated} of {candidate.identity}", str(self._manifest.path)
        if candidate.declared_at is None:  # a history does not keep where
            what = f"{of_check} is not stated here; change it in the model's code, or add one here by hand"
            return Mistake(manifest, None, what)
        what = f"{of_check} stands in the model's code, not in {manifest}; change it there to"
        return Mistake(candidate.declared_at, None, f"{what} {toml_number(candidate.value)}")

    def _by_hand(self, change: Change, why: str) -> Mistake:
        new = change.new
        value = toml_value(new.value, new.tolerance)
        return self._manifest.mistake(new.keys, f"{why}; write it by hand: {value}")

    @cached_property
    def _commented_out(self) -> Mapping[Keys, int]:
        return commented_out(self._manifest.text)


def _named(keys: Keys) -> str:
    return toml_keys(map(str, keys))
