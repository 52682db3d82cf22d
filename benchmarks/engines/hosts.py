"""Hosts of our own on one machine: a network, a process table, a name and a /tmp for each.

A script that calls `move_in` becomes the first process of such a host itself, the one with the
switch, so nothing touches the machine's own network, and nothing has to be cleared away: the
kernel ends all processes of a table whose first one has ended, by kill -9 too, hosts below it
included, and a network goes with the last process in it. Only the scratch folder stays after a
kill -9, until the next start.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

SWITCH = "10.77.0.1"
_MOVED = "RUNNER_ENGINES_MOVED_IN"
_NAMESPACES = ("--net", "--pid", "--mount", "--uts", "--ipc")
_UNSHARE = ("unshare", *_NAMESPACES, "--fork", "--kill-child", "--mount-proc")
# A host's first process. Whoever loses its parent there becomes its child, and is reaped.
_FIRST = """
import signal, socket, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "none", "/tmp"], check=True)
socket.sethostname(sys.argv[1])
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("up", flush=True)
while True:
    signal.pause()
"""


def move_in() -> None:
    """Start this script anew as the first process of a host of its own, with a switch."""
    if not os.environ.pop(_MOVED, ""):
        if os.geteuid():
            raise SystemExit("network namespaces are made by root only: run this as root")
        _start_inside()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("1024 65535")
    ip("link", "set", "lo", "up")
    ip("link", "add", "switch", "type", "bridge")
    ip("address", "add", f"{SWITCH}/24", "dev", "switch")
    ip("link", "set", "switch", "up")


def _start_inside() -> None:
    """Run this script inside, pass SIGTERM on, and end as it does."""
    words = [*_UNSHARE, sys.executable, *sys.orig_argv[1:]]
    inside = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", *words], env=os.environ | {_MOVED: "yes"}
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both
    # unshare itself takes no signal.
    signal.signal(signal.SIGTERM, lambda *_: os.kill(child_of(inside.pid), signal.SIGTERM))
    raise SystemExit(inside.wait())


def ip(*words: str) -> None:
    """Run ip of iproute2 in this host."""
    run("ip", *words)


def run(*words: str, seconds: float = 60, **more: Any) -> str:
    """Run a command, and give what it printed; its whole output if it failed."""
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            words, capture_output=True, text=True, timeout=seconds, check=False, **more
        )
    except subprocess.TimeoutExpired as error:
        raise SystemExit(f"{' '.join(words)} took longer than {seconds:g} s") from error
    if done.returncode:
        raise SystemExit(
            f"{' '.join(words)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


class Host:
    """One host on the switch, with the address 10.77.0.NUMBER."""

    def __init__(self, number: int, name: str) -> None:
        self.name, self.address, self._plug = name, f"10.77.0.{number}", f"host{number}"
        self._unshare = subprocess.Popen(
            [*_UNSHARE, sys.executable, "-I", "-S", "-c", _FIRST, name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it complains when it cannot die of SIGKILL itself
        )
        assert self._unshare.stdout is not None
        if self._unshare.stdout.readline() != b"up\n":
            raise SystemExit(f"host {name} does not start")
        self._first = child_of(self._unshare.pid)
        veth = ("type", "veth", "peer", "name", self._plug)
        ip("link", "add", "eth0", "netns", str(self._first), *veth)
        ip("link", "set", self._plug, "master", "switch", "up")
        for words in (
            "link set lo up",
            f"address add {self.address}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {SWITCH}",
        ):
            self.run("ip", *words.split())

    def words(self, *words: str, folder: Path = Path("/")) -> tuple[str, ...]:
        """Give the command line that runs a command on this host, in a folder."""
        there = ("nsenter", "--target", str(self._first), *_NAMESPACES, "--")
        return (*there, "env", "--chdir", str(folder), *words)

    def run(self, *words: str, seconds: float = 60, **more: Any) -> str:
        """Run a command on this host, and give what it printed."""
        return run(*self.words(*words), seconds=seconds, **more)

    def start(
        self, *words: str, log: Path, folder: Path = Path("/"), env: dict[str, str] | None = None
    ) -> Process:
        """Start a process on this host, in a folder, with further variables."""
        with log.open("ab") as file:
            return Process(self.words(*words, folder=folder), file, env or {})

    def link(self, state: str) -> None:
        """Plug the host's cable in (``up``) or pull it out (``down``)."""
        ip("link", "set", self._plug, state)

    def kill(self) -> None:
        """End the host as a power cut does: at once, and without a word on the wire."""
        if self._unshare.poll() is None:
            self.link("down")
            os.kill(self._first, signal.SIGKILL)
            self._unshare.wait(30)
            with contextlib.suppress(SystemExit):  # it may be gone already
                ip("link", "delete", self._plug)
        assert self._unshare.stdout is not None
        self._unshare.stdout.close()


class Process:
    """One process on a host, below the nsenter that brought it there."""

    def __init__(self, words: tuple[str, ...], log: IO[bytes], env: dict[str, str]) -> None:
        self._nsenter = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | env,
            start_new_session=True,
        )
        self.log, self.pid = Path(log.name), child_of(self._nsenter.pid)

    def ended(self) -> int | None:
        """Give the exit code if it has ended."""
        return self._nsenter.poll()

    def end(self, signum: int = signal.SIGTERM, *, seconds: float = 30) -> int:
        """Signal it, and give its exit code; it is killed when that takes too long."""
        for each in (signum, signal.SIGKILL):
            if self.ended() is None and self.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, each)
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._nsenter.wait(seconds)
        raise SystemExit(f"{self._nsenter.args!r} does not end")


def child_of(pid: int) -> int:
    """Give the one child of a process, as soon as there is one; 0 if it ended before."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            found = children.read_text().split()
        except OSError:
            return 0
        if found:
            return int(found[0])
        if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return 0
        time.sleep(0.005)
    raise SystemExit(f"process {pid} starts nothing")


def until(is_true: Callable[[], Any], seconds: float, what: str, every: float = 0.1) -> Any:
    """Wait for something, with a deadline, and give it."""
    deadline = time.monotonic() + seconds
    while not (found := is_true()):
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {seconds:g} s: {what}")
        time.sleep(every)
    return found


def cache() -> Path:
    """Give the folder in which engines keep what takes long to make."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "runner-engines"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder for everything, removed at the end; those of killed scripts go first.

    It is not in /tmp, of which each host has its own.
    """
    for left in cache().glob("scratch-*"):
        with _locked(left) as is_ours:
            if is_ours:
                shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix="scratch-", dir=cache()))
    folder.chmod(0o755)
    with _locked(folder):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Hold a folder, or say that another script does, or that it has just removed it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_ours = True
    except BlockingIOError:
        is_ours = False
    try:
        yield is_ours
    finally:
        os.close(descriptor)
