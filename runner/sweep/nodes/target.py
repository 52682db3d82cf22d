"""Read ``--on``: say where the points of a sweep are run."""

from __future__ import annotations

import dataclasses
import enum
import re

from runner.errors import ConfigurationError

_PORT = 8786  # dask's own
_ADDRESS = re.compile(r"(dask|tcp|tls)://(\[[0-9a-fA-F:]+\]|[^\s:/\[\]]+)(?::(\d{1,5}))?/?")
FORMS = "local, dask://HOST:8786, tls://HOST:8786, slurm, ssh:HOST,HOST, kubernetes"


class Kind(enum.StrEnum):
    """Name the ways in which there come to be nodes."""

    LOCAL = "local"
    SCHEDULER = "scheduler"
    SLURM = "slurm"
    SSH = "ssh"
    KUBERNETES = "kubernetes"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """Say where points are run.

    Attributes:
        text: As it was given.
        kind: How there come to be nodes.
        address: Of a scheduler that runs already, as dask names it.
        hosts: To which we are to connect by SSH; the scheduler is on the first.
    """

    text: str = "local"
    kind: Kind = Kind.LOCAL
    address: str = ""
    hosts: tuple[str, ...] = ()

    @property
    def is_local(self) -> bool:
        """Tell whether it is this machine, without dask."""
        return self.kind is Kind.LOCAL

    @property
    def is_open(self) -> bool:
        """Tell whether its scheduler takes orders from whoever can connect to it."""
        return self.kind is Kind.SCHEDULER and not self.address.startswith("tls://")


def read_target(text: str) -> Target:
    """Read where to run points.

    Raises:
        ConfigurationError: It has no known form.
    """
    if text in {Kind.LOCAL, Kind.SLURM, Kind.KUBERNETES}:
        return Target(text=text, kind=Kind(text))
    if found := _ADDRESS.fullmatch(text):
        scheme, host, port = found.groups()
        address = f"{scheme.replace('dask', 'tcp')}://{host}:{port or _PORT}"
        return Target(text=text, kind=Kind.SCHEDULER, address=address)
    name, _, listed = text.partition(":")
    hosts = tuple(filter(None, map(str.strip, listed.split(","))))
    if name == Kind.SSH and hosts and not listed.startswith("//"):
        return Target(text=text, kind=Kind.SSH, hosts=hosts)
    raise ConfigurationError(f"--on {text}: no place to run points", hint=f"known are {FORMS}")
