"""What every table of a manifest is made of: its base class, and the types of common values."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ttci.manifest.identity import NAME_PATTERN

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(gt=0, le=1_000_000_000)]
Requirements = Annotated[tuple[Text, ...], Field(strict=False)]
Seconds = Annotated[float, Field(gt=0, le=1_000_000_000)]


def kebab_case(field: str) -> str:
    """A key as manifests have it."""
    return field.replace("_", "-")


class Entry(BaseModel):
    """A table of a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)
