"""What a manifest may say: the frozen, typed form of ``models_manifest.toml``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    NonNegativeFloat,
    PositiveFloat,
    StringConstraints,
)

from ttci.manifest.identity import NAME_PATTERN

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(gt=0, le=1_000_000_000)]


def _kebab_case(field: str) -> str:
    return field.replace("_", "-")


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)


class _DeviceEntry(_Entry):
    model_config = ConfigDict(alias_generator=_kebab_case)

    max_tokens: Count | None = Field(
        default=None,
        description="Batch x sequence; longer test shapes are cut along the sequence.",
    )
    workers: Count = Field(
        default=1,
        description="Processes that share the checks; performance always runs alone.",
    )
    on_demand: bool = Field(default=False, description="Run only when the device is named.")
    runs_on: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=("ubuntu-latest",), description="Labels of the CI runner."
    )
    timeout_minutes: Count = Field(default=60, description="Of a pair's CI job.")


class TorchDeviceEntry(_DeviceEntry):
    """A device that computes with torch: the CPU, or a CUDA GPU."""

    backend: Literal["torch"]
    target: Literal["cpu", "cuda"] = "cpu"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"


class TtnnDeviceEntry(_DeviceEntry):
    """A Tenstorrent board: the silicon, its simulator or its mock."""

    backend: Literal["ttnn"]
    target: Literal["silicon", "simulator", "mock"]
    board: Literal["n150", "n300", "t3k", "p100", "p150"]
    weight_dtype: Literal["bfloat8_b", "bfloat16"] = Field(
        default="bfloat8_b", description="Of weight matrices; activations are bfloat16."
    )


DeviceEntry = Annotated[TorchDeviceEntry | TtnnDeviceEntry, Field(discriminator="backend")]


class Target(_Entry):
    """What a measurement must reach, with a tolerance as a fraction of it."""

    value: PositiveFloat
    tolerance: NonNegativeFloat | None = Field(
        default=None, description="A fraction; 0.05 where none is given."
    )


def _bare_number(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"value": value} if is_number else value


def _without_tolerance(target: Target) -> Target:
    if target.tolerance is not None:
        raise ValueError("is a tolerance itself and takes none; write accuracy = 0.001, say")
    return target


TargetEntry = Annotated[Target, BeforeValidator(_bare_number, json_schema_input_type=PositiveFloat | Target)]


class TestTargets(_Entry):
    """The targets of one test on one device."""

    __test__ = False

    latency_ms: TargetEntry | None = Field(
        default=None, description="Median over rounds, the device synchronised inside each."
    )
    memory_mb: TargetEntry | None = Field(
        default=None, description="Peak tensor bytes alive in a forward pass, in 10^6 bytes."
    )
    accuracy: Annotated[TargetEntry, AfterValidator(_without_tolerance)] | None = Field(
        default=None, description="The tolerance of the correctness check: 1e-3 asks for 0.999."
    )


class ModelEntry(_Entry):
    """Where a model's tests are declared, and the devices they run on."""

    source: Text = Field(description="path.py::Class, path.py or package.module:attr")
    devices: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    targets: dict[str, dict[str, TestTargets]] = Field(default={}, description="targets.<device>.<test>")


_NO_OTHER_NAMES: dict[str, JsonValue] = {"additionalProperties": False}


class ManifestFile(_Entry):
    """The whole file."""

    model_config = ConfigDict(title="ttci models manifest")

    devices: dict[Name, DeviceEntry] = Field(default={}, json_schema_extra=_NO_OTHER_NAMES)
    models: dict[Name, ModelEntry] = Field(default={}, json_schema_extra=_NO_OTHER_NAMES)


def parse_manifest(data: dict[str, Any]) -> ManifestFile:
    """Check and freeze what a manifest says; raises pydantic's ValidationError."""
    with _no_plugins():
        ManifestFile.model_rebuild()
    return ManifestFile.model_validate(data)


@contextmanager
def _no_plugins() -> Iterator[None]:
    """Keep pydantic from looking for its plugins: that takes as long as the rest of reading a manifest.

    To go when pydantic looks for them without importing importlib.metadata.
    """
    name = "pydantic.plugin._loader"
    if name in sys.modules:
        yield
        return
    stand_in = ModuleType(name)
    stand_in.__dict__["get_plugins"] = tuple
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        del sys.modules[name]
