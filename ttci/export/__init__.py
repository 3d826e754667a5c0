"""Results in the formats of other tools: units and directions as each of them reads them."""

FORMATS = ("tt-benchmark-run", "github-action-benchmark", "bencher", "csv")
