"""Results: their words and models, verdicts and exit codes, and run.json, which keeps them."""

from ttci.results.error_map import ErrorMap
from ttci.results.facts import Config, Environment
from ttci.results.judging import exit_code, judge
from ttci.results.limit import Limit, limit_of, why_impossible
from ttci.results.models import DEFAULT_TARGET_TOLERANCE, SCHEMA, BaseRatio, Measurement, Result, Run
from ttci.results.run_file import Journal, JournalReader, encodable_in, parse_run, read_run, write_run
from ttci.results.vocabulary import Comparison, Drift, Fidelity, Outcome, State, Verdict

__all__ = [
    "DEFAULT_TARGET_TOLERANCE",
    "SCHEMA",
    "BaseRatio",
    "Comparison",
    "Config",
    "Drift",
    "Environment",
    "ErrorMap",
    "Fidelity",
    "Journal",
    "JournalReader",
    "Limit",
    "Measurement",
    "Outcome",
    "Result",
    "Run",
    "State",
    "Verdict",
    "encodable_in",
    "exit_code",
    "judge",
    "limit_of",
    "parse_run",
    "read_run",
    "why_impossible",
    "write_run",
]
