"""Tell how long a client has to send one request, if it is held up by others meanwhile."""

from __future__ import annotations

from runner.access.refusal import RefusedRequestError


class SendingTime:
    """Be the time of one request.

    The time that it is held up does not count, but may not be longer either.

    Args:
        now: When it began, by the loop's clock.
        seconds: How long it may take.
    """

    __slots__ = ("_end", "_held_up_since", "_seconds", "_waited")

    def __init__(self, now: float, seconds: float) -> None:
        self._end, self._seconds = now + seconds, seconds
        self._waited = 0.0
        self._held_up_since: float | None = None

    def hold_up(self, now: float) -> None:
        """Stop the clock."""
        self._held_up_since = now

    def go_on(self, now: float) -> None:
        """Let it run again."""
        if self._held_up_since is not None:
            waited = now - self._held_up_since
            self._held_up_since = None
            self._waited += waited
            self._end += waited

    def spent(self, now: float) -> float:
        """Give the seconds for which it was not held up."""
        return (now if self._held_up_since is None else self._held_up_since) - (
            self._end - self._seconds
        )

    def left(self, now: float) -> float:
        """Give the seconds after which one or the other has taken too long; 0 or less: it has."""
        if self._held_up_since is None:
            return self._end - now
        return self._seconds - self._waited - (now - self._held_up_since)


def late(seconds: float) -> RefusedRequestError:
    """Refuse a request that took longer than so many seconds."""
    return RefusedRequestError(408, f"the request did not arrive within {seconds:g} s")
