"""Who passes for the supervisor's relay."""

from __future__ import annotations

import ssl
from typing import Any
from unittest import mock

import pytest

from runner.tls.server_tls import ServerTls
from runner.tls.transport import TlsTransport

WORD = b"\0word"


def told(*pieces: bytes) -> tuple[Any, Any]:
    """Give what a client's connection and what answers saw of this."""
    tls = ServerTls(ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    tls.relay_word = WORD
    answering, raw = mock.Mock(), mock.Mock()
    transport = TlsTransport(answering, tls)
    transport.connection_made(raw)
    for piece in pieces:
        if not raw.close.called:
            transport.data_received(piece)
    return raw, answering


@pytest.mark.parametrize("cut", [1, 5, 6, 9])
def test_the_relay_is_known_by_its_word_in_any_pieces(cut: int) -> None:
    """What follows is what a client sends."""
    said = WORD + b" CN=alice\nGET"
    raw, answering = told(said[:cut], said[cut:])
    answering.data_received.assert_called_once_with(b"GET")
    raw.close.assert_not_called()


@pytest.mark.parametrize("said", [b"\0wrong \nGET", b"\0" * 5_000, WORD + b" " + b"x" * 5_000])
def test_who_does_not_end_its_word_or_has_another_is_let_go(said: bytes) -> None:
    """Nothing of what it says is taken for a request."""
    raw, answering = told(said, b"\nGET")
    raw.close.assert_called()
    answering.data_received.assert_not_called()
