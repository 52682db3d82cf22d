"""Frame what our processes say to each other: objects of JSON, one a line, of bounded length.

Orders to a run go by its stdin, the command line and kernels speak by Unix sockets; all of
them use these lines.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import IO, Any

from runner.errors import ConfigurationError

METRICS_MIME = "application/vnd.runner.metrics+json"
"""Of the display by which a kernel hands a run's metrics to its record."""

LONGEST = 16 * 1024 * 1024  # bytes of a line; parameters may hold data

Message = dict[str, Any]


class WireError(ConfigurationError, ValueError):
    """What came is no line of ours: not JSON, no object, or too long."""


def encode(message: Message) -> bytes:
    """Write a message as a line; what JSON does not know is written as text.

    Raises:
        WireError: It is too long.
    """
    line = json.dumps(message, default=str).encode() + b"\n"
    if len(line) > LONGEST:
        raise WireError(f"a message of {len(line)} bytes; at most {LONGEST} can be sent")
    return line


def decode(line: bytes) -> Message:
    """Read a message.

    Raises:
        WireError: It is none.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON: {line[:60]!r}") from error
    if not isinstance(message, dict):
        raise WireError(f"not an object: {line[:60]!r}")
    return message


class Lines:
    """Cut what arrives into messages."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes; give the messages that are whole by now.

        Raises:
            WireError: One is none, or too long.
        """
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LONGEST:
            raise WireError(f"a line of more than {LONGEST} bytes")
        return [decode(line) for line in whole if line]


def messages(stream: IO[bytes]) -> Iterator[Message]:
    """Read messages from a blocking stream until its end; a line cut short by that is dropped.

    Raises:
        WireError: One is none, or too long.
    """
    while (line := stream.readline(LONGEST + 1)).endswith(b"\n"):
        yield decode(line)
    if len(line) > LONGEST:
        raise WireError(f"a line of more than {LONGEST} bytes")


async def receive(reader: asyncio.StreamReader) -> Message | None:
    """Read one message from a stream whose ``limit`` is ``LONGEST``; None at its end.

    Raises:
        WireError: It is none, or too long.
    """
    try:
        line = await reader.readline()
    except ValueError as error:
        raise WireError(f"a line of more than {LONGEST} bytes") from error
    return decode(line) if line.endswith(b"\n") else None
