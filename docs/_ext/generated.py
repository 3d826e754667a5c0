"""Directives for what the code says itself: manifest, command line, action, and the tables of the catalog."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ttci.catalog.boards import PASSES, ROOFS
from ttci.catalog.metrics import METRICS
from ttci.catalog.operations import OPERATIONS, operation_facts
from ttci.cli.arguments import parser
from ttci.cli.parsers.examples import EXAMPLES
from ttci.manifest.schema import ManifestFile

ROOT = Path(__file__).parents[2]
Schema = Mapping[str, Any]


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of Markdown."""
    lines = [list(heads)]
    lines += [["---"] * len(lines[0]), *map(list, rows)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def code(text: Any) -> str:
    """Code, in a line of Markdown."""
    return f"`{text}`" if str(text) else ""


# The manifest, from its schema.

SECTIONS = {
    "[environment]": "EnvironmentEntry",
    '[devices.NAME], backend = "torch"': "TorchDeviceEntry",
    '[devices.NAME], backend = "ttnn"': "TtnnDeviceEntry",
    "[models.NAME]": "ModelEntry",
    "[models.NAME.targets.DEVICE.TEST]": "TestTargets",
    "[models.NAME.kernels.KERNEL]": "KernelEntry",
    "[history]": "HistoryEntry",
}


def manifest() -> Iterator[str]:
    """The tables of the manifest, a section each."""
    schema = ManifestFile.model_json_schema(by_alias=True)
    for heading, name in SECTIONS.items():
        entry = schema["$defs"][name]
        required = entry.get("required", [])
        yield f"\n## `{heading}`\n\n{entry['description']}\n\n"
        rows = (
            (code(key), values(what, schema), default(what, key in required), what.get("description", ""))
            for key, what in sorted(entry["properties"].items(), key=lambda item: item[0] not in required)
        )
        yield table(("key", "value", "default", "meaning"), rows)


def default(what: Schema, is_required: bool) -> str:
    """What a key is where it is not given."""
    if is_required:
        return "*required*"
    given = what.get("default")
    return "" if given in (None, [], {}) else code(json.dumps(given))


def values(what: Schema, schema: Schema) -> str:
    """What a key may be."""
    if "$ref" in what:
        return reference(what["$ref"].rpartition("/")[2])
    for several in ("anyOf", "oneOf"):
        if several in what:
            kinds = [values(kind, schema) for kind in what[several] if kind.get("type") != "null"]
            return " or ".join(kinds)
    if "enum" in what or "const" in what:
        return ", ".join(code(json.dumps(word)) for word in what.get("enum", [what.get("const")]))
    if what["type"] == "array":
        return f"list of {plural(values(what.get('items', {'type': 'string'}), schema))}"
    return str(what["type"]).replace("object", "table") + bounds(what)


def plural(kind: str) -> str:
    """Several of a kind."""
    if kind.startswith("list of "):
        return f"lists of {kind.partition('list of ')[2]}"
    return re.sub(r"^(string|integer)\b", r"\1s", kind)


def reference(name: str) -> str:
    """A table that a value may be."""
    inline = {"Target": "`{ value, tolerance }`", "TargetOfMore": "`{ value, tolerance }`"}
    return inline.get(name, "table")


def bounds(what: Schema) -> str:
    """Which numbers may be given."""
    above, below = what.get("exclusiveMinimum"), what.get("exclusiveMaximum")
    if above is None:
        return ""
    return f" above {above:g}" + (f" and below {below:g}" if below is not None else "")


# The command line, from its parser.


def command_line() -> Iterator[str]:
    """Every command, a section each."""
    yield from commands(parser(), 2)


def commands(of: argparse.ArgumentParser, level: int) -> Iterator[str]:
    """The commands below one."""
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            for name, command in action.choices.items():
                yield from one_command(command, helps.get(name) or "", level)
                yield from commands(command, level + 1)


def one_command(command: argparse.ArgumentParser, what: str, level: int) -> Iterator[str]:
    """A command: what it does, how it is typed, and what each argument means."""
    sentence = command.description or f"{what[:1].upper()}{what[1:]}."
    usage = " ".join(command.format_usage().removeprefix("usage: ").split())
    yield f"\n{'#' * level} {command.prog}\n\n{sentence}\n\n```text\n{usage}\n```\n\n"
    rows = [(spelled(action), meaning(action)) for action in command._actions if is_shown(action)]
    if rows:
        yield table(("argument", "meaning"), rows)
    examples = "".join(f"$ {example}\n" for example in EXAMPLES.get(command.prog, ()))
    yield f"\n```console\n{examples}```\n"


def is_shown(action: argparse.Action) -> bool:
    """Whether an argument says something."""
    return not isinstance(action, argparse._HelpAction | argparse._SubParsersAction)


def spelled(action: argparse.Action) -> str:
    """An argument as it is typed."""
    value = str(action.metavar or "|".join(action.choices or ()) or action.dest.upper())
    options = [name if action.nargs == 0 else f"{name} {value}" for name in action.option_strings]
    return ", ".join(map(code, options or [value]))


def meaning(action: argparse.Action) -> str:
    """What an argument does; its default where its help does not tell it."""
    text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
    is_told = "default" in text.lower() or action.default in (None, False, [], argparse.SUPPRESS)
    values = action.default if isinstance(action.default, list) else [action.default]
    return text if is_told else "; ".join(filter(None, [text, f"default: {' '.join(map(str, values))}"]))


# The action and the workflows.


def inputs(name: str) -> Iterator[str]:
    """The inputs and outputs of an action or of a workflow that others call."""
    file = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    called = file[True]["workflow_call"] if True in file else file  # YAML reads on as true
    rows = [
        (code(key), code(shown(what.get("default", ""))), what["description"])
        for key, what in called["inputs"].items()
    ]
    yield table(("input", "default", "meaning"), rows)
    outputs = [(code(key), what["description"]) for key, what in called.get("outputs", {}).items()]
    if outputs:
        yield "\n"
        yield table(("output", "meaning"), outputs)


def shown(value: Any) -> str:
    """A default as YAML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


# The tables of the catalog.


def operations() -> Iterator[str]:
    """The operations that a kernel may be of."""
    yield table(("op", "inputs", "options"), map(operation_row, OPERATIONS))


def operation_row(name: str) -> tuple[str, str, str]:
    """An operation, its inputs and its options."""
    facts = operation_facts(name)
    inputs = [*map(code, facts.inputs[: facts.required])]
    inputs += [f"{code(label)} (optional)" for label in facts.inputs[facts.required :]]
    options = []
    for key, option in facts.options.items():
        otherwise = (
            "" if option.default is None else f" ({code(json.dumps(option.default))} where none is given)"
        )
        options.append(f"{code(key)}: {option.advice}{otherwise}")
    return code(name), ", ".join(inputs), "; ".join(options)


def metrics() -> Iterator[str]:
    """The figures that checks measure."""
    rows = [
        (
            code(metric.name),
            code(metric.check),
            "" if metric.unit == "1" else metric.unit,
            metric.direction,
            metric.target or "No target can be set: give `tolerance`.",
        )
        for metric in METRICS.values()
    ]
    yield table(("figure", "check", "unit", "better", "meaning"), rows)


def roofs() -> Iterator[str]:
    """What each board moves and multiplies at most."""
    rows = [
        (
            code(roof.board),
            str(roof.chips),
            f"{roof.dram_gb_per_s:g}",
            *(f"{roof.multiply_adds_per_ms(fidelity) / 1e9:.0f}" for fidelity in PASSES),
            roof.source,
        )
        for roof in ROOFS.values()
    ]
    yield "A chip's DRAM bandwidth in GB/s, and its peak in 10^12 multiply-adds a second:\n\n"
    yield table(("board", "chips", "DRAM", *PASSES, "source"), rows)


GENERATED: dict[str, Callable[..., Iterator[str]]] = {
    "manifest": manifest,
    "command-line": command_line,
    "inputs": inputs,
    "operations": operations,
    "metrics": metrics,
    "roofs": roofs,
}


class Generated(SphinxDirective):
    """Markdown of the function that is named like the directive."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Parse it in place."""
        text = "".join(GENERATED[self.name](*self.arguments))
        return self.parse_text_to_nodes(text, allow_section_headings=True)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directives."""
    for name in GENERATED:
        app.add_directive(name, Generated)
    return {"parallel_read_safe": True}
