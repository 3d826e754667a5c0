"""What a manifest may say: the frozen, typed form of ``models_manifest.toml``."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    NonNegativeFloat,
    PositiveFloat,
    StringConstraints,
    Tag,
    create_model,
)

from ttci.catalog.backends import BUILT_IN, installed_backends
from ttci.catalog.metrics import METRICS, SMALLEST_CHANGE, WITH_TARGETS
from ttci.catalog.operations import OPERATIONS
from ttci.manifest.identity import NAME_PATTERN

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1)]
Count = Annotated[int, Field(gt=0, le=1_000_000_000)]
Seconds = Annotated[float, Field(gt=0, le=1_000_000_000)]
MEASURE_SECONDS = 10.0  # for one latency, where nobody says otherwise


def _kebab_case(field: str) -> str:
    return field.replace("_", "-")


def _as_command(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"is not a command: {str(error).lower()}") from None
    if not words:
        raise ValueError('is empty; write reset = "tt-smi -r 0", say')
    return text


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
    test_timeout_seconds: Count = Field(
        default=600, description="Of one check; its process is ended, and the others go on in a fresh one."
    )
    measure_seconds: Seconds = Field(
        default=MEASURE_SECONDS,
        description="Of one latency, unless it is steady sooner; at least 3 rounds, 1 of a call this long.",
    )


class TorchDeviceEntry(_DeviceEntry):
    """A device that computes with torch: the CPU, or a CUDA GPU."""

    backend: Literal["torch"]
    target: Literal["cpu", "cuda"] = "cpu"
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"


Board = Literal["n150", "n300", "t3k", "p100", "p150"]
BOARDS: tuple[str, ...] = get_args(Board)
SIMULATED_BOARDS = ("n150", "p100", "p150")


class TtnnDeviceEntry(_DeviceEntry):
    """A Tenstorrent board: the silicon, its simulator or its mock."""

    backend: Literal["ttnn"]
    target: Literal["silicon", "simulator", "mock"]
    board: Board
    weight_dtype: Literal["bfloat8_b", "bfloat16"] = Field(
        default="bfloat8_b", description="Of weight matrices; activations are bfloat16."
    )
    kernels: Literal["stand-in", "compile"] = Field(
        default="stand-in",
        description="On a mock: kernels are compiled by a stand-in, or by SFPI, Tenstorrent's compiler.",
    )
    trace: bool = Field(
        default=False,
        description="On silicon: time a recorded trace, without what the host takes to dispatch.",
    )
    reset: Annotated[Text, AfterValidator(_as_command)] | None = Field(
        default=None, description="A command that resets the board after a hang: tt-smi -r 0, say."
    )

    @property
    def chip(self) -> Literal["wh", "bh"]:
        """Which chip its board has: a Wormhole or a Blackhole."""
        return "bh" if self.board.startswith("p") else "wh"


class InstalledDeviceEntry(_DeviceEntry):
    """A device of a backend that an installed package adds."""

    target: ClassVar[str] = "installed"

    backend: str
    options: dict[str, Any] = Field(default={}, description="Of the backend, which reads them.")


DeviceEntry = TorchDeviceEntry | TtnnDeviceEntry | InstalledDeviceEntry
_OwnDeviceEntry = Annotated[TorchDeviceEntry | TtnnDeviceEntry, Field(discriminator="backend")]


class Target(_Entry):
    """What a measurement must reach, with a tolerance as a fraction of it."""

    value: PositiveFloat
    tolerance: NonNegativeFloat | None = Field(
        default=None, description="A fraction; 0.05 where none is given."
    )


def _can_be_missed(tolerance: float) -> float:
    if tolerance >= 1:
        what = f"{tolerance:g} can never be missed: the limit is the target less {tolerance:.0%} of it"
        raise ValueError(f"{what}; {_as_fraction(tolerance)}")
    return tolerance


def _as_fraction(tolerance: float) -> str:
    """What was meant where somebody has written 15 % as 1.15 or as 15, as other tools have it."""
    meant = tolerance - 1 if 1 < tolerance < 2 else tolerance / 100 if tolerance < 100 else 0.05
    return f"it is a fraction: write {meant:.4g} for {100 * meant:.4g} %"


class TargetOfMore(Target):
    """A target of what is better the more there is of it: its limit lies below it, and above 0."""

    tolerance: Annotated[NonNegativeFloat, AfterValidator(_can_be_missed)] | None = Field(
        default=None,
        description="A fraction below 1; 0.05 where none is given.",
        json_schema_extra={"exclusiveMaximum": 1},
    )


def _bare_number(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {"value": value} if is_number else value


def _without_tolerance(target: Target) -> Target:
    if target.tolerance is not None:
        raise ValueError("is a tolerance itself and takes none; write accuracy = 0.001, say")
    return target


TargetEntry = Annotated[Target, BeforeValidator(_bare_number, json_schema_input_type=PositiveFloat | Target)]
TargetOfMoreEntry = Annotated[
    TargetOfMore, BeforeValidator(_bare_number, json_schema_input_type=PositiveFloat | TargetOfMore)
]


_LOOSE_ACCURACY = 0.5  # 0.99 is how others write a correlation, and is nearly none here


if TYPE_CHECKING:
    _MetricTargets = _Entry  # by `of`
else:
    _MetricTargets = create_model(
        "_MetricTargets",
        __base__=_Entry,
        **{
            name: (
                (TargetEntry if metric.direction == "lower" else TargetOfMoreEntry) | None,
                Field(default=None, description=metric.target),
            )
            for name, metric in WITH_TARGETS.items()
        },
    )


class TestTargets(_MetricTargets):
    """The targets of one test on one device."""

    __test__ = False

    accuracy: Annotated[TargetEntry, AfterValidator(_without_tolerance)] | None = Field(
        default=None, description="The tolerance of the correctness check: 1e-3 asks for 0.999."
    )

    def of(self, metric: str) -> Target | None:
        """The target of a metric."""
        target: Target | None = getattr(self, metric)
        return target

    def any_measured_by(self, check: str) -> bool:
        """Whether there is a target that this check measures."""
        return any(self.of(name) for name, metric in WITH_TARGETS.items() if metric.check == check)

    def doubts(self) -> Iterator[tuple[str, str]]:
        """What may be written and is hardly meant: the metric, and what its target amounts to."""
        for metric in type(self).model_fields:
            target = self.of(metric)
            tolerance = target.tolerance if target else None
            if tolerance is not None and tolerance >= 1:
                most = f"a tolerance of {tolerance:g} lets {1 + tolerance:g} times the target pass"
                yield metric, f"{most}; {_as_fraction(tolerance)}, if that is meant"
        if self.accuracy and self.accuracy.value >= _LOOSE_ACCURACY:
            accuracy = self.accuracy.value
            least = f"a tolerance of {accuracy:g} asks for a correlation of {1 - accuracy:.4g}"
            yield "accuracy", f"{least} only; write 0.001 for a correlation of 0.999"


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


class KernelEntry(_Entry):
    """One operation with its inputs, tested on its own: ttnn's against torch's."""

    model_config = ConfigDict(alias_generator=_kebab_case)

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


class ModelEntry(_Entry):
    """Where a model's tests are declared, and the devices they run on."""

    source: Text = Field(description="path.py::Class, path.py or package.module:attr")
    devices: Annotated[tuple[Text, ...], Field(strict=False, min_length=1)]
    targets: dict[str, dict[str, TestTargets]] = Field(default={}, description="targets.<device>.<test>")
    kernels: dict[str, KernelEntry] = Field(default={}, description="Tests of single operations, by name.")


