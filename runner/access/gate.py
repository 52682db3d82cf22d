"""Let a request in or refuse it, by one rule after the other.

The rules of this file:

1. Whatever way a request takes, it passes here before anything of an app runs. A way of its own
   may let it in by `name_in`; what that does not let in goes the general way, which refuses it
   by `admit`.
2. A key comes as ``Authorization: Bearer KEY`` or as ``x-api-key: KEY``. Exactly one is given: not
   both, and none twice, for two readers might take either.
3. An app sees the name of a key, never the key.
4. Which hosts may be asked for is looked at first; whether a service lives may be asked by any.
5. Who asks for a page by a browser, and has no key that is known, gets one by which to give it.
6. What is open is open to be read: a WebSocket's handshake at such a path goes to the app, which
   may take it up at any; and behind a body in chunks a second request could be hidden from us.
"""

from __future__ import annotations

import math
import re
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

from runner.access import sign_in
from runner.access.counts import AccessCounts
from runner.access.hosts import AllowedHosts, allowed_hosts, refusal_of
from runner.access.key_file import Key
from runner.access.keys import Keys
from runner.access.origins import CorsRule
from runner.access.refusal import RefusedRequestError
from runner.access.settings import AccessSettings, Opened
from runner.config import Limits

Fields = Sequence[tuple[bytes, bytes]]

AUTHORIZATION, API_KEY = b"authorization", b"x-api-key"
_BEARER = b"bearer"
_READING = {"GET", "HEAD"}
_CHALLENGE = b"www-authenticate"
_NEEDED = b'Bearer realm="runner"'
_WRONG = b'Bearer realm="runner", error="invalid_token"'

# What may hold a key in a head: whether it is ``Authorization``, and the value.
_given_in = re.compile(
    rb"\r\n(?:[xX](?i:-api-key)|([aA](?i:uthorization))):[ \t]*+([^\r]*+)"
).findall

# What apps usually have at these paths, those of FastAPI and its like among them.
USUAL_PATHS = {
    "/metrics": Opened.METRICS,
    "/docs": Opened.DOCS,
    "/redoc": Opened.DOCS,
    "/openapi.json": Opened.DOCS,
}


class Asked(NamedTuple):
    """Be a request, as far as it decides whether it is let in.

    Attributes:
        method: In capitals.
        path: Decoded.
        fields: The headers, their names in lower case.
        client: Address and port of who has connected, be it a proxy; None if there is none.
        sent: The headers as they came, if a proxy's word has changed them.
    """

    method: str
    path: str
    fields: Fields
    client: tuple[str, int] | None = None
    sent: Fields = ()


class Gate:
    """Hold what a request must have to be let in.

    Args:
        keys: Of which it must give one; None if it needs none.
        paths: What is asked for at each path that might be open.
        opened: Which of that is.
        clients: Who may connect; None for all.
        slots: How many workers there may be at a time.

    Attributes:
        keys: As above.
        counts: Of whom it has let in, and refused.
        hosts: Those that may be asked for; None for any.
        cors: Says which other sites a browser may ask from; None if that is the app's business.
        has_authors_pages: What a browser is shown may hold scripts and styles of its own.
    """

    has_authors_pages = True
    hosts: AllowedHosts | None = None
    cors: CorsRule | None = None

    def __init__(
        self,
        keys: Keys | None = None,
        paths: Mapping[str, Opened] | None = None,
        opened: frozenset[Opened] = frozenset(),
        clients: Container[tuple[str, int] | None] | None = None,
        slots: int = 1,
    ) -> None:
        self.keys, self._clients = keys, clients
        self.counts = AccessCounts(slots)
        is_open = {Opened.HEALTH, Opened.ASSETS, *opened}
        self._health = {path for path, kind in (paths or {}).items() if kind is Opened.HEALTH}
        self._open = {path for path, kind in (paths or {}).items() if path and kind in is_open}

    @property
    def is_on(self) -> bool:
        """Tell whether there is anybody who is not let in."""
        return self.keys is not None or self._clients is not None

    def is_open(self, method: str, path: str) -> bool:
        """Tell whether this is asked for without a key."""
        return path in self._open and method in _READING

    def admit(self, asked: Asked) -> str:
        """Let a request in.

        Returns:
            The name of its key; empty if it needs none.

        Raises:
            RefusedRequestError: It is not let in.
        """
        try:
            return self._admitted(asked)
        except RefusedRequestError as refused:
            self.counts.refuse(refused.status)
            if refused.status == 401 and sign_in.is_wanted(asked.method, asked.fields):
                refused.show(*sign_in.shown(has_authors_pages=self.has_authors_pages))
            raise

    def preflight(self, method: str, fields: Fields) -> list[tuple[bytes, bytes]] | None:
        """Give the answer to a browser that asks whether a page may ask; None for what is none.

        Raises:
            RefusedRequestError: It may not.
        """
        try:
            return None if self.cors is None else self.cors.preflight_fields(method, fields)
        except RefusedRequestError as refused:
            self.counts.refuse(refused.status)
            raise

    def name_in(self, head: bytes) -> str | None:
        """Let a request in by the one key in its head.

        Args:
            head: Whose fields, none of them folded, each stand behind the end of a line.

        Returns:
            The name of the key; None if the general way is to refuse the request.
        """
        given = _given_in(head)
        if len(given) != 1 or self.keys is None:
            return None
        is_credentials, value = given[0]
        key = bearer_in(value) if is_credentials else value.rstrip(b" \t")
        found = self.keys.find(key) if key is not None else None
        if found is None or (found.rate is not None and found.rate.take()):
            return None
        self.counts.admit(found.name)
        return found.name

    def _admitted(self, asked: Asked) -> str:
        if self._clients is not None and asked.client not in self._clients:
            raise RefusedRequestError(403, "only the notebook itself may ask here")
        if self.hosts is not None and not _only_reads(asked, self._health):
            self._check_host(asked, self.hosts)
        if self.keys is None or _only_reads(asked, self._open):
            return ""
        return self._admit_key(self.keys.find(_only_key_in(asked.fields)))

    def _check_host(self, asked: Asked, hosts: AllowedHosts) -> None:
        # A proxy's word counts as well as what it was told: it may have been told by a stranger.
        for fields in (asked.fields, *filter(None, [asked.sent])):
            host = next((value for name, value in fields if name == b"host"), b"")
            if not hosts[host]:
                raise RefusedRequestError(421, refusal_of(host))

    def _admit_key(self, key: Key | None) -> str:
        if key is None:
            raise RefusedRequestError(401, "this key is not known", [(_CHALLENGE, _WRONG)])
        if key.rate is not None and (seconds := key.rate.take()):
            after = b"%d" % max(1, math.ceil(seconds))
            said = f"more than {key.per_second:g} requests a second came with this key"
            raise RefusedRequestError(429, said, [(b"retry-after", after)], key.name)
        self.counts.admit(key.name)
        return key.name


