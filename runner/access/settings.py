"""Say what was set about who may ask."""

from __future__ import annotations

import dataclasses
import enum
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from runner.access.hosts import HOSTS, hosts_of
from runner.access.key_file import Key, hash_of, key_of
from runner.access.keys import LONGEST, Keys
from runner.access.origins import ORIGINS, origins_of
from runner.config import variable
from runner.errors import ConfigurationError

KEYS_FILE, KEY, OPEN = variable("api-keys-file"), variable("api-key"), variable("open")

OPEN_TO_ALL = (
    "ANYBODY WHO REACHES {address} MAY USE IT, from other machines too: no API key is asked for."
    f" --api-keys FILE ({KEYS_FILE}) asks for one; `runner key NAME --file FILE` makes one"
)
"""What is said at the start of a service that asks for no keys."""

_SHORTEST = 16  # characters of a key that somebody has thought of
_KEY = re.compile(f"[!-~]{{{_SHORTEST},{LONGEST}}}")
_SINGLE = "default"  # its name


class Opened(enum.StrEnum):
    """Name the paths that can be asked without a key."""

    HEALTH = enum.auto()  # always
    ASSETS = enum.auto()  # always: what our pages load, which is the same for every service
    METRICS = enum.auto()
    DOCS = enum.auto()  # pages, and what describes the service


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccessSettings:
    """Set who may ask.

    Attributes:
        keys_file: Where the keys are; empty if there is no file of them.
        key_sha256: The hash of a single one, in hexadecimal; empty if there is none.
        opened: What can be asked without a key.
        hosts: Which hosts may be asked for; none: as `runner.access.hosts` has it.
        origins: From which other sites a browser may ask.
    """

    keys_file: str = ""
    key_sha256: str = ""
    opened: frozenset[Opened] = frozenset()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Take the ``RUNNER_*`` variables.

        Raises:
            ConfigurationError: One of them makes no sense.
        """
        key = environ.get(KEY, "")
        if key and not _KEY.fullmatch(key):
            raise ConfigurationError(
                f"{KEY}: a key has {_SHORTEST} to {LONGEST} characters of ASCII, without spaces",
                hint="`runner key NAME` makes one",
            )
        return cls(
            keys_file=environ.get(KEYS_FILE, ""),
            key_sha256=hash_of(key).hex() if key else "",
            opened=opened_of(environ.get(OPEN, "")),
            hosts=hosts_of(environ.get(HOSTS, "")),
            origins=origins_of(environ.get(ORIGINS, "")),
        )

    @property
    def asks_for_keys(self) -> bool:
        """Tell whether a request needs a key."""
        return bool(self.keys_file or self.key_sha256)

    def keys(self, *, says: bool = True) -> Keys | None:
        """Read the keys; None if none is asked for.

        Args:
            says: Whether to log what becomes of a changed file.

        Raises:
            ConfigurationError: The file cannot be read, or is no file of keys.
        """
        if not self.asks_for_keys:
            return None
        single: list[Key] = []
        if self.key_sha256:
            single.append(key_of(_SINGLE, bytes.fromhex(self.key_sha256)))
        return Keys(single, Path(self.keys_file) if self.keys_file else None, says=says)

    def environ(self) -> dict[str, str]:
        """Give the variables by which a kernel knows of it: no key, and no hash of one."""
        return {
            KEYS_FILE: self.keys_file,
            OPEN: ",".join(sorted(self.opened)),
            HOSTS: ",".join(self.hosts),
            ORIGINS: ",".join(self.origins),
        }


def opened_of(text: str) -> frozenset[Opened]:
    """Read what is open, with commas between.

    Raises:
        ConfigurationError: Something of it is unknown.
    """
    names = {name.strip() for name in text.split(",")} - {""}
    known = {Opened.METRICS, Opened.DOCS}
    if unknown := names - known:
        raise ConfigurationError(f"{min(unknown)!r:.40} cannot be opened; what can: metrics, docs")
    return frozenset(map(Opened, names))
