"""Examples of every command, which its help ends with."""

from __future__ import annotations

from textwrap import indent

EXAMPLES = {
    "ttci": ("ttci init", "ttci run llama3 --device cpu", "ttci report"),
    "ttci init": ("ttci init", "ttci init src/own/model.py::Model", "ttci init --example"),
    "ttci list": ("ttci list", "ttci list llama3 --tests", "ttci list --json"),
    "ttci check": ("ttci check", "ttci check llama3"),
    "ttci run": (
        "ttci run llama3",
        "ttci run 'llama*' --device cpu --device n150-mock",
        "ttci run --changed main",
        "ttci run --failed -q",
        "ttci run llama3 -- -k attention",
    ),
    "ttci watch": ("ttci watch llama3 -q", "ttci watch llama3 -- -k correctness"),
    "ttci plan": ("ttci plan", "ttci plan --changed main", "ttci plan --json --max-jobs 20"),
    "ttci report": (
        "ttci report",
        "ttci report reports other/reports --out all",
        "ttci report --fail-on regression --history branch",
        "ttci report --format gitlab",
    ),
    "ttci open": ("ttci open", "ttci open nightly/reports"),
    "ttci comment": ("ttci comment reports > comment.md",),
    "ttci export": ("ttci export --format csv", "ttci export reports --format bencher -o figures.json"),
    "ttci debug": (
        "ttci debug llama3@n150-mock/llama3_8b_ffn",
        "ttci debug 'ttci/tests/test_checks.py::llama3@cpu/llama3_8b_ffn[correctness]'",
    ),
    "ttci compare": (
        "ttci compare main",
        "ttci compare v1.2 v1.3 --model llama3 --seconds 300",
        "ttci compare main --merge-base --changed --fail-on slower",
        "ttci compare main --html compare.html",
    ),
    "ttci history": ("ttci history add", "ttci history log"),
    "ttci history add": ("ttci history add", "ttci history add reports --history folder:kept"),
    "ttci history log": ("ttci history log", "ttci history log 'llama3@*' -n 50"),
    "ttci history show": ("ttci history show 'llama3@n150/attention[performance]'",),
    "ttci history explain": ("ttci history explain 'llama3@n150/attention[performance]'",),
    "ttci history compact": ("ttci history compact --keep 20",),
    "ttci history import": (
        "ttci history import --format github-action-benchmark data.js --model llama3 --device n150",
        "ttci history import --format pytest-benchmark .benchmarks",
    ),
    "ttci history site": ("ttci history site --out site",),
    "ttci targets": ("ttci targets suggest", "ttci targets update llama3@n150"),
    "ttci targets suggest": ("ttci targets suggest", "ttci targets suggest llama3@n150 --history branch"),
    "ttci targets update": ("ttci targets update llama3@n150", "ttci targets update --improved --dry-run"),
    "ttci doctor": ("ttci doctor", "ttci doctor --json"),
    "ttci toolchain": ("ttci toolchain install",),
    "ttci toolchain install": ("ttci toolchain install", "ttci toolchain install sfpi"),
    "ttci completion": ('eval "$(ttci completion bash)"', "ttci completion fish | source"),
}


def examples_text(command: str) -> str:
    """What the help of a command ends with."""
    return "examples:\n" + indent("\n".join(EXAMPLES[command]), "  ")
