"""The checks: pure functions, tensors or timings in, findings out."""
