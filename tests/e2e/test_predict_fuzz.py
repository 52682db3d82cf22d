"""Bodies that are wrong in every way get an answer below 500, on either way through a server."""

from __future__ import annotations

import itertools
import random
import urllib.parse
from collections.abc import Iterator

import numpy as np
import pytest
from fuzzing import Account, frame, fuzz
from mutations import KINDS, Spoilt, spoil

from runner import serve

EXAMPLE = {"length": 5.1, "width": 3.5}
COUNT = 60 * len(KINDS)


class Model:
    """Compare two features."""

    def predict(self, rows: np.ndarray) -> np.ndarray:
        """Tell which is the larger."""
        return np.asarray(rows).argmax(axis=1)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    handle = serve(Model(), example=EXAMPLE, port=0, block=False)
    assert handle is not None
    yield urllib.parse.urlsplit(handle.url).port or 0
    handle.stop()


@pytest.mark.parametrize("seed", range(3))
def test_nothing_breaks_a_served_model(port: int, seed: int) -> None:
    """What is spoilt is refused as a problem, what is good is answered, nobody is cut off."""
    account = fuzz(port, "/", EXAMPLE, COUNT, seed)
    assert account.faults == {}
    assert account.closed == 0
    assert sum(account.statuses.values()) == COUNT
    assert {200, 400, 422} <= set(account.by_status())


def test_every_kind_is_sent() -> None:
    """No way of spoiling a body is left to luck."""
    sent = {each.kind for each in itertools.islice(spoil(EXAMPLE, 0), COUNT)}
    assert sent == set(KINDS)


def test_a_seed_repeats() -> None:
    """A fault that was found once can be looked at again."""
    first, second = (list(itertools.islice(spoil(EXAMPLE, 7), 200)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("status", "kind", "content"),
    [
        (500, "application/problem+json", b'{"status": 500}'),
        (200, "application/json", b'{"prediction": 0}'),
        (422, "application/problem+json", b'{"status": 400}'),
        (422, "text/plain", b"no"),
        (422, "application/problem+json", b"{"),
        (422, "application/problem+json", b'{"status": 422, "a": NaN}'),
    ],
)
def test_a_wrong_answer_is_a_fault(status: int, kind: str, content: bytes) -> None:
    """The checks above would be empty if they took any answer."""
    account = Account()
    sent = Spoilt(kind="missing", body=b"{}", expected=(422,))
    account.judge(sent, status, {"content-type": kind}, content)
    assert account.faults


def test_a_chunked_body_is_whole() -> None:
    """A body that is sent in chunks is the same body."""
    sent = Spoilt(kind="good", body=b"x" * 100)
    framed = [frame("/", sent, random.Random(seed)) for seed in range(100)]
    chunked = [text.partition(b"\r\n\r\n")[2] for text in framed if b"chunked" in text]
    assert chunked
    assert all(text.count(b"x") == 100 and text.endswith(b"0\r\n\r\n") for text in chunked)
