"""The matrix engine of a Tenstorrent chip, in torch: which bits it multiplies, and how it sums.

A mock board computes in the goldens of ttnn, which are torch. While one of them runs,
products in it are taken as the engine takes them, with the settings of the operation.
"""

from ttci.devices.ttnn.engine.mode import as_on_engine
from ttci.devices.ttnn.engine.settings import EngineSettings, engine_settings

__all__ = ["EngineSettings", "as_on_engine", "engine_settings"]
