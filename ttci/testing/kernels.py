"""The kernels that a manifest lists, as tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ttci.catalog.checks import check_class, check_names
from ttci.errors import Mistake
from ttci.manifest import KernelEntry, Manifest
from ttci.modules.kernels import Kernel
from ttci.testing.config import ModuleTest
from ttci.testing.places import UNKNOWN, place_text


def kernel_tests(manifest: Manifest, model: str) -> list[ModuleTest]:
    """The kernels of a model of the manifest."""
    return [_test(manifest, model, name, entry) for name, entry in manifest.models[model].kernels.items()]


def names_taken(
    manifest: Manifest, model: str, tests: Sequence[ModuleTest], kernels: Sequence[ModuleTest]
) -> Iterator[Mistake]:
    """The kernels that are named as a test of the model's code is."""
    by_name = {test.name: test for test in tests}
    for kernel in kernels:
        if kernel.name in by_name:
            place = place_text(by_name[kernel.name].declared_at or UNKNOWN)
            what = f"a test of the model has this name, at {place}; give the kernel another"
            yield manifest.mistake(("models", model, "kernels", kernel.name), what)


def _test(manifest: Manifest, model: str, name: str, entry: KernelEntry) -> ModuleTest:
    kernel = Kernel(entry)
    test = ModuleTest(
        name,
        input_shape=entry.shapes[0],
        tolerance=entry.tolerance,
        test_cases=[check for check in check_names() if not check_class(check).of_modules_only],
        inputs=kernel.make_inputs,
        module=kernel,
    )
    test.declared_at = str(manifest.path), manifest.line_of("models", model, "kernels", name)
    return test
