"""What a manifest may say: the frozen, typed form of ``models_manifest.toml``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    PositiveFloat,
    StringConstraints,
    Tag,
    create_model,
)

from ttci.catalog.backends import BUILT_IN, installed_backends
from ttci.catalog.metrics import METRICS, SMALLEST_CHANGE
from ttci.catalog.operations import OPERATIONS
from ttci.manifest.device_entries import DeviceEntry, device_of
from ttci.manifest.entry import Count, Entry, Name, Requirements, Text, kebab_case
from ttci.manifest.target_entries import TestTargets


def _one_for_all(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


KernelDtype = Literal["bfloat16", "bfloat8_b", "bfloat4_b", "float32", "uint32"]
KernelDtypes = Annotated[
    tuple[KernelDtype, ...],
    BeforeValidator(_one_for_all, json_schema_input_type=KernelDtype | list[KernelDtype]),
    Field(strict=False, min_length=1),
]
KernelShape = Annotated[tuple[Count, ...], Field(strict=False, min_length=1)]


if TYPE_CHECKING:
    OperationName = str
else:
    OperationName = Literal[tuple(OPERATIONS)]


class KernelEntry(Entry):
    """One operation with its inputs, tested on its own: ttnn's against torch's."""

    model_config = ConfigDict(alias_generator=kebab_case)

    op: OperationName
    shapes: Annotated[tuple[KernelShape, ...], Field(strict=False, min_length=1)] = Field(
        description="Of each input: of linear, say, [[1, 2048, 4096], [4096, 6144]]."
    )
    dtypes: KernelDtypes = Field(
        default=("bfloat16",),
        description="Of each input on ttnn devices, or one for all; a torch device has its own.",
    )
    memory_config: Literal["dram", "l1"] = Field(
        default="dram", description="Where inputs and output lie on ttnn devices, interleaved over the banks."
    )
    tolerance: PositiveFloat = Field(
        default=1e-3, description="The correlation with torch in float32 is at least 1 - tolerance."
    )
    options: dict[str, Any] = Field(default={}, description="Keyword options of the operation.")


class ModelEntry(Entry):
    """Where a model's tests are declared, and the devices they run on."""

    source: Text = Field(description="path.py::Class, path.py or package.module:attr")
    devices: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    targets: dict[str, dict[str, TestTargets]] = Field(default={}, description="targets.<device>.<test>")
    kernels: dict[str, KernelEntry] = Field(default={}, description="Tests of single operations, by name.")


class EnvironmentEntry(Entry):
    """What is installed for the models, beside ttci and what their devices need."""

    requirements: Requirements = Field(
        default=(),
        description="Lines as in a requirements file: packages, ., -r FILE, -c FILE. "
        "Paths are relative to the manifest.",
    )


STORE_PATTERN = r"^(branch(:.+)?|folder:.+|off)$"
Fraction = Annotated[float, Field(gt=0, lt=1)]


if TYPE_CHECKING:
    _MetricFractions = Entry
else:
    _MetricFractions = create_model(
        "_MetricFractions", __base__=Entry, **dict.fromkeys(METRICS, (Fraction | None, None))
    )


class SmallestChanges(_MetricFractions):
    """By metric, the least change that matters."""


def _number_or_table(value: Any) -> str:
    return "table" if isinstance(value, dict | SmallestChanges) else "number"


class HistoryEntry(Entry):
    """Where the figures of earlier runs are kept, and which change of one matters."""

    model_config = ConfigDict(alias_generator=kebab_case)

    store: Annotated[str, StringConstraints(pattern=STORE_PATTERN)] | None = Field(
        default=None, description="branch (that is branch:ttci-history), branch:NAME, folder:PATH, or off."
    )
    default_branch: Text | None = Field(
        default=None, description="Whose runs are compared with; what git says where none is given."
    )
    smallest_changes: Annotated[
        Annotated[Fraction, Tag("number")] | Annotated[SmallestChanges, Tag("table")],
        Discriminator(_number_or_table),
    ] = Field(
        default=SMALLEST_CHANGE,
        alias="smallest-change",
        description="A fraction: of every metric, or a table of fractions by metric.",
    )

    def smallest_change(self, metric: str) -> float:
        """The least change of `metric` that matters, as a fraction of its level."""
        if isinstance(self.smallest_changes, float) and "smallest_changes" in self.model_fields_set:
            return self.smallest_changes
        known = METRICS.get(metric)
        default = known.smallest_change if known else SMALLEST_CHANGE
        return getattr(self.smallest_changes, metric, None) or default


_NO_OTHER_NAMES: dict[str, JsonValue] = {"additionalProperties": False}


if TYPE_CHECKING:
    _OwnDeviceEntry = DeviceEntry
else:
    _OwnDeviceEntry = device_of(BUILT_IN)


class ManifestFile(Entry):
    """The whole file."""

    model_config = ConfigDict(title="ttci models manifest")

    devices: dict[Name, _OwnDeviceEntry] = Field(default={}, json_schema_extra=_NO_OTHER_NAMES)
    models: dict[Name, ModelEntry] = Field(default={}, json_schema_extra=_NO_OTHER_NAMES)
    # An instance made without being checked: nothing of pydantic's is built for a manifest that has none.
    history: HistoryEntry = Field(default_factory=HistoryEntry.model_construct)
    environment: EnvironmentEntry = Field(default_factory=EnvironmentEntry.model_construct)


def parse_manifest(data: dict[str, Any]) -> ManifestFile:
    """Check and freeze what a manifest says; raises pydantic's ValidationError."""
    with _no_plugins():
        form = _form_with(_installed_backends(data))
        form.model_rebuild()
    return form.model_validate(data)


def _installed_backends(data: dict[str, Any]) -> tuple[str, ...]:
    """Of installed packages, where a device is of none of ttci's own: looking for them takes its time."""
    devices = data.get("devices")
    tables = devices.values() if isinstance(devices, dict) else ()
    named = [table.get("backend") for table in tables if isinstance(table, dict)]
    return installed_backends() if any(isinstance(n, str) and n not in BUILT_IN for n in named) else ()


def _form_with(installed: tuple[str, ...]) -> type[ManifestFile]:
    """The whole file, whose devices may be of these backends too."""
    if not installed:
        return ManifestFile
    device: Any = device_of((*BUILT_IN, *installed))
    devices: Any = (dict[Name, device], Field(default={}))
    return create_model("ManifestFile", __base__=ManifestFile, devices=devices)


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
