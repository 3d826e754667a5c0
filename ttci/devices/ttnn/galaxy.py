"""How a Wormhole Galaxy is wired: 32 chips on four trays of two rows of four.

Chip ``4 * place + tray`` lies at a place 0 to 7 of its tray. Source: the cluster file that tt-umd reads
of such a host.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

CHIPS = 32
_TRAYS, _COLUMNS, _LINKS = 4, 4, 4  # so many links join two neighbours
_BUS_OF_TRAY = (0xC0, 0x40, 0x00, 0x80)  # the place is added to it, counted from 1


def _chip(tray: int, row: int, column: int) -> int:
    return _TRAYS * (_COLUMNS * row + column) + tray


def links() -> Iterator[tuple[int, int, int, int]]:
    """Every link as chip, channel, chip, channel."""
    for one, its_first, other, others_first in _neighbours():
        for link in range(_LINKS):
            yield one, its_first + link, other, others_first + link


def _neighbours() -> Iterator[tuple[int, int, int, int]]:
    """Chips that are joined, each with the first of its channels there."""
    for tray in range(_TRAYS):
        for column in range(_COLUMNS):
            yield _chip(tray, 0, column), 12, _chip(tray, 1, column), 0
        for row in range(2):
            for column in range(_COLUMNS - 1):
                yield _chip(tray, row, column), 8, _chip(tray, row, column + 1), 4
    for row, channel in ((0, 0), (1, 12)):  # along the long sides of the trays
        for column in range(_COLUMNS):
            yield _chip(0, row, column), channel, _chip(3, row, column), channel
            yield _chip(1, row, column), channel, _chip(2, row, column), channel
    for column, channel in ((0, 4), (_COLUMNS - 1, 8)):  # along the short ones
        for row in range(2):
            yield _chip(0, row, column), channel, _chip(2, row, column), channel
            yield _chip(1, row, column), channel, _chip(3, row, column), channel


def trays() -> list[list[int]]:
    """The chips of each tray."""
    return [list(range(tray, CHIPS, _TRAYS)) for tray in range(_TRAYS)]


def of_chips() -> Mapping[str, Mapping[int, int | str]]:
    """Where each chip lies on its tray, and on which bus it is."""
    places = {chip: 1 + chip // _TRAYS for chip in range(CHIPS)}
    buses = {chip: f"{_BUS_OF_TRAY[chip % _TRAYS] + place:#04x}" for chip, place in places.items()}
    return {"asic_locations": places, "chip_to_bus_id": buses}
