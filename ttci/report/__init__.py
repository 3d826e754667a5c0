"""Reports: pure functions over results."""
