"""Find what listens by TCP in this process and in those that it has started, as the system sees it.

So a server is noticed whatever opened its socket: compiled code, a child, a child of a child.
Linux only: elsewhere nothing is found.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

from runner import net

_PROC = Path("/proc")
_EPHEMERAL = 32_768  # ports from here on are given by the system, to whom no client comes
# What lies beside a notebook, and is not its service.
_BESIDE = ("dask", "debugpy", "java", "jupyter", "ray", "tensorboard")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listening:
    """Name a TCP socket that listens.

    Attributes:
        inode: The system's number of it.
        host: Where it can be reached.
        port: Likewise.
        pid: Of a process that has it.
    """

    inode: str
    host: str
    port: int
    pid: int


def listening(pid: int) -> list[Listening]:
    """Give what listens in a process and its relatives; ports that somebody chose come first."""
    sockets = dict(net.listening_sockets())
    found: dict[str, Listening] = {}
    for each in relatives(pid) if sockets else ():
        for inode in net.sockets_of(each):
            if inode in sockets and inode not in found:
                host, port = sockets[inode]
                at = net.reachable(host)
                found[inode] = Listening(inode=inode, host=at, port=port, pid=each)
    return sorted(found.values(), key=lambda each: each.port >= _EPHEMERAL)


def is_beside(pid: int) -> bool:
    """Tell a process that lies beside a notebook, such as TensorBoard's."""
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().split(b"\0")[:3]
    except OSError:
        return True
    names = {Path(os.fsdecode(word)).name for word in words}
    return any(name.startswith(_BESIDE) for name in names)


def relatives(pid: int) -> list[int]:
    """Give a process, its descendants, and what else is in the process group that it leads."""
    return list(dict.fromkeys([*family(pid), *_group(pid)]))


def family(pid: int) -> Iterator[int]:
    """Give a process and all that it has started."""
    yield pid
    try:
        threads = list((_PROC / str(pid) / "task").iterdir())
    except OSError:
        return
    for thread in threads:
        try:
            children = (thread / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def _group(pid: int) -> Iterator[int]:
    """Give the process group of its leader: what runs in the background may have no parent."""
    for entry in os.scandir(_PROC):
        if entry.name.isdecimal():
            try:
                if os.getpgid(int(entry.name)) == pid:
                    yield int(entry.name)
            except ProcessLookupError:
                continue
