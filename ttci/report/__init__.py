"""Reports: pure functions over results."""

SERVICES = ("github", "gitlab", "buildkite")  # for whose pull or merge requests a report is written

FAIL_ON = ("failure", "regression", "drift", "never")  # what makes a report's exit code other than 0
FAIL_ON_SLOWER = ("regression", "drift")  # those of them that look at history
