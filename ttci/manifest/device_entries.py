"""What a manifest may say of a device, a class a kind of backend."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from ttci.manifest.entry import Count, Entry, Requirements, Seconds, Text, kebab_case

MEASURE_SECONDS = 10.0  # for one latency, where nobody says otherwise


def _as_command(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"is not a command: {str(error).lower()}") from None
    if not words:
        raise ValueError('is empty; write reset = "tt-smi -r 0", say')
    return text


class _DeviceEntry(Entry):
    model_config = ConfigDict(alias_generator=kebab_case)

    requirements: Requirements = Field(
        default=(), description="What models need on this device beside [environment] requirements."
    )
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


Board = Literal["n150", "n300", "t3k", "glx", "p100", "p150", "p150x4"]
BOARDS: tuple[str, ...] = get_args(Board)
SIMULATED_BOARDS = ("n150", "p100", "p150")


class TtnnDeviceEntry(_DeviceEntry):
    """A Tenstorrent board: the silicon, its simulator or its mock."""

    backend: Literal["ttnn"]
    target: Literal["silicon", "simulator", "mock"]
    board: Board
    mesh: Annotated[tuple[Count, Count], Field(strict=False)] | None = Field(
        default=None, description="Rows and columns of the chips that are opened; the board's own where none."
    )
    weight_dtype: Literal["bfloat8_b", "bfloat16"] = Field(
        default="bfloat8_b", description="Of weight matrices; activations are bfloat16."
    )
    kernels: Literal["stand-in", "compile"] = Field(
        default="stand-in",
        description="On a mock: kernels are compiled by a stand-in, or by SFPI, Tenstorrent's compiler.",
    )
    numbers: Literal["modelled", "golden"] = Field(
        default="modelled",
        description="On a mock: products by the matrix engine's passes and sums, as the operation sets "
        "them; or by ttnn's goldens alone, in float32.",
    )
    trace: bool = Field(
        default=False,
        description="On silicon: time a recorded trace, without what the host takes to dispatch.",
    )
    l1_small_bytes: int = Field(
        default=32768,
        ge=0,
        description="Of a core's L1: kept free for the tables of convolutions and pools, by no other tensor.",
    )
    reset: Annotated[Text, AfterValidator(_as_command)] | None = Field(
        default=None, description="A command that resets the board after a hang: tt-smi -r 0, say."
    )

    @property
    def chip(self) -> Literal["wh", "bh"]:
        """Which chip its board has: a Wormhole or a Blackhole."""
        return "bh" if self.board.startswith("p") else "wh"


class OtherDeviceEntry(_DeviceEntry):
    """A device of any other backend, which reads its options itself."""

    target: ClassVar[str] = "device"

    backend: str
    options: dict[str, Any] = Field(default={}, description="Of the backend, which reads them.")


DeviceEntry = TorchDeviceEntry | TtnnDeviceEntry | OtherDeviceEntry
_ENTRY_CLASSES: dict[str, type[_DeviceEntry]] = {"torch": TorchDeviceEntry, "ttnn": TtnnDeviceEntry}


def entry_class(backend: str) -> type[BaseModel]:
    """What a manifest may say of a device of this backend."""
    return _ENTRY_CLASSES.get(backend, OtherDeviceEntry)


def device_of(backends: Iterable[str]) -> Any:
    """The type of a device of one of these backends."""
    union: Any = reduce(or_, map(_entry_class_of, backends))
    return Annotated[union, Field(discriminator="backend")]


def _entry_class_of(backend: str) -> type[BaseModel]:
    """Its class, which knows the backend by its name."""
    if backend in _ENTRY_CLASSES:
        return _ENTRY_CLASSES[backend]
    name: Any = Literal[backend]
    return create_model("OtherDeviceEntry", __base__=OtherDeviceEntry, backend=(name, ...))
