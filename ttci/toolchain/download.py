"""One file over HTTP: resumed where an earlier call stopped, and verified.

urllib is enough: it follows GitHub's redirects, keeps the Range header on them and
honours the usual proxy variables; a dependency on the light floor would bring no more.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from ttci import __version__
from ttci.errors import InputError, MachineryError, quoted

Progress: TypeAlias = Callable[[int, "int | None"], None]  # bytes here, and of how many

_CHUNK = 1 << 18
_TIMEOUT_S = 30.0
_PAUSES_S = (1.0, 2.0, 4.0)  # before another attempt
_PASSING = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_BEGINS_AT = re.compile(r"bytes (?P<first>\d+)-")
_API_HOST = "api.github.com"
_MIRROR = "TTCI_DOWNLOAD_URL names a mirror to take instead"


class _PassingError(Exception):
    """A failure that another attempt may not meet."""


class _RangeError(MachineryError):
    """The server has no such part of the file as was asked for."""


class _Part:
    """The file as far as it is here, and its hash so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reset()
        if path.exists():
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    self._count(chunk)

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()

    def append(self, chunk: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(chunk)
        self._count(chunk)

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)
        self._reset()

    def _reset(self) -> None:
        self._hash, self.size = hashlib.sha256(), 0

    def _count(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self.size += len(chunk)


def download(url: str, sha256: str, path: Path, progress: Progress) -> None:
    """Make `path` the file at `url`; what is there already is gone on from.

    Raises:
        MachineryError: where the network or the server failed, and what came is kept to be
            resumed; or where the file has another hash, and it is removed.
        OSError: where `path` cannot be written.
    """
    part = _Part(path)
    is_resumed = part.size > 0
    if part.sha256 == sha256:
        return
    _attempt_each(lambda: _get_rest(url, part, progress), url, part)
    if part.sha256 != sha256 and is_resumed:  # what was left may be of another file
        part.clear()
        _attempt_each(lambda: _get_rest(url, part, progress), url, part)
    if part.sha256 != sha256:
        found = part.sha256
        part.clear()
        raise MachineryError(
            f"{url} is not the file it should be: its sha256 is {found} and not {sha256}; "
            "it was removed, and nothing is installed"
        )


def read_json(url: str) -> Any:
    """The JSON document at `url`.

    Raises:
        MachineryError: where it cannot be had.
    """
    text = b""

    def get() -> None:
        nonlocal text
        with _opened(url, 0) as response:
            text = b"".join(_chunks(response))

    _attempt_each(get, url)
    try:
        return json.loads(text)
    except ValueError:
        raise MachineryError(f"{url} does not answer with JSON") from None


def megabytes(size: int) -> str:
    """A size for a person to read."""
    return f"{size / 1e6:.1f} MB"


def _attempt_each(attempt: Callable[[], None], url: str, part: _Part | None = None) -> None:
    for pause in (*_PAUSES_S, None):
        try:
            return attempt()
        except _PassingError as error:
            if pause is None:
                raise MachineryError(f"{url}: {error}{_kept(part)}; try again") from None
            time.sleep(pause)
    return None


def _kept(part: _Part | None) -> str:
    return f"; the first {megabytes(part.size)} are kept, to go on from" if part and part.size else ""


def _get_rest(url: str, part: _Part, progress: Progress) -> None:
    try:
        _append_rest(url, part, progress)
    except _RangeError:
        part.clear()
        _append_rest(url, part, progress)


def _append_rest(url: str, part: _Part, progress: Progress) -> None:
    with _opened(url, part.size) as response:
        if response.status == HTTPStatus.OK:
            part.clear()  # a server without ranges sends the whole file
        length = response.headers.get("Content-Length", "")
        total = part.size + int(length) if length.isdigit() else None
        progress(part.size, total)
        for chunk in _chunks(response):
            part.append(chunk)
            progress(part.size, total)
    if total is not None and part.size < total:
        raise _PassingError(f"the connection was lost after {megabytes(part.size)} of {megabytes(total)}")


def _chunks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body as it comes: what came before a failure is not lost."""
    try:
        while chunk := response.read1(_CHUNK):
            yield chunk
    except TimeoutError:
        raise _PassingError(f"no answer for {_timeout():g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise _PassingError(f"the connection was lost ({error})") from None


@contextmanager
def _opened(url: str, first_byte: int) -> Iterator[http.client.HTTPResponse]:
    """The answer of the server: the whole file, or the rest of it from `first_byte` on."""
    request = urllib.request.Request(url, headers={"User-Agent": f"ttci/{__version__}"})
    if first_byte:
        request.add_header("Range", f"bytes={first_byte}-")
    token = os.environ.get("GH_TOKEN") or os.environ.get("GITHUB_TOKEN")
    if token and urlsplit(url).hostname == _API_HOST:  # without it GitHub soon answers 403 on shared hosts
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    with _answer(request) as response:
        if response.status == HTTPStatus.PARTIAL_CONTENT:
            begins_at = _BEGINS_AT.match(response.headers.get("Content-Range", ""))
            if not first_byte or not begins_at or int(begins_at["first"]) != first_byte:
                raise _RangeError(f"{url} answers with another part of the file than it was asked for")
        elif response.status != HTTPStatus.OK:
            raise MachineryError(f"{url} answers {response.status} {response.reason}")
        yield response


def _answer(request: urllib.request.Request) -> http.client.HTTPResponse:
    url = request.full_url
    try:
        response = urllib.request.urlopen(request, timeout=_timeout())
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise _RangeError(f"{url} has no such part") from None
        if error.code in _PASSING or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise _PassingError(f"the server answers {error.code} {error.reason}") from None
        raise MachineryError(f"{url}: the server answers {error.code} {error.reason}; {_MIRROR}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(why, TimeoutError):
            why = f"no answer for {_timeout():g} s"
        raise MachineryError(f"{url} cannot be reached: {why}; {_MIRROR}") from None
    assert isinstance(response, http.client.HTTPResponse)
    return response


def _timeout() -> float:
    text = os.environ.get("TTCI_DOWNLOAD_TIMEOUT")
    if not text:
        return _TIMEOUT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise InputError(f"TTCI_DOWNLOAD_TIMEOUT: {quoted(text)} is no number of seconds above 0")
    return seconds
