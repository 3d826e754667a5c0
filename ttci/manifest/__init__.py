"""The manifest: TOML to frozen models, devices and targets; identities; selection."""

from ttci.manifest.device_entries import DeviceEntry, OtherDeviceEntry, TorchDeviceEntry, TtnnDeviceEntry
from ttci.manifest.identity import Identity, Pair, fits_as_test_name, model_name_from
from ttci.manifest.load import DEFAULT_PATH, Manifest, load_manifest, nearest_manifest
from ttci.manifest.schema import KernelEntry, ManifestFile, ModelEntry
from ttci.manifest.select import Selection, built_in_devices, find_device, select
from ttci.manifest.source import Source, parse_source
from ttci.manifest.target_entries import Target, TestTargets

__all__ = [
    "DEFAULT_PATH",
    "DeviceEntry",
    "Identity",
    "KernelEntry",
    "Manifest",
    "ManifestFile",
    "ModelEntry",
    "OtherDeviceEntry",
    "Pair",
    "Selection",
    "Source",
    "Target",
    "TestTargets",
    "TorchDeviceEntry",
    "TtnnDeviceEntry",
    "built_in_devices",
    "find_device",
    "fits_as_test_name",
    "load_manifest",
    "model_name_from",
    "nearest_manifest",
    "parse_source",
    "select",
]
