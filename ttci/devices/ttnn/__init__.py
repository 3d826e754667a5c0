"""Tenstorrent devices: real ttnn on silicon, on the simulator and on mock boards."""
