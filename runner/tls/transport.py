"""Speak TLS between a client's socket and what answers, which sees a transport like any other.

The rules of this file:

1. The loop's own transport has the socket; here its bytes are opened and closed by `ssl`, in
   memory. So what answers has the connection from its first byte on: its deadlines, its place among
   the others and its end hold for a handshake too.
2. Nothing that a client does is worth a traceback: a handshake that fails is counted by
   `runner.tls.server_tls`, and a connection that just ends has ended.
3. Our end is said (``close_notify``), and nobody waits for the client's.
4. The supervisor's relay, which has opened a client's bytes itself, says so by a word that only it
   knows, and who the client is; what follows is plain.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import ssl
from typing import Any

from runner.tls import client_name
from runner.tls.server_tls import ServerTls

_RECORD = 16_384  # bytes that one record holds at most. Source: RFC 8446, 5.1.
_AT_ONCE = 16  # records that are closed before they are given away
_LONGEST_WORD = 4_096


class TlsTransport(asyncio.Transport, asyncio.Protocol):
    """Be the protocol of a plain transport, and the transport of a protocol.

    Args:
        protocol: What answers.
        tls: Whose certificate is shown.
    """

    _raw: Any = None

    def __init__(self, protocol: Any, tls: ServerTls) -> None:
        super().__init__()
        self._protocol, self._tls = protocol, tls
        self._first = b""  # of what the relay says
        self._is_open = False  # the handshake is done
        self._has_said_end = self._has_heard_end = self._keeps_half = False
        self._is_paused = self._reads_soon = False
        self._relayed: str | None = None  # whom the relay names; then all is plain
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl: ssl.SSLObject | None = None

    # -- what the plain transport calls

    def connection_made(self, transport: Any) -> None:
        """Begin; the handshake is the client's to begin."""
        self._raw = transport
        self._protocol.connection_made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let what answers know."""
        self._is_open = False
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass it on."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        self._protocol.resume_writing()

    def data_received(self, data: bytes) -> None:
        """Open what has come."""
        if self._relayed is not None:
            self._protocol.data_received(data)
        elif self._has_said_end:
            return  # which nobody wants any more
        elif self._ssl is None and not self._begin(data):
            return
        else:
            self._in.write(data)
            if self._is_open or self._shake_hands():
                self._read()

    def eof_received(self) -> bool:
        """Take the end of what comes; without a ``close_notify`` it is one as well."""
        if self._relayed is not None:
            return bool(self._protocol.eof_received())
        return self._is_open and self._hear_end()

    # -- the beginning

    def _begin(self, data: bytes) -> bool:
        """Tell whether a client speaks, and no relay; no record of TLS begins with zero."""
        if self._first or (data[:1] == b"\0" and self._tls.relay_word):
            self._first += data
            self._hear_relay()
            return False
        self._ssl = self._tls.context.wrap_bio(self._in, self._out, server_side=True)
        return True

    def _hear_relay(self) -> None:
        line, end, rest = self._first.partition(b"\n")
        if not end and len(line) < _LONGEST_WORD:
            return
        word, _, name = line.partition(b" ")
        if not (end and hmac.compare_digest(word, self._tls.relay_word)):
            self._raw.close()
            return
        self._relayed = name.decode("utf-8", "replace")
        self._first = b""
        if rest:
            self._protocol.data_received(rest)

    def _shake_hands(self) -> bool:
        """Go on with the handshake; tell whether it is done."""
        assert self._ssl is not None  # noqa: S101 - it has begun
        try:
            self._ssl.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError as error:
            self._flush()  # the alert that says why
            self._tls.note_failed(error, self._raw.get_extra_info("peername"))
            self._raw.close()
            return False
        self._is_open = True
        self._flush()
        return True

    # -- reading

    def _read(self) -> None:
        """Open what is here, as long as it is wanted."""
        self._reads_soon = False
        session = self._ssl
        assert session is not None  # noqa: S101 - it has begun
        try:
            while self._is_open and not (self._is_paused or self._has_said_end):
                data = session.read(_RECORD)
                if not data:
                    raise ssl.SSLZeroReturnError
                self._protocol.data_received(data)
                if not self._in.pending and not session.pending():
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            if not self._hear_end():
                self.close()
        except ssl.SSLError:
            self._flush()
            self._raw.close()
        if self._out.pending:
            self._flush()

    def _hear_end(self) -> bool:
        """Tell what answers that nothing more comes, once; and whether it wants to go on."""
        if not self._has_heard_end:
            self._has_heard_end = True
            self._keeps_half = bool(self._protocol.eof_received())
        return self._keeps_half

    def is_reading(self) -> bool:
        """Tell that what comes is wanted."""
        return not self._is_paused

    def pause_reading(self) -> None:
        """Give nothing more to what answers."""
        self._is_paused = True
        self._raw.pause_reading()

    def resume_reading(self) -> None:
        """Go on, with what is here first."""
        self._is_paused = False
        self._raw.resume_reading()
        session = self._ssl
        if self._is_open and session is not None and (self._in.pending or session.pending()):
            self._read_soon()

    def _read_soon(self) -> None:
        if not self._reads_soon:
            self._reads_soon = True
            asyncio.get_running_loop().call_soon(self._read)

    # -- writing

    def write(self, data: Any) -> None:
        """Close and send; nothing is sent to who has not shaken hands, or heard our end."""
        if self._relayed is not None:
            self._raw.write(data)
        elif self._is_open and data and not self._has_said_end:
            self._write(data)

    def _write(self, data: Any) -> None:
        session = self._ssl
        assert session is not None  # noqa: S101 - it is open
        try:
            if len(data) <= _RECORD:
                session.write(data)
            else:
                view = memoryview(data)
                for number, start in enumerate(range(0, len(view), _RECORD), 1):
                    session.write(view[start : start + _RECORD])
                    if not number % _AT_ONCE:
                        self._flush()
        except ssl.SSLError:
            self._raw.abort()
            return
        self._raw.write(self._out.read())

    def _flush(self) -> None:
        if self._out.pending and not self._raw.is_closing():
            self._raw.write(self._out.read())

    def can_write_eof(self) -> bool:
        """Tell that we can end our half alone."""
        return bool(self._raw.can_write_eof())

    def write_eof(self) -> None:
        """End our half."""
        self._say_end()
        self._raw.write_eof()

    def _say_end(self) -> None:
        if self._ssl is None or not self._is_open or self._has_said_end:
            return
        self._has_said_end = True
        with contextlib.suppress(ssl.SSLError):  # it would wait for the client's, or finds more
            self._ssl.unwrap()
        self._flush()

    def get_write_buffer_size(self) -> int:
        """Count the bytes that are not sent."""
        return int(self._raw.get_write_buffer_size())

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Give what counts as much and as little of them."""
        low, high = self._raw.get_write_buffer_limits()
        return low, high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set it."""
        self._raw.set_write_buffer_limits(high, low)

    # -- the end

    def is_closing(self) -> bool:
        """Tell that it ends, or has."""
        return bool(self._raw.is_closing())

    def close(self) -> None:
        """Send what is left, and end."""
        if not self._raw.is_closing():
            self._say_end()
            self._raw.close()

    def abort(self) -> None:
        """End at once."""
        self._raw.abort()

    # -- who it is

    def set_protocol(self, protocol: Any) -> None:
        """Have another answer."""
        self._protocol = protocol

    def get_protocol(self) -> Any:
        """Give what answers."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell of the connection, as the transports of asyncio do."""
        if name == "sslcontext":
            return self._tls.context if self._ssl is None else self._ssl.context
        if name == "ssl_object":
            return self._ssl or default
        if name == "client_name":
            return self._client_name()
        return self._raw.get_extra_info(name, default)

    def _client_name(self) -> str:
        """Give the subject of the client's certificate (RFC 4514); empty without one."""
        if self._relayed is not None:
            return self._relayed
        certificate = self._ssl.getpeercert() if self._ssl is not None else None
        return client_name.of(certificate or {})
