"""ttci toolchain: SFPI and ttsim fetched from a real server on loopback, verified, made once."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.root import ROOT
from ttci import files
from ttci.errors import ExitCode, InputError, MachineryError
from ttci.toolchain import download, install, install_tools, sfpi, sfpi_state, ttsim_state
from ttci.toolchain.sfpi import host_platform

VERSION = "7.89.0"
ARCHIVE = f"/tenstorrent/sfpi/releases/download/{VERSION}/sfpi_{VERSION}_x86_64_debian.txz"
TAG_PAGE = "/repos/tenstorrent/ttsim/releases/tags/"
INSTALL_SFPI = (
    "from argparse import Namespace\n"
    "from ttci.toolchain import install\n"
    "try:\n"
    "    install(Namespace(tools=['sfpi']))\n"
    "except KeyboardInterrupt as error:\n"
    "    print(error)\n"
)
COMPILER = f"#!/bin/sh\necho 'riscv-tt-elf-g++ (tenstorrent/sfpi:{VERSION}[1050]) 15.1.0'\n"
PROOF = "sfpi/compiler/bin/riscv-tt-elf-g++"
FILLING = random.Random(0).randbytes(600_000)  # does not compress, so that the archive has a middle


def archive(files: dict[str, bytes | str], links: dict[str, str] | None = None) -> bytes:
    """A .txz of executable files and of symbolic links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
        for name, target in (links or {}).items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            tar.addfile(entry)
    return buffer.getvalue()


SFPI = archive(
    {PROOF: COMPILER, "sfpi/include/filling": FILLING}, {"sfpi/compiler/bin/g++": "riscv-tt-elf-g++"}
)


@dataclass
class Server:
    """What the server on loopback has, how it misbehaves, and what it was asked."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    has_ranges: bool = True
    cuts: list[int] = field(default_factory=list)  # bytes after which an answer breaks off
    statuses: list[int] = field(default_factory=list)  # answered instead of the file
    held_after: int | None = None  # bytes after which an answer waits for `release`
    release: threading.Event = field(default_factory=threading.Event)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    @property
    def ranges(self) -> list[str | None]:
        """The Range headers, in the order they came."""
        return [asked for _, asked in self.asked]


def handler_of(server: Server) -> type[BaseHTTPRequestHandler]:
    """Answers GET from `server`."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 20

        def do_GET(self) -> None:
            asked = self.headers["Range"]
            server.asked.append((self.path, asked))
            status = server.statuses.pop(0) if server.statuses else 200
            data = server.files.get(self.path)
            if status != 200 or data is None:
                self.send_error(status if status != 200 else 404)
                return
            first = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and server.has_ranges else 0
            if first >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if first else 200)
            if first:
                self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - first))
            self.end_headers()
            self._send(data[first:])

        def _send(self, body: bytes) -> None:
            if server.cuts:
                self.wfile.write(body[: server.cuts.pop(0)])
            elif server.held_after is not None:
                self.wfile.write(body[: server.held_after])
                self.wfile.flush()
                server.release.wait(20)
            else:
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing on stderr."""

    return Handler


class QuietServer(ThreadingHTTPServer):
    """A client that went away is no news."""

    def handle_error(self, *_: Any) -> None:
        """Nothing on stderr."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on loopback that has the archive of SFPI."""
    state = Server(files={ARCHIVE: SFPI})
    with QuietServer(("127.0.0.1", 0), handler_of(state)) as http:
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        state.address = f"http://127.0.0.1:{http.server_port}"
        yield state
        state.release.set()
        http.shutdown()
        thread.join()


