"""The boards by name, each a row: what its chips are, and the cluster a mock of it is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ttci.devices.ttnn import galaxy

Link = tuple[int, int, int, int]  # chip, channel, chip, channel

# A board's id begins with the number of its type (tt-umd, cluster_descriptor_types.hpp).
_BOARD_ID_SHIFT = 36


@dataclass(frozen=True)
class _Chips:
    """What every chip of an architecture has on a board.

    Attributes:
        dram_bytes, l1_bytes_per_core: what ttnn's allocator hands out.
    """

    arch: str
    dram_bytes: int
    l1_bytes_per_core: int
    harvest_mask: int
    dram_mask: int = 0
    eth_mask: int = 0
    pcie_mask: int = 0


@dataclass(frozen=True)
class Board:
    """A board, or a host with several: its chips and how they are wired.

    Attributes:
        mesh_shape: rows and columns of the mesh that ttci opens on it where nothing else is asked.
        of_chips: what the cluster file says of each chip besides, by its key.
    """

    name: str
    chips: _Chips
    board_type: str
    board_type_number: int
    mesh_shape: tuple[int, int]
    locations: tuple[tuple[int, int], ...] = ((0, 0),)  # of each chip in the fabric, unless links say it
    links: tuple[Link, ...] = ()
    mmio: tuple[int, ...] = (0,)  # chips with a PCIe link
    boards: tuple[tuple[int, ...], ...] = ((0,),)  # chips of each board
    of_chips: Mapping[str, Mapping[int, int | str]] = field(default_factory=dict)

    @property
    def chip_count(self) -> int:
        """How many chips the mesh has."""
        return math.prod(self.mesh_shape)

    def cluster_descriptor(self) -> str:
        """The cluster file for ``TT_METAL_MOCK_CLUSTER_DESC_PATH``: JSON, which YAML readers take."""
        chips = range(self.chip_count)
        first_id = self.board_type_number << _BOARD_ID_SHIFT
        harvesting = {
            "noc_translation": True,
            "harvest_mask": self.chips.harvest_mask,
            "dram_harvesting_mask": self.chips.dram_mask,
            "eth_harvesting_mask": self.chips.eth_mask,
            "pcie_harvesting_mask": self.chips.pcie_mask,
        }
        descriptor: dict[str, Any] = {
            "arch": dict.fromkeys(chips, self.chips.arch),
            "chips": {chip: [*location, 0, 0] for chip, location in enumerate(self.locations)},
            "chip_unique_ids": {chip: first_id + 1 + chip for chip in chips},
            "ethernet_connections": [
                [{"chip": a, "chan": a_channel}, {"chip": b, "chan": b_channel}]
                for a, a_channel, b, b_channel in self.links
            ],
            "chips_with_mmio": [{chip: index} for index, chip in enumerate(self.mmio)],
            "harvesting": dict.fromkeys(chips, harvesting),
            "boards": [
                [
                    {"board_id": first_id + 1 + index},
                    {"board_type": self.board_type},
                    {"chips": list(members)},
                ]
                for index, members in enumerate(self.boards)
            ],
            **self.of_chips,
        }
        return json.dumps(descriptor, indent=1)


_WORMHOLE = _Chips("wormhole_b0", 12 * 1_072_693_184, 1_393_312, harvest_mask=64)
_BLACKHOLE_BANK_BYTES, _BLACKHOLE_L1_BYTES = 4_277_141_376, 1_461_120
_P100 = _Chips("blackhole", 7 * _BLACKHOLE_BANK_BYTES, _BLACKHOLE_L1_BYTES, 192, 8, 16383, 2)
_P150 = _Chips("blackhole", 8 * _BLACKHOLE_BANK_BYTES, _BLACKHOLE_L1_BYTES, 192, 0, 288, 2)
_P150X4_LINKS = (
    "0.4-3.4 0.5-3.5 0.6-3.6 0.7-3.7 0.8-2.8 0.9-2.9 0.10-2.10 0.11-2.11 "
    "1.4-2.4 1.5-2.5 1.6-2.6 1.7-2.7 1.8-3.8 1.9-3.9 1.10-3.10 1.11-3.11"
)
_T3K_LINKS = (
    "0.6-2.6 0.7-2.7 0.8-4.0 0.9-4.1 0.14-1.14 0.15-1.15 1.0-3.0 1.1-3.1 1.8-5.0 1.9-5.1 2.8-6.0 "
    "2.9-6.1 2.14-3.14 2.15-3.15 3.8-7.0 3.9-7.1 4.6-5.6 4.7-5.7 6.6-7.6 6.7-7.7"
)


def _links(text: str) -> tuple[Link, ...]:
    """Read ``chip.channel-chip.channel`` words."""
    ends = [word.replace("-", ".").split(".") for word in text.split()]
    return tuple((int(a), int(b), int(c), int(d)) for a, b, c, d in ends)


BOARDS = {
    board.name: board
    for board in (
        Board("n150", _WORMHOLE, "n150", 0x18, (1, 1)),
        Board(
            "n300",
            _WORMHOLE,
            "n300",
            0x14,
            (1, 2),
            locations=((0, 0), (1, 0)),
            links=_links("0.8-1.0 0.9-1.1"),
            boards=((0, 1),),
        ),
        Board(
            "t3k",
            _WORMHOLE,
            "n300",
            0x14,
            (1, 8),
            locations=((1, 0), (1, 1), (2, 0), (2, 1), (0, 0), (0, 1), (3, 0), (3, 1)),
            links=_links(_T3K_LINKS),
            mmio=(0, 1, 3, 2),
            boards=((4, 0), (5, 1), (6, 2), (7, 3)),
        ),
        Board(
            "glx",
            replace(_WORMHOLE, harvest_mask=0),
            "ubb",
            0x35,
            (8, 4),
            locations=(),
            links=tuple(galaxy.links()),
            mmio=tuple(range(galaxy.CHIPS)),
            boards=tuple(map(tuple, galaxy.trays())),
            of_chips=galaxy.of_chips(),
        ),
        Board("p100", _P100, "p100", 0x36, (1, 1)),
        Board("p150", _P150, "p150", 0x40, (1, 1)),
        Board(
            "p150x4",
            _P150,
            "p150",
            0x40,
            (2, 2),
            locations=(),
            links=_links(_P150X4_LINKS),
            mmio=(0, 1, 2, 3),
            boards=((0,), (1,), (2,), (3,)),
        ),
    )
}
