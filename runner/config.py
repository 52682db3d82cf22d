"""Read what can be set from outside: the environment's names, the defaults, a worker's limits."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from runner.errors import ConfigurationError

PREFIX = "RUNNER_"
LOOPBACK = "127.0.0.0/8,::1"


@dataclasses.dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Set how the engine waits and saves.

    Attributes:
        save_every: Seconds between two looks at out.ipynb while a cell runs.
        grace: Seconds that an interrupted cell has to end before its kernel is killed.
        start_timeout: Seconds that a kernel has to come up.
    """

    save_every: float = 1.0
    grace: float = 7.0
    start_timeout: float = 60.0

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> EngineConfig:
        """Take the ``RUNNER_*`` variables: ``papermill --engine`` can pass no options.

        Raises:
            ConfigurationError: A variable is not a positive number.
        """
        return cls(
            **{
                field.name: _seconds(variable(field.name), environ[variable(field.name)])
                for field in dataclasses.fields(cls)
                if variable(field.name) in environ
            }
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimeLimits:
    """Bound a run that is to end by itself; 0 is no limit.

    Attributes:
        cell: Seconds that a cell may take.
        run: Seconds that all of it may take, from its kernel's start on.
    """

    cell: float = 0.0
    run: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class KernelChoice:
    """Say by which kernel notebooks are run, and in which language; empty: as they say.

    Attributes:
        name: The kernelspec's name.
        language: Of their cells.
    """

    name: str = ""
    language: str = ""


def setting(option: str, default: str, environ: Mapping[str, str] = os.environ) -> str:
    """Give the text of an option's variable, or the default."""
    return environ.get(variable(option), default)


def shared_folder(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Give the folder that a supervisor shares with its runs and kernels; None if there is none."""
    control = setting("control", "", environ)
    return Path(control).parent if control else None


def record_mode(environ: Mapping[str, str] = os.environ) -> int:
    """Give the permissions of a new record, from which the umask is still taken: the owner's.

    Raises:
        ConfigurationError: The variable has none by which the owner can read and write it.
    """
    text = setting("record-mode", "", environ) or "0600"
    if not re.fullmatch("0?[67][0-7]{2}", text):
        raise ConfigurationError(
            f"{variable('record-mode')}={text}: no permissions of a file that its owner can write",
            hint="0600 is the default, 0640 lets the group read, 0644 all",
        )
    return int(text, 8)


def record_folder_mode(environ: Mapping[str, str] = os.environ) -> int:
    """Give the permissions of a new folder of records: who may read a file may enter it.

    Raises:
        ConfigurationError: As `record_mode` does.
    """
    mode = record_mode(environ)
    return mode | (mode & 0o444) >> 2


class AddressSet:
    """Hold addresses of hosts.

    Args:
        names: Addresses and networks, with commas between them; ``*`` for all.

    Attributes:
        has_all: Whether it is all that there are.
        others: What was named and is no address: it stands for itself.
    """

    def __init__(self, names: str) -> None:
        self.has_all = names.strip() == "*"
        self._known: dict[str, bool] = {}
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self.others: list[str] = []
        for name in filter(None, map(str.strip, names.split(","))):  # no name is nobody's
            try:
                self._networks.append(ipaddress.ip_network(name, strict=False))
            except ValueError:
                self.others.append(name)

    def __contains__(self, host: str) -> bool:
        is_known = self._known.get(host)
        if is_known is None:
            is_known = self.has_all or self._has(host)
            if len(self._known) < 1024 and len(host) < 256:
                self._known[host] = is_known
        return is_known

    def _has(self, host: str) -> bool:
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host in self.others
        # What listens at `::` sees ::ffff:10.0.0.1 for 10.0.0.1.
        usual = getattr(address, "ipv4_mapped", None) or address
        return any(usual in network for network in self._networks)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProxyTrust:
    """Say which proxies are believed, and in what.

    Attributes:
        names: Addresses and networks, with commas between them; ``*`` for all.
        says_host: Also in the host, the port and the prefix of what was asked for: they were named
            by who has set them up.
    """

    names: str = LOOPBACK
    says_host: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> ProxyTrust:
        """Take the option's variable; else uvicorn's, which an unchanged deployment may have set.

        Those on this machine are always among the named: what the supervisor passes on comes from
        there.
        """
        if named := environ.get(variable("trusted-proxies"), "").strip():
            return cls(names=named if named == "*" else f"{LOOPBACK},{named}", says_host=True)
        return cls(names=environ.get("FORWARDED_ALLOW_IPS", LOOPBACK))


def variable(option: str) -> str:
    """Name the environment variable of an option: ``save-every`` is ``RUNNER_SAVE_EVERY``."""
    return PREFIX + option.lstrip("-").replace("-", "_").upper()


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise ConfigurationError(f"{name}={text}: not a positive number of seconds")
    return seconds


class EnvironmentSettings:
    """Be a dataclass whose fields are options, and arrive in a kernel by their variables.

    A field's ``most``, in its metadata, is the largest value that it may have; ``begins`` is what
    its text begins with, unless it is empty.
    """

    @classmethod
    def meanings(cls) -> dict[str, str]:
        """Say of each field what the docstring says, for the command line's help."""
        lines = (cls.__doc__ or "").partition("Attributes:")[2].splitlines()
        split = (line.strip().partition(": ") for line in lines if ": " in line)
        return {name: meaning for name, _, meaning in split}

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Take the ``RUNNER_*`` variables, by which the command line's options arrive.

        Raises:
            ConfigurationError: A variable is not of its type, negative, too large, or begins
                otherwise.
        """
        given: dict[str, Any] = {}
        for field in dataclasses.fields(cls):  # type: ignore[arg-type] # each subclass is one
            text = environ.get(variable(field.name))
            if text is not None:
                given[field.name] = _read(variable(field.name), text, field)
        return cls(**given)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RequestLogSettings(EnvironmentSettings):
    """Say which requests are recorded, and how long.

    Attributes:
        record_requests: Record this share of requests and answers, and all failures; 0: none.
        record_bytes: Bytes that recorded requests of a service may have; the oldest go first.
        record_days: Days that recorded requests are kept; 0: as long as there is room.
        record_mask: Names of fields to mask in them besides well-known ones, with commas between.
    """

    record_requests: float = dataclasses.field(default=0.0, metadata={"most": 1})
    record_bytes: int = 268_435_456
    record_days: float = 30.0
    record_mask: str = ""


RUNS = "runs"
"""Below which folder records go unless told otherwise."""

NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"
"""Match the name of what is served: it stands in paths."""

PAGE_PATH = "/_runner"
"""Where an app of an author's own gets a page of ours, if it has nothing there itself."""

_PATH = {"begins": "/"}

REQUEST_LOG_FOLDER = "request_log_folder"
"""Of the setting by which a supervisor says where requests are recorded."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits(EnvironmentSettings):
    """Set the bounds of one worker; 0 turns off those that say so.

    Attributes:
        max_header: Bytes of a request's line and headers; beyond them 431.
        max_body: Bytes of a request's body; beyond them 413.
        max_buffered: Bytes of all requests of one worker; beyond them uploads wait; 0: no bound.
        max_connections: Of one worker; beyond them idle ones end; 0: as many as open files allow.
        max_rows: Rows of a request for many predictions; beyond them 413.
        read_timeout: Seconds a client has to send one whole request; then 408 and close.
        write_timeout: Seconds an answer may make no progress; then the connection is cut.
        keep_alive: Seconds an idle connection is kept.
        max_concurrency: Requests in flight in one worker; beyond them 503 and Retry-After.
        max_waiting: Predictions that wait while one is computed; beyond them 503 and Retry-After.
        cell_timeout: Seconds an annotated cell may take; then 504, and it is ended; 0: no limit.
        hang_timeout: Seconds a worker may stand still; then it is replaced; 0: for ever.
        predict_timeout: Seconds a call of predict may take; then 504; 0: no limit.
        threads: In which a worker calls a WSGI app; more requests wait; 0: as max_concurrency; 1:
            it is called in the thread that serves.
        ws_max_size: Bytes of a WebSocket's message; beyond them it ends (1009); 0: as max_body.
        ws_ping_interval: Seconds after which a silent WebSocket is pinged; 0: never.
        ws_ping_timeout: Seconds it has to answer that; then it ends; 0: for ever.
        max_requests: Requests after which a worker is replaced, plus 0 to 10 %; 0: never.
        max_memory: Megabytes (10^6) gained after which a worker is replaced; 0: never.
        linger: Seconds that kept-alive connections are still answered while a worker drains.
        drain_timeout: Seconds that requests in flight have to end while a worker drains.
        health_path: Path that answers 200 while the process does; empty gives it to the app.
        ready_path: Path that answers 200 while ready and not draining, else 503; empty likewise.
        predict_path: Path at which a single model also answers `{"instances": […]}`; empty: none.
    """

    max_header: int = 65_536
    max_body: int = 16_777_216
    max_buffered: int = 67_108_864
    max_connections: int = 0
    max_rows: int = 10_000
    read_timeout: float = 15.0
    write_timeout: float = 30.0
    keep_alive: float = 15.0
    max_concurrency: int = 512
    max_waiting: int = 256
    cell_timeout: float = 30.0
    hang_timeout: float = 30.0
    predict_timeout: float = 0.0
    threads: int = 0
    ws_max_size: int = 0
    ws_ping_interval: float = 20.0
    ws_ping_timeout: float = 20.0
    max_requests: int = 0
    max_memory: int = 0
    linger: float = 1.0
    drain_timeout: float = 5.0
    health_path: str = dataclasses.field(default="/healthz", metadata=_PATH)
    ready_path: str = dataclasses.field(default="/readyz", metadata=_PATH)
    predict_path: str = dataclasses.field(default="", metadata=_PATH)


def _read(name: str, text: str, field: dataclasses.Field[Any]) -> Any:
    kind: type[Any] = type(field.default)
    most, begins = field.metadata.get("most", float("inf")), field.metadata.get("begins", "")
    if text and not text.startswith(begins):
        raise ConfigurationError(f"{name}={text}: must begin with {begins}")
    try:
        value: Any = kind(text)
    except ValueError as error:
        raise ConfigurationError(f"{name}={text}: not {kind.__name__}") from error
    if isinstance(value, int | float) and not 0 <= value < float("inf"):
        raise ConfigurationError(f"{name}={text}: must be 0 or more")
    if isinstance(value, int | float) and value > most:
        raise ConfigurationError(f"{name}={text}: must be {most:g} or less")
    return value
