"""Names of benchmarks, which may be any text, as names of tests, which stand in an identity."""

from __future__ import annotations

import hashlib
import re

from ttci.manifest import Pair, fits_as_test_name, model_name_from

DEFAULT_SUITE = "Benchmark"  # of github-action-benchmark, where nobody names one
_LONGEST, _LONGEST_SUITE = 200, 80  # characters
_MARK, _SPACE = "~", "+"
_IS_MARKED = re.compile(rf"{_MARK}[0-9a-f]{{8}}$")
_REPLACED = (("::", ".."), ("[", "{"), ("]", "}"))
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


def as_test_name(name: str) -> str:
    """`name` with what an identity cannot hold replaced: ``a.py::test[x]`` is ``a.py..test{x}``.

    Where that could be another name's too, a hash of the name follows: two names never
    become one. The same name becomes the same in every file.
    """
    replaced = name
    for written, shown in _REPLACED:
        replaced = replaced.replace(written, shown)
    fit = " ".join(_UNPRINTABLE.sub(" ", replaced).split())[:_LONGEST] or "unnamed"
    is_plain = _with_originals(fit) == name and not _IS_MARKED.search(name) and fits_as_test_name(fit)
    return fit if is_plain else f"{fit}{_MARK}{_hash(name)}"


def _with_originals(text: str) -> str:
    for written, shown in _REPLACED:
        text = text.replace(shown, written)
    return text


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]


def pair_of_suite(pair: Pair, suite: str) -> Pair:
    """The pair that a suite's benchmarks are of: its own, for what runs by itself is compared by itself.

    That of the suite which has the tool's default name is `pair`, and of every other ``MODEL.SUITE@DEVICE``,
    spaces as ``+``.
    """
    if suite == DEFAULT_SUITE:
        return pair
    fit = model_name_from(suite.replace(" ", _SPACE))
    is_plain = fit.replace(_SPACE, " ") == suite
    marked = fit if is_plain else f"{fit}-{_hash(suite)}"
    return Pair(f"{pair.model}.{marked[-_LONGEST_SUITE:]}", pair.device)
