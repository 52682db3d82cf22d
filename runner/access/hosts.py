"""Know which hosts may be asked for, so that no stranger's name can stand for this machine.

A page of another site may have its own name resolved to 127.0.0.1 once it is loaded (DNS
rebinding): then a browser takes the service for a part of that site, and lets its scripts ask and
read. What it says in Host is still the other site's name.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from runner.config import variable
from runner.errors import ConfigurationError

HOSTS = variable("allowed-host")

# By which containers reach the machine that they run on; nobody can register either.
_OF_CONTAINERS = ("host.docker.internal", "host.containers.internal")
_NAME = re.compile(r"(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]{0,252})|\*")
_HOST = re.compile(r"(\[[^\]]+\]|[^:\[\]]*)(?::[0-9]*)?")
_MOST_KNOWN = 1024


class AllowedHosts(dict[bytes, bool]):
    """Tell of each Host whether it may be asked for; what was found is kept.

    Args:
        names: Names and addresses; ``*.`` in front stands for all below a name.
        is_local: Those of this machine may, too.
    """

    def __init__(self, names: Iterable[str], *, is_local: bool) -> None:
        super().__init__()
        self._names = {name for name in names if not name.startswith("*.")}
        self._ends = tuple(name[1:] for name in names if name.startswith("*."))
        self._takes_none = not (self._names or self._ends)  # as a browser never sends it
        self._is_local = is_local
        if is_local:
            self._names |= {"localhost", *_OF_CONTAINERS}
            self._ends += (".localhost",)

    def __missing__(self, host: bytes) -> bool:
        is_allowed = self._allows(name_in(host))
        if len(self) < _MOST_KNOWN:
            self[host] = is_allowed
        return is_allowed

    def _allows(self, name: str) -> bool:
        if not name:
            return self._takes_none
        if name in self._names or name.endswith(self._ends):
            return True
        return self._is_local and bool(_address_in(name)) and ipaddress.ip_address(name).is_loopback


def allowed_hosts(names: Iterable[str], *, is_local: bool) -> AllowedHosts | None:
    """Give the hosts that may be asked for; None for any.

    Args:
        names: Those that were named.
        is_local: Whether only this machine reaches the service: then its names may always be
            asked for, and no others unless they were named.
    """
    named = [*names]
    if "*" in named or not (named or is_local):
        return None
    return AllowedHosts(named, is_local=is_local)


def hosts_of(text: str) -> tuple[str, ...]:
    """Read names of hosts, with commas or spaces between; a port says nothing.

    Raises:
        ConfigurationError: Something of it is none.
    """
    given = text.replace(",", " ").split()
    names = [name_in(each.encode(errors="replace")) for each in given]
    for name in names:
        if not _is_shown(name):
            raise ConfigurationError(
                f"{name!r:.80} is no host that can be allowed",
                hint="a name without a scheme, such as example.org, *.example.org, or *",
            )
    return tuple(names)


def name_in(host: bytes) -> str:
    """Give the name or address in a Host: in lower case, without its port, in its usual form."""
    text = host.decode("utf-8", "replace").lower()
    found = _HOST.fullmatch(text)
    name = found[1].strip("[]").rstrip(".") if found else text
    return _address_in(name) or name


def _address_in(name: str) -> str:
    """Give an address in its shortest form; empty if it is none."""
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        return ""


def _is_shown(name: str) -> bool:
    """Tell whether it is a name, or an address; else it may be anything, and is not quoted."""
    return bool(_NAME.fullmatch(name) or _address_in(name))


def refusal_of(host: bytes) -> str:
    """Say why a host is refused, and what allows it."""
    name = name_in(host)
    if not _is_shown(name):
        return "this host is not served here"
    return f"the host {name:.80} is not served here; --allowed-host {name:.80} ({HOSTS}) allows it"
