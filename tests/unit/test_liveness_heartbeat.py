"""Whether something turns, by questions and answers, with a clock that is moved by hand."""

from __future__ import annotations

from runner.liveness.heartbeat import Heartbeat


def silent_after(beat: Heartbeat, *times: float) -> bool:
    for now in times:
        beat.look(now)
    return beat.is_overdue


def test_who_answers_is_never_overdue() -> None:
    """Each answer makes room for the next question."""
    beat = Heartbeat(8.0)
    for now in range(100):
        assert beat.look(float(now))
        beat.answered()
        assert not beat.is_overdue


def test_who_does_not_answer_is_overdue_after_the_timeout() -> None:
    """It counts from the first question, which is asked once."""
    beat = Heartbeat(8.0)
    assert beat.look(0.0)
    assert [beat.look(float(now)) for now in range(1, 8)] == [False] * 7
    assert not beat.is_overdue
    assert silent_after(beat, 8.0)


def test_time_in_which_nobody_looked_proves_nothing() -> None:
    """A machine that slept, or a tree of processes that was stopped, comes back to one look."""
    beat = Heartbeat(8.0)
    assert not silent_after(beat, 0.0, 1000.0, 2000.0)
    beat.answered()
    assert not silent_after(beat, 3000.0, 4000.0)


def test_a_recovery_begins_anew() -> None:
    """Silence before an answer is forgiven."""
    beat = Heartbeat(8.0)
    silent_after(beat, *map(float, range(8)))
    beat.answered()
    assert not silent_after(beat, 8.0, 9.0)


def test_without_a_timeout_nothing_is_ever_due() -> None:
    """Neither a look nor its answer."""
    beat = Heartbeat(0.0)
    assert beat.due_at(5.0) == float("inf")
    assert not silent_after(beat, *map(float, range(100)))
