"""Drift: whether a figure has changed against its history, and why that is said or not.

`judge` is statistics over numbers alone; `of_run` brings it together with a run and its
history. numpy, scipy and ruptures are loaded only where something is judged.
"""
