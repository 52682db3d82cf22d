"""Let a request in or refuse it, by one rule after the other.

The rules of this file:

1. Whatever way a request takes, it passes here before anything of an app runs. A way of its own
   may let it in by `admit_key` as well; what it does not let in goes the general way.
2. A key comes as ``Authorization: Bearer KEY`` or as ``x-api-key: KEY``. Exactly one is given: not
   both, and none twice, for two readers might take either.
3. An app sees the name of a key, never the key.
"""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from typing import NamedTuple

from runner.access.keys import Keys
from runner.access.refusal import RefusedRequestError
from runner.access.settings import AccessSettings, Opened
from runner.config import Limits

Fields = Sequence[tuple[bytes, bytes]]

AUTHORIZATION, API_KEY = b"authorization", b"x-api-key"
_BEARER = b"bearer"
_CHALLENGE = b"www-authenticate"
_NEEDED = b'Bearer realm="runner"'
_WRONG = b'Bearer realm="runner", error="invalid_token"'

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
    """

    method: str
    path: str
    fields: Fields
    client: tuple[str, int] | None = None


class Gate:
    """Hold what a request must have to be let in.

    Args:
        keys: Of which it must give one; None if it needs none.
        paths: What is asked for at each path that might be open.
        opened: Which of that is.
        clients: Who may connect; None for all.

    Attributes:
        keys: As above.
    """

    def __init__(
        self,
        keys: Keys | None = None,
        paths: Mapping[str, Opened] | None = None,
        opened: frozenset[Opened] = frozenset(),
        clients: Container[tuple[str, int] | None] | None = None,
    ) -> None:
        self.keys, self._clients = keys, clients
        is_open = {Opened.HEALTH, *opened}
        self._open = {path for path, kind in (paths or {}).items() if path and kind in is_open}

    @property
    def is_on(self) -> bool:
        """Tell whether there is anybody who is not let in."""
        return self.keys is not None or self._clients is not None

    def admit(self, asked: Asked) -> str:
        """Let a request in.

        Returns:
            The name of its key; empty if it needs none.

        Raises:
            RefusedRequestError: It is not let in.
        """
        if self._clients is not None and asked.client not in self._clients:
            raise RefusedRequestError(403, "only the notebook itself may ask here")
        return self._check_key(asked) if self.keys is not None else ""

    def admit_key(self, key: bytes) -> str:
        """Let a request in that is known to give this key, and no other.

        Returns:
            Its name.

        Raises:
            RefusedRequestError: It is not let in.
        """
        found = self.keys.find(key) if self.keys is not None else None
        if found is None:
            raise RefusedRequestError(401, "this key is not known", [(_CHALLENGE, _WRONG)])
        if found.rate is not None and (seconds := found.rate.take()):
            after = b"%d" % max(1, math.ceil(seconds))
            said = f"more than {found.per_second:g} requests a second came with this key"
            raise RefusedRequestError(429, said, [(b"retry-after", after)], found.name)
        return found.name

    def _check_key(self, asked: Asked) -> str:
        if asked.path in self._open and asked.method in {"GET", "HEAD"}:
            return ""
        given = keys_in(asked.fields)
        if not given:
            said = "a key is needed: `Authorization: Bearer KEY`, or `x-api-key: KEY`"
            raise RefusedRequestError(401, said, [(_CHALLENGE, _NEEDED)])
        if len(given) > 1:
            said = "one key is needed, in one header, and there is more than one"
            raise RefusedRequestError(401, said, [(_CHALLENGE, _NEEDED)])
        return self.admit_key(given[0])


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


def gate_of(
    settings: AccessSettings,
    limits: Limits,
    paths: Mapping[str, Opened] = USUAL_PATHS,
    *,
    says: bool = True,
) -> Gate:
    """Make the gate of a process.

    Args:
        settings: Who may ask.
        limits: Which paths tell of health.
        paths: What is asked for at each path of the app that might be open.
        says: Whether to log what becomes of a changed file of keys.

    Raises:
        ConfigurationError: The file of keys cannot be read, or is none.
    """
    own = {limits.health_path: Opened.HEALTH, limits.ready_path: Opened.HEALTH}
    return Gate(settings.keys(says=says), {**paths, **own}, settings.opened)
