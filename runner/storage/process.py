"""Be the process that reads and writes by URL for another: ``python -m runner.storage.process``.

The rules of this file:

1. Orders come by stdin, answers go by stdout, one line each, in their order. Between two orders
   what stands is done: files are followed, and mirrored.
2. The end of stdin is the end of who has started us: what is not copied yet is copied then, for
   some seconds, and we end. Signals that end others with their terminal or container do not end
   us: the last record is still to be copied.
3. One thread does all but keep the locks that are held, which another does: a large file may be
   copied for longer than a lock lasts. A call that hangs ends by its deadline.
"""

from __future__ import annotations

import contextlib
import functools
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from runner import log, wire
from runner.config import setting
from runner.errors import RunnerError
from runner.processes import readable
from runner.storage.faults import DeniedError, MissingError, UnreachableError
from runner.storage.folder_copy import Bounds, FolderCopy
from runner.storage.follow import MOST, ETags, Followed, Follower, LocalCopy, is_newer
from runner.storage.hold import Hold
from runner.storage.lock import REFRESH, StorageLock
from runner.storage.mirror import Mirror
from runner.storage.remote import Remote
from runner.storage.urls import below

LAST_SECONDS = 30.0
_READ = 65536


def main() -> None:
    """Carry out orders until there can be no more."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    log.configure(setting("log-level", "info"), setting("log-format", "text"))
    work = Work(Remote())
    lines = wire.Lines()
    while True:
        if not readable([0], work.wait()):
            work.step()
            continue
        data = os.read(0, _READ)
        for order in lines.feed(data) if data else []:
            _answer(work, order)
        if not data:
            break
    work.finish(LAST_SECONDS)
    work.remove_copies()
    log.flush()
    # The threads of the clouds' libraries may hang where a storage does.
    os._exit(0)


def _answer(work: Work, order: wire.Message) -> None:
    try:
        said = {"ok": True, **work.carry_out(order)}
    except (RunnerError, OSError) as error:
        hint = getattr(error, "hint", "")
        said = {"ok": False, "error": str(error), "hint": hint, "kind": type(error).__name__}
    if order.get("asks", True):
        sys.stdout.buffer.write(wire.encode(said))
        sys.stdout.buffer.flush()


class Work:
    """Carry out orders, and do what stands between them.

    Args:
        remote: What reads and writes by URL.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self._copies: dict[tuple[str, str], LocalCopy] = {}
        self._followed: dict[str, Follower] = {}
        self._folders: list[FolderCopy] = []
        self._mirrors: list[Mirror] = []
        self._holds: dict[str, Hold] = {}
        self._keeper: threading.Thread | None = None
        self._due: dict[Follower | Mirror | Hold, float] = {}
        self._orders: dict[str, Callable[[wire.Message], dict[str, Any]]] = {
            "fetch": self._fetch,
            "fetch all": self._fetch_all,
            "follow": self._follow,
            "follow etags": self._follow_etags,
            "follow folder": self._follow_folder,
            "mirror": self._mirror,
            "write": self._write,
            "claim": self._claim,
            "release": self._release,
            "check": self._check,
            "finish": lambda order: self.finish(order["seconds"]),
        }

    def carry_out(self, order: wire.Message) -> dict[str, Any]:
        """Carry out an order; give what is to be answered.

        Raises:
            StorageError: No later try mends it.
            UnreachableError: A later one may.
        """
        return self._orders[order["do"]](order)

    def wait(self) -> float | None:
        """Say how many seconds there is nothing to do; None: until there is an order."""
        first = min(self._due.values(), default=math.inf)
        return None if first == math.inf else max(0.0, first - time.monotonic())

    def step(self) -> None:
        """Do what is due longest."""
        each = min(self._due, key=self._due.__getitem__)
        self._due[each] = each.step(time.monotonic())

    def finish(self, seconds: float) -> dict[str, Any]:
        """Copy what is not copied, for some seconds; say what is left then, and why."""
        deadline = time.monotonic() + seconds
        left, reason = [], ""
        for mirror in self._mirrors:
            paths = mirror.finish(deadline)
            left += [str(path) for path in paths]
            reason = reason or (mirror.reason if paths else "")
        for hold in self._holds.values():
            hold.let_go()
        return {"left": left, "reason": reason}

    def _copy_of(self, order: wire.Message) -> LocalCopy:
        key = order["url"], order["path"]
        if key not in self._copies:
            url, path = order["url"], Path(order["path"])
            self._copies[key] = LocalCopy(url, path, self._remote, order.get("most", MOST))
        return self._copies[key]

    def _fetch(self, order: wire.Message) -> dict[str, Any]:
        return {"is_new": self._copy_of(order).fetch()}

    def _fetch_all(self, order: wire.Message) -> dict[str, Any]:
        """Fetch the files of some names below a folder that are newer than those that are here."""
        root, fetched = Path(order["path"]), []
        for name in self._remote.names(order["url"]):
            is_meant = name.rpartition("/")[2] in order["names"] and _is_below(name)
            if is_meant and self._brings(order["url"], root, root / name):
                fetched.append(name)
        return {"fetched": fetched}

    def _follow(self, order: wire.Message) -> dict[str, Any]:
        copy = self._copy_of(order)
        return self._begin_to_follow(order, copy, time.monotonic() + order["every"])

    def _follow_etags(self, order: wire.Message) -> dict[str, Any]:
        etags = ETags(order["urls"], Path(order["path"]), self._remote)
        return self._begin_to_follow(order, etags, 0.0)

    def _follow_folder(self, order: wire.Message) -> dict[str, Any]:
        if order.get("asks", True):
            with contextlib.suppress(UnreachableError):  # it is told with what is here
                self._remote.listed(order["url"], 1)
        bounds = Bounds(**order["bounds"])
        copy = FolderCopy(order["url"], Path(order["path"]), self._remote, bounds)
        self._folders.append(copy)
        return self._begin_to_follow(order, copy, 0.0)

    def remove_copies(self) -> None:
        """Remove the copies of folders, which were for who has started us alone."""
        for copy in self._folders:
            copy.remove()

    def _begin_to_follow(self, order: wire.Message, copy: Followed, first: float) -> dict[str, Any]:
        if order["path"] not in self._followed:
            follower = self._followed[order["path"]] = Follower(copy, order["every"])
            self._due[follower] = first
        return {}

    def _mirror(self, order: wire.Message) -> dict[str, Any]:
        root = Path(order["path"])
        every, suffix = order["every"], order.get("suffix", "")
        url = order["url"]
        mirror = Mirror(root, url, self._remote, every, suffix=suffix)
        if order.get("is_shared"):
            mirror.brings = functools.partial(self._brings, url, root)
        for name in order.get("known", []):
            mirror.known(root / name)
        for name in order.get("locked", []):
            mirror.leaves(root / name, True)
        self._mirrors.append(mirror)
        self._due[mirror] = 0.0
        return {}

    def _claim(self, order: wire.Message) -> dict[str, Any]:
        """Take a lock, and bring here what is newest of what is locked."""
        name, root = order["lock"], Path(order["path"])
        folder = root / order["folder"] if order["folder"] else None
        hold = self._holds.get(name)
        if hold is None:
            hold = self._holds[name] = Hold(StorageLock(name, self._remote, order["owner"]))
            self._begin_to_keep()
        mirror = next((each for each in self._mirrors if each.root == root), None)
        if not order.get("asks", True):
            hold.regain(order["word"], folder, mirror)
            return {}
        try:
            is_ours = hold.take(order["word"], folder, mirror, order["newest"])
        finally:
            if not hold.is_wanted:
                self._due[hold] = 0.0
        return {"held": is_ours, "word": hold.lock.word}

    def _brings(self, url: str, root: Path, path: Path) -> bool:
        """Bring here a file of a folder, if it is newer; tell whether it is as over there now."""
        copy = LocalCopy(below(url, path.relative_to(root).as_posix()), path, self._remote)
        with contextlib.suppress(MissingError):
            return copy.fetch_if(functools.partial(is_newer, path.name))
        return False

    def _begin_to_keep(self) -> None:
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, name="locks", daemon=True)
            self._keeper.start()

    def _keep(self) -> None:
        while True:
            time.sleep(REFRESH)
            for hold in tuple(self._holds.values()):
                hold.keep()

    def _release(self, order: wire.Message) -> dict[str, Any]:
        if hold := self._holds.get(order["lock"]):
            hold.is_wanted = False
            self._due[hold] = 0.0
        return {}

    def _write(self, order: wire.Message) -> dict[str, Any]:
        self._remote.write(order["url"], Path(order["path"]))
        return {}

    def _check(self, order: wire.Message) -> dict[str, Any]:
        """Find out at once what would refuse each copy, as far as that can be told by looking."""
        with contextlib.suppress(MissingError, DeniedError):  # it may be ours to write only
            self._remote.stamp(order["url"])
        return {}


def _is_below(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/")


if __name__ == "__main__":
    main()
