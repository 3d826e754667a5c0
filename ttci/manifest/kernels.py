"""What may be wrong with a kernel of the manifest, and what is cut of its inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from ttci.catalog.operations import OPERATIONS, is_whole, operation_facts
from ttci.errors import did_you_mean, quoted
from ttci.manifest.identity import fits_as_test_name
from ttci.manifest.lines import Keys

Shape = tuple[int, ...]

ID_DTYPE = "uint32"
_BLOCK_FLOATS = ("bfloat8_b", "bfloat4_b")


def kernel_mistakes(keys: Keys, entry: Mapping[str, Any]) -> Iterator[tuple[Keys, str]]:
    """What is wrong in the kernel's table at `keys`; values of a wrong type are passed over."""
    name, op = str(keys[-1]), entry.get("op")
    if not fits_as_test_name(name):
        yield keys, f"{quoted(name)} is no name of a test; use printable text without brackets and '::'"
    if not isinstance(op, str) or op not in OPERATIONS:
        return
    options = entry.get("options", {})
    options = options if isinstance(options, Mapping) else {}
    wrong_options = list(_option_mistakes(op, options))
    for option, what in wrong_options:
        yield (*keys, "options", option), what
    shapes = entry.get("shapes")
    if not _are_shapes(shapes):
        return
    fitting_options = {} if wrong_options else options
    yield from (((*keys, "shapes"), what) for what in _shape_mistakes(op, shapes, fitting_options))
    yield from (((*keys, "dtypes"), what) for what in _dtype_mistakes(op, entry.get("dtypes"), len(shapes)))


def _shape_mistakes(op: str, shapes: Sequence[Any], options: Mapping[str, Any]) -> Iterator[str]:
    operation = operation_facts(op)
    if operation.required <= len(shapes) <= len(operation.inputs):
        for what in operation.problems(shapes, operation.with_defaults(options)):
            yield f"{op}: {what}"
        return
    optional = [f"{label} (optional)" for label in operation.inputs[operation.required :]]
    wanted = ", ".join([*operation.inputs[: operation.required], *optional])
    yield f"{op} takes a shape for each of {wanted}; {len(shapes)} given"


def _option_mistakes(op: str, options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    known = operation_facts(op).options
    for name, value in options.items():
        if name not in known:
            advice = did_you_mean(name, known) if known else f"{op} takes none"
            yield name, f"unknown option {quoted(name)} of {op}; {advice}"
        elif not known[name].fits(value):
            yield name, f"this value does not fit; give {known[name].advice}"


def _dtype_mistakes(op: str, dtypes: Any, count: int) -> Iterator[str]:
    if isinstance(dtypes, list):
        if len(dtypes) != count:
            yield f"{len(dtypes)} given for {count} inputs; write one an input, or one word for all"
            return
        if operation_facts(op).takes_ids:
            if dtypes[0] != ID_DTYPE:
                yield f"the ids come first, as {quoted(ID_DTYPE)}"
            dtypes = dtypes[1:]
    numbers = dtypes if isinstance(dtypes, list) else [dtypes]
    if ID_DTYPE in numbers:
        yield f'{quoted(ID_DTYPE)} is of ids only; write "bfloat16", say'
    if operation_facts(op).takes_ids and any(dtype in _BLOCK_FLOATS for dtype in numbers):
        yield 'rows of a block float cannot be looked up; write "bfloat16" for the table'


def _are_shapes(shapes: Any) -> TypeGuard[list[list[int]]]:
    return isinstance(shapes, list) and all(
        isinstance(shape, list) and shape and all(is_whole(size) and size > 0 for size in shape)
        for shape in shapes
    )


def cut_first_shape(op: str, shape: Shape, max_tokens: int | None) -> Shape:
    """The shape of the first input, cut along its sequence to batch x sequence <= max_tokens.

    The batch is the first dimension, where that is not the sequence itself.
    """
    index = len(shape) + operation_facts(op).sequence[0]
    if max_tokens is None or index < 0:
        return shape
    batch = shape[0] if index > 0 else 1
    return _with_at_most(shape, index, max(1, max_tokens // batch))


def cut_shapes(op: str, shapes: Sequence[Shape], first: Shape) -> tuple[Shape, ...]:
    """The shapes of all inputs, whose sequences are cut as that of the first one was to `first`."""
    if first == shapes[0]:
        return tuple(shapes)
    sequence = operation_facts(op).sequence
    tokens = first[sequence[0]]
    return tuple(
        _with_at_most(shape, len(shape) + sequence[position], tokens) if position in sequence else shape
        for position, shape in enumerate(shapes)
    )


def _with_at_most(shape: Shape, index: int, size: int) -> Shape:
    return shape if index < 0 else (*shape[:index], min(shape[index], size), *shape[index + 1 :])
