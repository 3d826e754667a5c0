"""What names mean: the pairs of a choice, and a device, which needs no manifest where it is built in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ttci.errors import InputError, NothingMatchedError, did_you_mean, quoted
from ttci.manifest.device_entries import DeviceEntry, TorchDeviceEntry, TtnnDeviceEntry
from ttci.manifest.identity import Pair
from ttci.manifest.load import Manifest


@dataclass(frozen=True)
class Selection:
    """The pairs to run, and those left out with the reason."""

    pairs: tuple[Pair, ...]
    left_out: tuple[tuple[Pair, str], ...]


def select(manifest: Manifest, models: Sequence[str], devices: Sequence[str] = ()) -> Selection:
    """Choose pairs by the names (or globs) of models and devices.

    No model means every model. Without devices, those marked ``on-demand`` are
    left out.

    Raises:
        InputError: for an unknown name.
        NothingMatchedError: when the choice is empty.
    """
    chosen_models = _match("model", models or ["*"], list(manifest.models))
    chosen_devices = _match("device", devices or ["*"], list(manifest.devices))
    pairs: list[Pair] = []
    left_out: list[tuple[Pair, str]] = []
    for model in chosen_models:
        for device in manifest.models[model].devices:
            if device not in chosen_devices:
                continue
            if manifest.devices[device].on_demand and not devices:
                left_out.append((Pair(model, device), f"on demand: name it with --device {device}"))
            else:
                pairs.append(Pair(model, device))
    if not pairs:
        raise NothingMatchedError(_nothing(manifest, chosen_models, left_out))
    return Selection(tuple(pairs), tuple(left_out))


def _match(kind: str, patterns: Sequence[str], names: list[str]) -> list[str]:
    unknown = [p for p in patterns if p != "*" and not any(fnmatchcase(n, p) for n in names)]
    if unknown:
        lines = [f"unknown {kind} {quoted(p)}; {did_you_mean(p, names)}" for p in unknown]
        raise InputError("\n".join(lines))
    return [name for name in names if any(fnmatchcase(name, p) for p in patterns)]


def _nothing(manifest: Manifest, models: Sequence[str], left_out: Sequence[tuple[Pair, str]]) -> str:
    if left_out:
        return "\n".join(["nothing matched", *(f"{pair} is {reason}" for pair, reason in left_out)])
    there_is = "; ".join(f"{m} runs on {', '.join(manifest.models[m].devices)}" for m in models)
    return f"nothing matched; {there_is or f'{manifest.path} lists no models'}"


def built_in_devices() -> dict[str, DeviceEntry]:
    """The devices that need no manifest."""
    return {
        "cpu": TorchDeviceEntry(backend="torch"),
        "cuda": TorchDeviceEntry(backend="torch", target="cuda"),
        "wormhole_b0": TtnnDeviceEntry(backend="ttnn", target="silicon", board="n150"),
    }


def find_device(name: str, manifest: Manifest | None) -> DeviceEntry:
    """The device of that name in `manifest`, else the built-in one; InputError where there is none."""
    known = built_in_devices() | (manifest.devices if manifest else {})
    if name not in known:
        raise InputError(f"unknown device {quoted(name)}; {did_you_mean(name, known)}")
    return known[name]
