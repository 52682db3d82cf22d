"""Keep what an app is to hear of its WebSocket until it asks, in the form of ASGI's messages."""

from __future__ import annotations

import asyncio
import collections
from typing import Any

_MOST = 65_536  # bytes of messages that the app has not taken
_EACH = 256  # that a message takes besides

Message = dict[str, Any]


class Inbox:
    """Hold messages, from the handshake to the end of the connection, which is told once.

    Attributes:
        size: Bytes of what waits.
        is_told: The last message is here: nothing comes behind it.
    """

    __slots__ = ("_has_some", "_waiting", "is_told", "size")

    def __init__(self) -> None:
        self._waiting: collections.deque[Message] = collections.deque()
        self._has_some = asyncio.Event()
        self.size, self.is_told = 0, False
        self._add({"type": "websocket.connect"})

    @property
    def is_full(self) -> bool:
        """Tell that the app has to take some before there is more."""
        return self.size > _MOST

    def put(self, data: bytes | str) -> None:
        """Add what the client sent; behind the end nothing."""
        if not self.is_told:
            kind = "text" if isinstance(data, str) else "bytes"
            self._add({"type": "websocket.receive", kind: data})

    def tell_end(self, code: int, reason: str) -> None:
        """Add the end, once."""
        if not self.is_told:
            self._add({"type": "websocket.disconnect", "code": code, "reason": reason})
            self.is_told = True

    async def get(self) -> Message:
        """Give the next message; the end again and again."""
        while not self._waiting:
            self._has_some.clear()
            await self._has_some.wait()
        if self.is_told and len(self._waiting) == 1:
            await asyncio.sleep(0)  # an app may ask without end
            return self._waiting[0]
        message = self._waiting.popleft()
        self.size -= _size_of(message)
        return message

    def _add(self, message: Message) -> None:
        self._waiting.append(message)
        self.size += _size_of(message)
        self._has_some.set()


def _size_of(message: Message) -> int:
    return _EACH + len(message.get("bytes") or message.get("text") or b"")