@pytest.fixture
def ttnn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed ttnn, as far as the toolchain looks at it; importing it fails."""
    package = tmp_path / "site" / "ttnn"
    (package / "tt_metal" / "soc_descriptors").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('ttnn is only to be located')")
    for name in ("wormhole_b0_80_arch", "blackhole_140_arch"):
        (package / "tt_metal" / "soc_descriptors" / f"{name}.yaml").write_text(f"of: {name}")
    monkeypatch.delitem(sys.modules, "ttnn", raising=False)
    monkeypatch.syspath_prepend(str(package.parent))
    state_sfpi(package, SFPI)
    return package


def state_sfpi(package: Path, content: bytes, hash_type: str = "sha256") -> str:
    """Let ttnn state the hash of `content`; the hash."""
    sha256 = hashlib.sha256(content).hexdigest()
    (package / "tt_metal" / "sfpi-version").write_text(
        f"# sfpi release {VERSION}\n\nsfpi_repo='https://github.com/tenstorrent/sfpi'\n"
        f"sfpi_version='{VERSION}'\nsfpi_base=''\nsfpi_hashtype='{hash_type}'\n"
        f"sfpi_x86_64_debian_txz_hash='{sha256}'\nsfpi_aarch64_debian_txz_hash='{'0' * 64}'\n"
    )
    return sha256


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, server: Server, ttnn: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ttci's cache, which does not exist yet."""
    settings = {
        "TTCI_CACHE": str(tmp_path / "cache"),
        "TTCI_DOWNLOAD_URL": server.address,
        "TTCI_SFPI_PLATFORM": "x86_64_debian",
        "no_proxy": "*",
        "PYTHONPATH": f"{ttnn.parent}{os.pathsep}{ROOT}",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    for name in ("TTCI_TTSIM_VERSION", "TTCI_TTSIM_SHA256", "TTCI_DOWNLOAD_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(download, "_PAUSES_S", (0.0, 0.0))
    monkeypatch.setattr(sfpi, "SYSTEM_FOLDER", tmp_path / "opt")
    return tmp_path / "cache"


@pytest.fixture
def installed(folder: Path) -> Path:
    """Where SFPI lies once it is installed."""
    return folder / f"sfpi-{VERSION}-{hashlib.sha256(SFPI).hexdigest()[:12]}"


def install_sfpi() -> list[Path]:
    return install_tools(["sfpi"])


def entries(folder: Path) -> set[str]:
    """What lies in the cache beside lock files."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"} if folder.is_dir() else set()


def start_install() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", INSTALL_SFPI], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_install_unpacks_the_archive_and_leaves_nothing_else(
    folder: Path, installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install(Namespace(tools=["sfpi"])) is ExitCode.OK

    assert entries(folder) == {installed.name}
    assert (installed / "include" / "filling").read_bytes() == FILLING
    assert (installed / "compiler" / "bin" / "g++").is_symlink()
    assert os.access(installed / "compiler" / "bin" / "riscv-tt-elf-g++", os.X_OK)
    assert f"SFPI {VERSION} is installed: {installed}" in capsys.readouterr().out
    state = sfpi_state()
    assert (state.is_here, state.path, state.wanted, state.missing) == (True, installed, VERSION, None)
    assert "ttnn" not in sys.modules


def test_second_call_downloads_nothing_and_says_so(
    server: Server, installed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert install_sfpi() == install_sfpi() == [installed]

    assert len(server.asked) == 1
    assert f"SFPI {VERSION} is here already: {installed}" in capsys.readouterr().out


def test_terminal_shows_a_bar_and_else_there_are_plain_lines(
    installed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install_sfpi()
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(ARCHIVE)
    assert second.endswith(str(installed))

    shutil.rmtree(installed)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for name in ("CI", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    install_sfpi()
    assert ARCHIVE not in capsys.readouterr().out


def test_lost_connection_is_resumed_in_the_same_call(server: Server, installed: Path) -> None:
    server.cuts = [100_000, 50_000]

    assert install_sfpi() == [installed]

    assert server.ranges == [None, "bytes=100000-", "bytes=150000-"]


def test_next_call_resumes_what_an_earlier_one_left(server: Server, folder: Path, installed: Path) -> None:
    server.cuts = [100_000, 0, 0]

    with pytest.raises(MachineryError, match=r"lost after 0\.1 MB of 0\.6 MB; the first 0\.1 MB are kept"):
        install_sfpi()
    assert entries(folder) == {f"{installed.name}.part"}

    assert install_sfpi() == [installed]
    assert server.ranges[-1] == "bytes=100000-"
    assert entries(folder) == {installed.name}


def test_server_without_ranges_sends_the_whole_file_again(server: Server, installed: Path) -> None:
    server.has_ranges, server.cuts = False, [100_000]

    assert install_sfpi() == [installed]

    assert (installed / "include" / "filling").read_bytes() == FILLING


@pytest.mark.parametrize("size", [1000, len(SFPI), len(SFPI) + 1000], ids=["part", "same size", "too long"])
def test_part_of_another_file_is_noticed_and_fetched_anew(
    server: Server, folder: Path, installed: Path, size: int
) -> None:
    folder.mkdir()
    (folder / f"{installed.name}.part").write_bytes(bytes(size))

    assert install_sfpi() == [installed]

    assert server.ranges == [f"bytes={size}-", None]
    assert (installed / "include" / "filling").read_bytes() == FILLING


def test_whole_part_needs_no_network(server: Server, folder: Path, installed: Path) -> None:
    folder.mkdir()
    (folder / f"{installed.name}.part").write_bytes(SFPI)

    assert install_sfpi() == [installed]

    assert server.asked == []


def test_wrong_hash_installs_nothing(server: Server, folder: Path) -> None:
    server.files[ARCHIVE] = SFPI[:-1] + b"?"

    with pytest.raises(MachineryError, match="is not the file it should be: its sha256 is") as raised:
        install_sfpi()

    assert hashlib.sha256(SFPI).hexdigest() in str(raised.value)
    assert entries(folder) == set()
    assert raised.value.exit_code is ExitCode.MACHINERY


def test_missing_file_is_said_at_once(server: Server, folder: Path) -> None:
    server.files.clear()

    with pytest.raises(MachineryError, match=rf"{ARCHIVE}: the server answers 404 .*TTCI_DOWNLOAD_URL"):
        install_sfpi()

    assert len(server.asked) == 1
    assert entries(folder) == set()


def test_busy_server_is_asked_again(server: Server, installed: Path) -> None:
    server.statuses = [503, 429]

    assert install_sfpi() == [installed]


def test_server_that_stays_broken_is_said(server: Server) -> None:
    server.statuses = [503] * 3

    with pytest.raises(MachineryError, match=r"the server answers 503 .*; try again"):
        install_sfpi()


def test_no_network_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTCI_DOWNLOAD_URL", "http://127.0.0.1:9")

    with pytest.raises(
        MachineryError, match=r"cannot be reached: .*refused.*TTCI_DOWNLOAD_URL names a mirror"
    ):
        install_sfpi()


def test_silent_server_ends_in_a_time_out(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.held_after = 100_000
    monkeypatch.setenv("TTCI_DOWNLOAD_TIMEOUT", "0.2")

    with pytest.raises(MachineryError, match=r"no answer for 0\.2 s; the first 0\.3 MB are kept"):
        install_sfpi()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no archive", "is no archive that can be unpacked"),
        (SFPI[: len(SFPI) // 2], "is no archive that can be unpacked"),
        (archive({PROOF: COMPILER, "../outside": "x"}), r"leaves its folder, \.\./outside"),
        (archive({PROOF: COMPILER}, {"sfpi/link": "/etc"}), "leaves its folder, sfpi/link"),
        (archive({PROOF: COMPILER}, {"sfpi/link": "../../.."}), "leaves its folder, sfpi/link"),
        (archive({"sfpi/readme": "x"}), "holds no sfpi/compiler/bin/riscv-tt-elf-g"),
    ],
    ids=["no archive", "cut", "path outside", "absolute link", "link outside", "no compiler"],
)
def test_bad_archive_leaves_nothing(
    server: Server, ttnn: Path, folder: Path, tmp_path: Path, content: bytes, message: str
) -> None:
    server.files[ARCHIVE] = content
    state_sfpi(ttnn, content)
    before = {path.name for path in tmp_path.iterdir()}

    with pytest.raises(MachineryError, match=f"{message}.*nothing is installed"):
        install_sfpi()

    assert entries(folder) == set()
    assert {path.name for path in tmp_path.iterdir()} == before | {"cache"}


def test_compiler_that_does_not_start_is_said(server: Server, ttnn: Path) -> None:
    broken = archive({PROOF: "#!/bin/sh\necho 'error while loading libmpc.so.3' >&2; exit 127\n"})
    server.files[ARCHIVE] = broken
    state_sfpi(ttnn, broken)

    for _ in range(2):
        with pytest.raises(MachineryError, match=r"is installed, but cannot be used here: .*libmpc\.so\.3"):
            install_sfpi()

    assert "libmpc.so.3" in str(sfpi_state())


def test_cache_that_cannot_be_made_is_said(folder: Path) -> None:
    folder.write_text("a file where the folder should be")

    with pytest.raises(MachineryError, match=r"cannot be written: .*; set TTCI_CACHE") as raised:
        install_sfpi()

    assert str(folder) in str(raised.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_cache_is_said(folder: Path) -> None:
    folder.mkdir(mode=0o500)

    with pytest.raises(MachineryError, match="cannot be written: Permission denied; set TTCI_CACHE"):
        install_sfpi()


def test_full_disk_is_said_and_given_back_its_room(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = download._Part.append

    def full(part: download._Part, chunk: bytes) -> None:
        append(part, chunk[:1000])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(download._Part, "append", full)

    with pytest.raises(MachineryError, match="there is no room left in the cache"):
        install_sfpi()

    assert entries(folder) == set()


def test_eight_processes_install_one_copy(server: Server, folder: Path, installed: Path) -> None:
    processes = [start_install() for _ in range(8)]
    outputs = [process.communicate(timeout=60)[0] for process in processes]

    assert [process.returncode for process in processes] == [0] * 8, outputs
    assert len(server.asked) == 1
    assert entries(folder) == {installed.name}


def test_killed_process_leaves_neither_its_lock_nor_a_half(
    server: Server, folder: Path, installed: Path
) -> None:
    server.held_after = 100_000
    part = folder / f"{installed.name}.part"
    with start_install() as process:
        wait_for(lambda: part.exists() and part.stat().st_size == 100_000)
        process.send_signal(signal.SIGKILL)
    scratch = folder / f".{installed.name}.left"  # as a process leaves it that is killed while it unpacks
    scratch.mkdir()
    server.held_after = None

    assert install_sfpi() == [installed]

    assert server.ranges == [None, "bytes=100000-"]
    assert entries(folder) == {installed.name}


def test_waiting_process_goes_on_when_the_lock_s_holder_dies(
    server: Server, folder: Path, installed: Path
) -> None:
    server.held_after = 100_000
    with start_install() as holder:
        wait_for(lambda: len(server.asked) == 1)
        with start_install() as waiting:
            assert waiting.stdout is not None
            assert "another process: waiting for it" in waiting.stdout.readline()
            server.held_after = None
            holder.send_signal(signal.SIGKILL)
            output = waiting.communicate(timeout=60)[0]
    assert waiting.returncode == 0, output
    assert entries(folder) == {installed.name}


def test_interrupt_keeps_the_part(server: Server, folder: Path, installed: Path) -> None:
    server.held_after = 100_000
    part = folder / f"{installed.name}.part"
    with start_install() as process:
        wait_for(lambda: part.exists() and part.stat().st_size == 100_000)
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=60)[0]

    assert "interrupted; what has come is kept, and the same command goes on from there" in output
    assert entries(folder) == {part.name}
    assert part.stat().st_size == 100_000


def test_no_ttnn_is_said(ttnn: Path) -> None:
    ttnn.rename(ttnn.with_name("gone"))

    with pytest.raises(MachineryError, match=r"^ttnn is not installed in this Python; [^\n]*$"):
        install_tools()

    assert "ttnn is not installed" in str(sfpi_state())
    assert "ttnn is not installed" in str(ttsim_state())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "states no sfpi_repo, sfpi_version and sha256 hashes; ttci needs ttnn 0.80 or newer"),
        (None, "cannot be read: .*; ttci needs ttnn 0.80 or newer"),
        ("sfpi_repo=a\nsfpi_version=1\nsfpi_hashtype=md5\n", "states no .*sha256 hashes"),
        (
            "sfpi_repo=a\nsfpi_version=1\nsfpi_hashtype=sha256\nsfpi_x86_64_debian_txz_hash=5\n",
            '"5" is no sha256 of 64',
        ),
    ],
)
def test_ttnn_that_states_no_hashes_is_said(ttnn: Path, text: str | None, message: str) -> None:
    file = ttnn / "tt_metal" / "sfpi-version"
    file.unlink()
    if text is not None:
        file.write_text(text)

    with pytest.raises(MachineryError, match=message):
        install_sfpi()

    assert not sfpi_state().is_here


def test_host_without_an_asset_is_told_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTCI_SFPI_PLATFORM", "aarch64_fedora")

    with pytest.raises(
        MachineryError, match="for this host, aarch64_fedora; there is: aarch64_debian, x86_64_deb"
    ):
        install_sfpi()

    assert "aarch64_fedora" in str(sfpi_state())


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        ({"ID": "debian"}, "debian"),
        ({"ID": "ubuntu", "ID_LIKE": "debian"}, "debian"),
        ({"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "fedora"),
        ({"ID": "arch"}, "arch"),
        ({}, "unknown"),
    ],
)
def test_host_is_named_as_upstream_names_it(
    monkeypatch: pytest.MonkeyPatch, system: dict[str, str], expected: str
) -> None:
    monkeypatch.delenv("TTCI_SFPI_PLATFORM")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: system)

    assert host_platform() == f"aarch64_{expected}"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("TTCI_DOWNLOAD_URL", "file:///etc", "is no http:// or https:// address"),
        ("TTCI_DOWNLOAD_TIMEOUT", "soon", "is no number of seconds above 0"),
        ("TTCI_DOWNLOAD_TIMEOUT", "-1", "is no number of seconds above 0"),
        ("TTCI_TTSIM_VERSION", "../x", "is no release of ttsim"),
    ],
)
def test_wrong_setting_is_the_users_mistake(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(InputError, match=rf"^{name}: .* {message}"):
        install_tools(["ttsim"] if "TTSIM" in name else ["sfpi"])


def test_unknown_tool_is_the_users_mistake() -> None:
    with pytest.raises(InputError, match='there is no tool "sfpy"; did you mean "sfpi"'):
        install_tools(["sfpy"])


def test_state_finds_sfpi_in_ttnn_and_in_the_system(ttnn: Path, tmp_path: Path) -> None:
    assert str(sfpi_state()) == f"SFPI {VERSION} is not here; ttci toolchain install sfpi gets it"
    compiler = Path("compiler", "bin", "riscv-tt-elf-g++")
    for place, version in ((ttnn / "runtime" / "sfpi", "7.1.0"), (tmp_path / "opt", VERSION)):
        (place / compiler).parent.mkdir(parents=True)
        (place / compiler).write_text(COMPILER.replace(VERSION, version))
        (place / compiler).chmod(0o755)

    assert sfpi_state().path == tmp_path / "opt"

    (tmp_path / "opt" / compiler).unlink()
    assert f"{ttnn / 'runtime' / 'sfpi'} is SFPI 7.1.0; ttci toolchain install" in str(sfpi_state())


LIBRARIES = {"libttsim_wh.so": b"\x7fELF wh", "libttsim_bh.so": b"\x7fELF bh"}


@pytest.fixture
def ttsim(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The server has a release of ttsim, v2.0.0, with its page."""
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("TTCI_TTSIM_VERSION", "2.0.0")
    page = [
        {"name": name, "digest": f"sha256:{hashlib.sha256(content).hexdigest()}"}
        for name, content in LIBRARIES.items()
    ]
    server.files[f"{TAG_PAGE}v2.0.0"] = json.dumps({"assets": page}).encode()
    for name, content in LIBRARIES.items():
        server.files[f"/tenstorrent/ttsim/releases/download/v2.0.0/{name}"] = content
    return "v2.0.0"


def test_ttsim_lies_beside_the_descriptor_of_its_chip(ttsim: str, folder: Path, ttnn: Path) -> None:
    assert str(ttsim_state("bh")) == f"ttsim {ttsim} (bh) is not here; ttci toolchain install ttsim gets it"

    install_tools(["ttsim"])

    for chip, descriptor in (("wh", "wormhole_b0_80_arch"), ("bh", "blackhole_140_arch")):
        library = ttsim_state(chip).path
        assert library is not None
        assert library.name == f"libttsim_{chip}.so"
        assert library.read_bytes() == LIBRARIES[library.name]
        assert library.with_name("soc_descriptor.yaml").read_text() == f"of: {descriptor}"
    assert len(entries(folder)) == 2
    (ttnn / "tt_metal" / "soc_descriptors" / "wormhole_b0_80_arch.yaml").write_text("of another ttnn")
    assert not ttsim_state("wh").is_here


def test_ttsim_of_aarch64_has_another_asset(
    ttsim: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")

    with pytest.raises(
        MachineryError, match=f"ttsim {ttsim} has no libttsim_wh_aarch64.so; there is: libttsim_bh"
    ):
        install_tools(["ttsim"])

    assert {path for path, _ in server.asked} == {f"{TAG_PAGE}v2.0.0"}


def test_ttsim_without_a_stated_hash_is_not_installed(ttsim: str, server: Server, folder: Path) -> None:
    server.files[f"{TAG_PAGE}{ttsim}"] = json.dumps(
        {"assets": [{"name": name} for name in LIBRARIES]}
    ).encode()

    with pytest.raises(MachineryError, match=r"states no sha256 of libttsim_wh\.so, and nothing unverified"):
        install_tools(["ttsim"])

    assert entries(folder) == set()


@pytest.mark.parametrize("text", ["no json", "[]", '{"assets": [1, {"name": null}]}'])
def test_release_page_that_makes_no_sense_is_said(ttsim: str, server: Server, text: str) -> None:
    server.files[f"{TAG_PAGE}{ttsim}"] = text.encode()

    with pytest.raises(
        MachineryError, match=r"does not answer with JSON|has no libttsim_wh\.so; there is: none"
    ):
        install_tools(["ttsim"])


def test_hash_of_ttsim_can_be_stated_by_the_user(
    ttsim: str, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = [f"{name}={hashlib.sha256(content).hexdigest()}" for name, content in LIBRARIES.items()]
    monkeypatch.setenv("TTCI_TTSIM_SHA256", " ".join(stated))
    del server.files[f"{TAG_PAGE}{ttsim}"]

    assert len(install_tools(["ttsim"])) == 2


@pytest.mark.parametrize("form", ["tag", "assignments"])
def test_release_that_ttnn_names_is_taken(
    ttsim: str, server: Server, ttnn: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.delenv("TTCI_TTSIM_VERSION")
    hashes = [
        f"ttsim_{name[9:11]}_so_hash='{hashlib.sha256(content).hexdigest()}'"
        for name, content in LIBRARIES.items()
    ]
    assignments = ["ttsim_version='2.0.0'", 'ttsim_tag="v${ttsim_version}"', *hashes]
    text = f"{ttsim}\n" if form == "tag" else "\n".join(assignments)
    (ttnn / "tt_metal" / "ttsim-version").write_text(text)

    assert len(install_tools(["ttsim"])) == 2

    pages = [path for path, _ in server.asked if path.startswith(TAG_PAGE)]
    assert len(pages) == (2 if form == "tag" else 0)


def test_one_tool_that_cannot_be_had_does_not_keep_the_others_away(
    ttsim: str, server: Server, folder: Path
) -> None:
    del server.files[ARCHIVE]

    with pytest.raises(MachineryError, match="404"):
        install_tools()

    assert {name[: len(f"ttsim-{ttsim}-wh")] for name in entries(folder)} == {
        f"ttsim-{ttsim}-wh",
        f"ttsim-{ttsim}-bh",
    }


def test_token_goes_to_github_alone(monkeypatch: pytest.MonkeyPatch, server: Server) -> None:
    seen: list[Any] = []

    def answer(request: Any) -> Any:
        seen.append(request)
        raise MachineryError("enough")

    monkeypatch.setenv("GH_TOKEN", "a-token")
    monkeypatch.setattr(download, "_answer", answer)
    for url in ("https://api.github.com/x", f"{server.address}/x"):
        with pytest.raises(MachineryError, match="enough"):
            download.read_json(url)

    assert [request.has_header("Authorization") for request in seen] == [True, False]
    assert "Authorization" not in seen[0].headers  # those are sent on after a redirect


def test_cache_is_the_users_unless_one_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    assert files.cache_folder() == folder
    monkeypatch.delenv("TTCI_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert files.cache_folder() == Path("/somewhere/ttci")
