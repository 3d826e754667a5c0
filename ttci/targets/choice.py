"""Whose targets are meant: the pairs, checks and folders that a user names, in any order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ttci.errors import InputError, Mistake, did_you_mean, quoted
from ttci.manifest import Identity
from ttci.manifest.identity import pair_of


@dataclass(frozen=True)
class Choice:
    """What is named.

    Attributes:
        pairs: names of pairs, or globs of them.
        checks: identities.
        folders: where reports lie.
    """

    pairs: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    folders: tuple[Path, ...] = ()

    @classmethod
    def of(cls, words: Sequence[str]) -> Choice:
        """Tell them apart by their form; a folder that is named like a pair is written ``./llama3@n150``.

        Raises:
            InputError: something that looks like an identity is none.
        """
        checks = [word for word in words if "@" in word and word.endswith("]")]
        pairs = [word for word in words if "@" in word and "/" not in word and word not in checks]
        folders = [Path(word) for word in words if word not in (*checks, *pairs)]
        return cls(tuple(pairs), tuple(str(Identity.parse(word)) for word in checks), tuple(folders))

    @property
    def is_of_all(self) -> bool:
        """Whether neither a pair nor a check is named."""
        return not self.pairs and not self.checks

    def has_pair(self, pair: str) -> bool:
        """Whether the pair, or a check of it, is among what is meant."""
        of_checks = (pair_of(check) for check in self.checks)
        return self.is_of_all or pair in of_checks or self._names(pair)

    def has_check(self, identity: str) -> bool:
        """Whether a check is among what is meant."""
        return self.is_of_all or identity in self.checks or self._names(pair_of(identity))

    def refuse_unknown(self, identities: Collection[str], pairs: Collection[str], source: str) -> None:
        """Raise InputError for each name of which there is nothing.

        Args:
            identities: of the checks that measured what can have a target.
            pairs: that have runs.
            source: where they were looked for, in words.
        """
        mistakes = [*self._unknown_pairs(pairs, source), *self._without_figures(identities, pairs, source)]
        if mistakes:
            raise InputError(mistakes)

    def _names(self, pair: str) -> bool:
        return any(fnmatchcase(pair, glob) for glob in self.pairs)

    def _unknown_pairs(self, pairs: Collection[str], source: str) -> Iterable[Mistake]:
        for glob in self.pairs:
            if not any(fnmatchcase(pair, glob) for pair in pairs):
                yield Mistake(source, None, f"no run of {quoted(glob)} there; {did_you_mean(glob, pairs)}")

    def _without_figures(
        self, identities: Collection[str], pairs: Collection[str], source: str
    ) -> Iterable[Mistake]:
        of_pairs = {pair_of(identity) for identity in identities}
        for glob in self.pairs:
            found = [pair for pair in pairs if fnmatchcase(pair, glob)]
            if found and of_pairs.isdisjoint(found):
                what = f"{', '.join(found)} measured nothing that can have a target"
                yield Mistake(source, None, f"{what}; run its checks of performance or memory first")
        for check in self.checks:
            if check not in identities:
                advice = did_you_mean(check, [found for found in identities if pair_of(found) in check])
                what = f"{quoted(check)} measured nothing there that can have a target"
                yield Mistake(source, None, f"{what}; {advice}")