def _only_reads(asked: Asked, paths: Container[str]) -> bool:
    """Tell whether one of these paths is read, and nothing else begun there."""
    return (
        asked.path in paths
        and asked.method in _READING
        and not any(
            name == b"transfer-encoding" or (name == b"upgrade" and value.lower() == b"websocket")
            for name, value in asked.fields
        )
    )


def _only_key_in(fields: Fields) -> bytes:
    given = keys_in(fields)
    if not given:
        said = "a key is needed: `Authorization: Bearer KEY`, or `x-api-key: KEY`"
        raise RefusedRequestError(401, said, [(_CHALLENGE, _NEEDED)])
    if len(given) > 1:
        said = "one key is needed, in one header, and there is more than one"
        raise RefusedRequestError(401, said, [(_CHALLENGE, _NEEDED)])
    return given[0]


def keys_in(fields: Fields) -> list[bytes]:
    """Give all keys among a request's headers; ``Authorization`` counts if it is there twice."""
    credentials = [value for name, value in fields if name == AUTHORIZATION]
    keys = [value for name, value in fields if name == API_KEY]
    if len(credentials) > 1:
        return keys + credentials
    return keys + [found for value in credentials if (found := bearer_in(value)) is not None]


def bearer_in(credentials: bytes) -> bytes | None:
    """Give the key in the value of ``Authorization``; None if it is of another scheme."""
    scheme, _, key = credentials.partition(b" ")
    return key.strip(b" \t") if scheme.lower() == _BEARER else None


def without_keys(fields: Fields) -> list[tuple[bytes, bytes]]:
    """Leave out what was given to us, and is nothing for an app."""
    return [
        (name, value)
        for name, value in fields
        if name != API_KEY and not (name == AUTHORIZATION and bearer_in(value) is not None)
    ]


def gate_of(  # noqa: PLR0913 - each is one thing that it depends on
    settings: AccessSettings,
    limits: Limits,
    paths: Mapping[str, Opened] = USUAL_PATHS,
    *,
    says: bool = True,
    slots: int = 1,
    is_local: bool = False,
) -> Gate:
    """Make the gate of a process.

    Args:
        settings: Who may ask.
        limits: Which paths tell of health.
        paths: What is asked for at each path of the app that might be open.
        says: Whether to log what becomes of a changed file of keys.
        slots: How many workers there may be at a time.
        is_local: Whether only this machine reaches the service.

    Raises:
        ConfigurationError: The file of keys cannot be read, or is none.
    """
    own = {limits.health_path: Opened.HEALTH, limits.ready_path: Opened.HEALTH}
    gate = Gate(settings.keys(says=says), {**paths, **own}, settings.opened, slots=slots)
    gate.hosts = allowed_hosts(settings.hosts, is_local=is_local)
    gate.cors = CorsRule(settings.origins) if settings.origins else None
    return gate
