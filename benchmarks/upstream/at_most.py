"""A pytest plugin of `benchmarks/upstream/count.py`: at most so many parametrizations of one function."""

from __future__ import annotations

from collections import defaultdict

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add its one option."""
    parser.addoption("--most", type=int, default=30)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep parametrizations of each function that are spread evenly over all of them."""
    most = config.getoption("--most")
    by_function: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        by_function[item.nodeid.partition("[")[0]].append(item)
    kept: set[str] = set()
    for of_one in by_function.values():
        step = max(1.0, len(of_one) / most)
        kept.update(of_one[int(step * index)].nodeid for index in range(min(most, len(of_one))))
    left_out = [item for item in items if item.nodeid not in kept]
    items[:] = [item for item in items if item.nodeid in kept]
    config.hook.pytest_deselected(items=left_out)
