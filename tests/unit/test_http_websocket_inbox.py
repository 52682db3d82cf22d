"""What an app hears of its WebSocket waits for it, in order, and ends once."""

from __future__ import annotations

import asyncio

from runner.http.websocket_inbox import Inbox


def test_the_end_comes_behind_all_messages_and_stays() -> None:
    """Nothing comes behind it, and whoever asks again hears it again."""

    async def heard() -> list[str]:
        inbox = Inbox()
        inbox.put("a")
        inbox.tell_end(1001, "")
        inbox.tell_end(1006, "")
        inbox.put("b")
        return [str((await inbox.get()).get("text", inbox.size)) for _ in range(4)]

    assert asyncio.run(heard()) == ["513", "a", "256", "256"]


def test_two_who_ask_are_both_answered() -> None:
    """An app may have several tasks that receive; one that gives up takes nothing along."""

    async def heard() -> set[str]:
        inbox = Inbox()
        await inbox.get()
        askers = [asyncio.ensure_future(inbox.get()) for _ in range(3)]
        await asyncio.sleep(0)
        askers.pop().cancel()
        await asyncio.sleep(0)
        inbox.put("a")
        inbox.put("b")
        async with asyncio.timeout(20):
            return {message["text"] for message in await asyncio.gather(*askers)}

    assert asyncio.run(heard()) == {"a", "b"}


def test_it_is_full_until_the_app_takes_some() -> None:
    """Each message counts a little besides its bytes."""

    async def filled() -> list[bool]:
        inbox, found = Inbox(), []
        for size in (60_000, 6_000, 0):
            inbox.put(b"a" * size)
            found.append(inbox.is_full)
        for _ in range(2):
            await inbox.get()
        return [*found, inbox.is_full]

    assert asyncio.run(filled()) == [False, True, True, False]
