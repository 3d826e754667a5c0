"""A real browser for the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.browser import Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    from tests.browser import chromium  # the quick lane has no selenium, and other tests of this room

    with chromium() as page:
        yield page


@pytest.fixture
def page(browser: Page) -> Iterator[Page]:
    """A desktop that prefers light; whatever the test does, the console stays empty."""
    from tests.browser import DESKTOP

    browser.resize(*DESKTOP)
    browser.prefer("light")
    browser.console()
    browser.requests()
    yield browser
    assert browser.console() == []
