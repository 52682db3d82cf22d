"""Hold an app that a notebook's server call has left to be served, and let its task wait."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runner.serving.tls_asked import Asked


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdoptedApp:
    """Hold what is to be served.

    Attributes:
        app: An ASGI or WSGI callable.
        requested: The address that the server call asked for; empty if there was no call.
        unused: What of the call is not followed, in words.
        options: Variables of ours that mean what the call says, for where they are not given.
        tls: By what the call asks for TLS.
        name: What it is, in words.
        turn: When it may serve, if a task awaits that.
    """

    app: Any
    requested: str = ""
    unused: Sequence[str] = ()
    options: Mapping[str, str] = dataclasses.field(default_factory=dict)
    tls: Asked = None
    name: str = "a call of a server"
    turn: Turn | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop of the task that awaits it."""
        return self.turn.loop if self.turn is not None else None


class Turn:
    """Let a task wait until it may serve, or need not any more; and others until it has.

    Attributes:
        loop: The task's.
        task: Itself.
    """

    def __init__(self) -> None:
        self.loop, self.task = asyncio.get_running_loop(), asyncio.current_task()
        self._begun, self._over = asyncio.Event(), asyncio.Event()

    def begin(self) -> None:
        """Let it serve; callable from any thread."""
        self.loop.call_soon_threadsafe(self._begun.set)

    def end(self) -> None:
        """Tell that it has, or that another has."""
        self._begun.set()
        self._over.set()

    async def is_given(self) -> bool:
        """Wait until it may serve, or another has."""
        await self._begun.wait()
        return not self._over.is_set()

    async def is_over(self) -> None:
        """Wait until it has."""
        await self._over.wait()