STORE_PATTERN = r"^(branch(:.+)?|folder:.+|off)$"
Fraction = Annotated[float, Field(gt=0, lt=1)]


if TYPE_CHECKING:
    _MetricFractions = _Entry
else:
    _MetricFractions = create_model(
        "_MetricFractions", __base__=_Entry, **dict.fromkeys(METRICS, (Fraction | None, None))
    )


class SmallestChanges(_MetricFractions):
    """By metric, the least change that matters."""


def _number_or_table(value: Any) -> str:
    return "table" if isinstance(value, dict | SmallestChanges) else "number"


class HistoryEntry(_Entry):
    """Where the figures of earlier runs are kept, and which change of one matters."""

    model_config = ConfigDict(alias_generator=_kebab_case)

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


class ManifestFile(_Entry):
    """The whole file."""

    model_config = ConfigDict(title="ttci models manifest")

    devices: dict[Name, _OwnDeviceEntry] = Field(default={}, json_schema_extra=_NO_OTHER_NAMES)
    models: dict[Name, ModelEntry] = Field(default={}, json_schema_extra=_NO_OTHER_NAMES)
    # An instance made without being checked: nothing of pydantic's is built for a manifest that has none.
    history: HistoryEntry = Field(default_factory=HistoryEntry.model_construct)


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


def _form_with(backends: tuple[str, ...]) -> type[ManifestFile]:
    """The whole file, whose devices may be of these backends too."""
    if not backends:
        return ManifestFile
    names: Any = Literal[backends]
    installed: Any = create_model("InstalledDeviceEntry", __base__=InstalledDeviceEntry, backend=(names, ...))
    entry: Any = Annotated[TorchDeviceEntry | TtnnDeviceEntry | installed, Field(discriminator="backend")]
    return create_model("ManifestFile", __base__=ManifestFile, devices=(dict[Name, entry], Field(default={})))


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
