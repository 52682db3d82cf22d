"""Hold what a server speaks TLS by, and take up a renewed certificate.

The rules of this file:

1. Whoever connects gets the certificate that was the last good one; whoever is connected keeps
   theirs.
2. Files that have changed are read when they have been the same for a moment: certificate and key
   are written one after the other. A pair that cannot be used is not taken, and said once.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import ssl
import time
from collections.abc import Mapping
from typing import Any, Self

from runner.errors import ConfigurationError
from runner.tls.certificate import TlsFiles, context_of

log = logging.getLogger(__name__)

LOOK_EVERY = 1.0
_PATIENCE = 5.0  # seconds in which a pair that is just being written comes to match
_TRY_EVERY = 0.1
_SAY_EVERY = 10.0
_PLAIN = {"HTTP_REQUEST", "HTTPS_PROXY_REQUEST"}


class ServerTls:
    """Give each new connection its context.

    Attributes:
        context: That of whoever connects now.
        files: What it was read from; None if it came from the notebook as it is.
        until: When its certificate ends, in words; empty if unknown.
        relay_word: How the supervisor's relay begins, which speaks with clients by TLS, and with us
            without; empty: there is none.
    """

    relay_word = b""

    def __init__(
        self, context: ssl.SSLContext, files: TlsFiles | None = None, until: str = ""
    ) -> None:
        self.context, self.files, self.until = context, files, until
        self._taken = self._seen = self._tried = files.signature() if files is not None else ()
        self._says = True
        self._failed, self._said_at = 0, float("-inf")

    @classmethod
    def read(cls, files: TlsFiles, *, waits: bool = False) -> Self:
        """Read the files.

        Args:
            files: Their names.
            waits: They were good before: if they are not, they are just being written.

        Raises:
            ConfigurationError: They cannot be used.
        """
        until = time.monotonic() + _PATIENCE * waits
        while True:
            before = files.signature()
            try:
                context, valid = context_of(files)
                if files.signature() == before:
                    return cls(context, files, valid)
            except ConfigurationError:
                if time.monotonic() >= until:
                    raise
            time.sleep(_TRY_EVERY)

    def be_silent(self) -> None:
        """Say nothing of a renewal: another does."""
        self._says = False

    async def renew(self) -> None:
        """Look after the files for ever; what changed before we were here is taken at once."""
        self.look()
        while True:
            self.look()
            await asyncio.sleep(LOOK_EVERY)

    def look(self) -> None:
        """Take up what was renewed, if it has not changed since the last look."""
        files = self.files
        if files is None:
            return
        signature, before = files.signature(), self._seen
        self._seen = signature
        if signature != before or signature == self._tried:
            return
        self._tried = signature
        if signature == self._taken:
            return
        try:
            context, until = context_of(files)
        except ConfigurationError as error:
            self._say(logging.WARNING, "the certificate was not renewed: %s", error)
            return
        self.context, self.until, self._taken = context, until, signature
        self._say(
            logging.INFO, "the certificate was renewed: %s, valid until %s", files.cert, until
        )

    def _say(self, level: int, what: str, *facts: Any) -> None:
        log.log(level if self._says else logging.DEBUG, what, *facts)

    def note_failed(self, error: ssl.SSLError, client: Any) -> None:
        """Say, now and then, that handshakes fail."""
        self._failed += 1
        now = time.monotonic()
        if now - self._said_at < _SAY_EVERY:
            return
        self._said_at = now
        who = client[0] if isinstance(client, tuple) else "a client"
        what = (
            "it spoke plain HTTP" if error.reason in _PLAIN else error.reason or "no reason known"
        )
        log.warning("TLS with %s failed: %s (%d such so far)", who, what, self._failed)

    def facts(self) -> Mapping[str, str | bool]:
        """Name the files for the supervisor; nothing if there are none."""
        return {} if self.files is None else dataclasses.asdict(self.files)
