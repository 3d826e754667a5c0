"""A stand-in for the RISC-V compiler: no kernel ever runs on a mock board.

ttnn compiles every kernel also there, and only looks at what comes out: an object
for each source, and for each program an executable that its loader can place.
"""

from __future__ import annotations

import struct
from pathlib import Path

_SCRIPT = """\
#!/bin/sh
# Made by ttci: stands in for the RISC-V compiler on mock boards, where no kernel runs.
output= depends= objects_only=
while [ $# -gt 0 ]; do
  case "$1" in
    --version) echo "riscv-tt-elf-g++ (ttci stand-in)"; exit 0 ;;
    -c) objects_only=yes ;;
    -o) output=$2; shift ;;
    -MF) depends=$2; shift ;;
  esac
  shift
done
[ -z "$depends" ] || echo "$output:" > "$depends"
case "$objects_only$output" in
  yes* | *.gch) echo object > "$output" ;;
  *) cp "${0%/compiler/bin/*}/kernel.elf" "$output" ;;
esac
"""

_TEXT_ADDRESS, _DATA_ADDRESS = 0x1000, 0x2000
_HEADER_BYTES, _SEGMENT_BYTES, _SECTION_BYTES = 52, 32, 40
_ALIGNMENT = 16


def install_stand_in(sfpi: Path) -> None:
    """Write the stand-in below `sfpi`, where ttnn looks for its compiler."""
    compiler = sfpi / "compiler" / "bin" / "riscv-tt-elf-g++"
    compiler.parent.mkdir(parents=True)
    compiler.write_text(_SCRIPT)
    compiler.chmod(0o755)
    (sfpi / "kernel.elf").write_bytes(kernel_elf())


def kernel_elf() -> bytes:
    """The smallest program that ttnn's loader places: 32-bit little-endian RISC-V.

    An executable ``.text``, a writable ``.data`` loaded right behind it, and an empty
    ``.rela.text`` (a file without relocation sections is refused). Layout: System V
    ABI, chapter 4; machine 243: the RISC-V ELF psABI.
    """
    text = struct.pack("<4I", 0x13, 0x13, 0x13, 0x8067)  # nop, nop, nop, ret
    data = bytes(16)
    symbols = bytes(16) + struct.pack("<IIIBBH", 1, _TEXT_ADDRESS, len(text), 0x12, 0, 1)
    symbol_names = b"\0_start\0"
    section_names = b"\0.text\0.data\0.rela.text\0.symtab\0.strtab\0.shstrtab\0"
    start = _aligned(_HEADER_BYTES + 2 * _SEGMENT_BYTES)
    contents = [text, data, symbols, symbol_names, section_names]
    offsets = [start + sum(map(len, contents[:index])) for index in range(len(contents) + 1)]
    text_at, data_at, symbols_at, names_at, section_names_at, end = offsets

    def section(name: bytes, *fields: int) -> bytes:
        return struct.pack("<10I", section_names.index(name), *fields)

    sections = [
        bytes(_SECTION_BYTES),
        section(b".text\0", 1, 6, _TEXT_ADDRESS, text_at, len(text), 0, 0, _ALIGNMENT, 0),
        section(b".data\0", 1, 3, _DATA_ADDRESS, data_at, len(data), 0, 0, _ALIGNMENT, 0),
        section(b".rela.text\0", 4, 0x40, 0, symbols_at, 0, 4, 1, 4, 12),
        section(b".symtab\0", 2, 0, 0, symbols_at, len(symbols), 5, 1, 4, 16),
        section(b".strtab\0", 3, 0, 0, names_at, len(symbol_names), 0, 0, 1, 0),
        section(b".shstrtab\0", 3, 0, 0, section_names_at, len(section_names), 0, 0, 1, 0),
    ]
    sections_at = _aligned(end)
    header = b"\x7fELF\x01\x01\x01" + bytes(9)
    header += struct.pack("<HHIIIII", 2, 243, 1, _TEXT_ADDRESS, _HEADER_BYTES, sections_at, 0)
    header += struct.pack(
        "<6H", _HEADER_BYTES, _SEGMENT_BYTES, 2, _SECTION_BYTES, len(sections), len(sections) - 1
    )
    segments = _segment(text_at, _TEXT_ADDRESS, _TEXT_ADDRESS, len(text), flags=5)
    segments += _segment(data_at, _DATA_ADDRESS, _TEXT_ADDRESS + len(text), len(data), flags=6)
    body = (header + segments).ljust(start, b"\0") + b"".join(contents)
    return body.ljust(sections_at, b"\0") + b"".join(sections)


def _segment(offset: int, address: int, load_address: int, size: int, flags: int) -> bytes:
    return struct.pack("<8I", 1, offset, address, load_address, size, size, flags, _ALIGNMENT)


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
