"""What a worker and the process that starts it say to each other: JSON, a message a line, over a socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any, TypeAlias

Message: TypeAlias = dict[str, Any]
_MOST_BYTES = 1 << 20  # at once


class EndedError(Exception):
    """The other end is no longer there."""


class Line:
    """One end."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting = b""

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message.

        Raises:
            EndedError: the other end is gone.
        """
        try:
            self._connection.sendall(json.dumps(message, default=str).encode() + b"\n")
        except OSError:
            raise EndedError from None

    def receive(self, seconds: float | None = None) -> Message:
        """Wait for the next message, at most so long.

        Raises:
            TimeoutError: none came.
            EndedError: the other end is gone.
        """
        self._connection.settimeout(seconds)
        while b"\n" not in self._waiting:
            try:
                read = self._connection.recv(_MOST_BYTES)
            except ConnectionError:
                read = b""
            if not read:
                raise EndedError
            self._waiting += read
        line, _, self._waiting = self._waiting.partition(b"\n")
        found: Message = json.loads(line)
        return found

    def close(self) -> None:
        """Let the other end know that there is no more."""
        self._connection.close()


def send_with_socket(
    connection: socket.socket, message: Mapping[str, Any], passed: socket.socket | None
) -> None:
    """Send a message, and with it one end of another connection.

    Raises:
        EndedError: the other end is gone.
    """
    data = json.dumps(message).encode() + b"\n"
    try:
        socket.send_fds(connection, [data], [passed.fileno()] if passed else [])
    except OSError:
        raise EndedError from None


def receive_with_socket(connection: socket.socket) -> tuple[Message, list[socket.socket]]:
    """The next message of `send_with_socket`; the last must have been answered.

    Raises:
        EndedError: the other end is gone.
    """
    data, passed = b"", list[int]()
    while not data.endswith(b"\n"):
        part, descriptors, _, _ = socket.recv_fds(connection, _MOST_BYTES, 1)
        if not part:
            raise EndedError
        data += part
        passed += descriptors
    return json.loads(data), [socket.socket(fileno=descriptor) for descriptor in passed]
