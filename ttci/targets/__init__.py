"""Targets from what was measured: which value and tolerance, and how they get into the manifest."""
