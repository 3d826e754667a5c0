"""What run.json tells beside results and figures: where a run happened, and what a check was asked of.

Fields that are not known here are kept: a newer ttci has written them, or a user's own device.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, model_serializer

_Kind = TypeVar("_Kind", bound="_Facts")


class _Facts(BaseModel):
    """Of what is known by name, that which was given; with what else was given beside it."""

    # Another tool's history names a processor by a number, say.
    model_config = ConfigDict(frozen=True, extra="allow", coerce_numbers_to_str=True)

    @model_serializer
    def as_dict(self) -> dict[str, Any]:
        """What was given, under the names that it has in run.json."""
        given = self.model_fields_set
        known = {name: fact for name, fact in self.__dict__.items() if name in given}
        return known | (self.model_extra or {})

    def __getitem__(self, name: str) -> Any:
        return self.as_dict()[name]

    def __contains__(self, name: str) -> bool:
        return name in self.as_dict()

    def get(self, name: str, default: Any = None) -> Any:
        """One fact by the name that it has in run.json; `default` where it was not given."""
        return self.as_dict().get(name, default)

    def __or__(self: _Kind, facts: Mapping[str, Any]) -> _Kind:
        """These, and `facts` in the place of those of the same name."""
        return self.model_validate(self.as_dict() | dict(facts))

    def without(self: _Kind, *names: str) -> _Kind:
        """All but those of these names."""
        kept = {name: fact for name, fact in self.as_dict().items() if name not in names}
        return self.model_validate(kept)


class Environment(_Facts):
    """Where a run happened, and with what."""

    host: str | None = None
    cpu: str | None = None
    cores: int | None = None
    threads: str | None = None  # OMP_NUM_THREADS
    python: str | None = None
    torch: str | None = None
    ttnn: str | None = None
    ttci: str | None = None
    git_commit: str | None = None
    git_branch: str | None = None
    runner: str | None = None  # of GitHub Actions
    event: str | None = None  # of GitHub, that began it
    boards: str | None = None  # and their firmware and driver: Tenstorrent's
    firmware: str | None = None
    driver: str | None = None
    products: str | None = None  # in which dtype a torch device multiplies, where that is not its own
    cached: str | None = None  # when it ran, where its results are copies of an earlier run's
    imported_from: str | None = None  # which other tool's history


class Config(_Facts):
    """What a check was asked of, and where that was declared."""

    module: str | None = None  # the class
    input_shape: list[int] | None = None
    dtype: str | None = None
    cut_from: list[int] | None = None  # the declared shape, where the device takes less
    not_cut: str | None = None  # why the shape is larger than the device's bound
    kernel: dict[str, Any] | None = None
    decode_cache_length: int | None = None
    cache_cut_from: int | None = None
    tolerance: int | float | None = None
    declared_at: str | None = None  # file:line
    targets_at: dict[str, str] | None = None  # file:line by metric
    process_lost: bool | None = None  # in older files: `Result.state` says it now
