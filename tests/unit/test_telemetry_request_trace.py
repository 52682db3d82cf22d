"""Which trace a request belongs to."""

from __future__ import annotations

import re

import pytest

from runner.telemetry.request_trace import (
    RequestTrace,
    current,
    is_valid,
    new_ids,
    trace_in,
    trace_of,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01".encode()


def test_a_trace_is_taken_up() -> None:
    """As it came, whatever its flags."""
    trace = trace_of([(b"host", b"a"), (b"traceparent", VALID)])
    assert (trace.traceparent, trace.trace_id) == (VALID, TRACE)
    assert is_valid(f"00-{TRACE}-{SPAN}-00".encode())


@pytest.mark.parametrize(
    "value",
    [
        b"",
        VALID + b"-",
        VALID + b"-more",
        VALID + b"\n",
        b" " + VALID,
        VALID.upper(),
        VALID[3:],
        b"ff" + VALID[2:],
        f"00-{'0' * 32}-{SPAN}-01".encode(),
        f"00-{TRACE}-{'0' * 16}-01".encode(),
        f"00-{TRACE}-{SPAN}-0".encode(),
        f"00-{TRACE}-{SPAN}-0g".encode(),
        f"00_{TRACE}_{SPAN}_01".encode(),
        f"01-{TRACE}-{SPAN}-01more".encode(),
    ],
)
def test_what_is_not_as_recommended_is_ignored(value: bytes) -> None:
    """It is no error, and no trace."""
    trace = trace_of([(b"traceparent", value)])
    assert (trace.traceparent, trace.trace_id) == (b"", "")


@pytest.mark.parametrize("rest", [b"", b"-", b"-what will be"])
def test_a_later_version_is_read_as_far_as_it_is_known(rest: bytes) -> None:
    """Source: W3C Trace Context, 3.2.4."""
    trace = trace_of([(b"traceparent", b"cc" + VALID[2:] + rest)])
    assert trace.trace_id == TRACE


def test_two_of_them_are_none() -> None:
    """Nobody knows which is meant."""
    assert trace_of([(b"traceparent", VALID)] * 2).trace_id == ""


def test_a_request_has_a_name_of_its_own() -> None:
    """The same whenever it is asked for, and no other request's."""
    one, other = RequestTrace(VALID), RequestTrace()
    assert one.id == one.id
    assert one.id != other.id
    given = other.id
    other.take_id("another")
    assert other.id == given
    names = new_ids(300)
    assert len({*names}) == 300
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)


def test_what_is_done_for_a_request_knows_it() -> None:
    """And nothing before and behind it."""
    trace = RequestTrace()
    assert trace.run(current.get) is trace
    assert current.get() is None


def test_a_head_that_nobody_parses_is_answered_likewise() -> None:
    """As the supervisor does it while nothing serves."""
    head = b"GET / HTTP/1.1\r\nHost: a\r\nTraceParent: \t%b \r\n\r\n"
    assert trace_in(head % VALID).echo() == b"traceparent: %b\r\n" % VALID
    assert trace_in(head % b"a").echo() == b""
    twice = b"\r\ntraceparent: %b" % VALID
    assert trace_in(b"GET / HTTP/1.1" + twice + twice + b"\r\n\r\n").echo() == b""


def test_time_grows_with_the_head() -> None:
    """Whatever it repeats: the supervisor has no time for more."""
    spaces = b" " * 500_000
    assert trace_in(b"GET / HTTP/1.1\r\ntraceparent: a%bb\r\n\r\n" % spaces).echo() == b""
