"""Reports: pure functions over results."""

FAIL_ON = ("failure", "regression", "never")  # what makes a report's exit code other than 0
