"""Declare a model's modules for testing: the public API.

Five ways, to be mixed freely: `register_module_tests`, `ModuleTestSpec`,
`test_module`, lists of `ModuleTest` from ``get_module_tests()``, and
`TestableModule` with `TestConfig`.
"""

from ttci.devices.ttnn.goldens import register_golden
from ttci.devices.ttnn.lowering import register_lowering
from ttci.testing.config import (
    DeclarationError,
    ModuleTest,
    ModuleTestSpec,
    TestableModule,
    TestConfig,
)
from ttci.testing.registry import register_module_tests, test_module
from ttci.testing.results import TestResults
from ttci.testing.runner import run_module_tests

__all__ = [
    "DeclarationError",
    "ModuleTest",
    "ModuleTestSpec",
    "TestConfig",
    "TestResults",
    "TestableModule",
    "register_golden",
    "register_lowering",
    "register_module_tests",
    "run_module_tests",
    "test_module",
]
