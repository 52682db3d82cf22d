"""Kill the processes of a service at random, and see that it comes back by itself, and whole.

Each time one of its processes gets a SIGKILL: a worker, a kernel, a run, the fork server, the
standby or the supervisor; while it boots, while a saved version comes to serve, while the version
before drains, or while nothing else happens. A supervisor that was killed is started again, as
systemd or Docker would do. Clients ask all the time, and check what every answer says.

Now and then another one is killed within a second.

What has to hold each time: it serves again without a human; no answer is wrong; no request fails
before the kill or after it serves again, and none at all for the standby or the fork server; all
processes are as before, and none is left over; every record is valid and true. While it goes on,
a thread reads the record again and again: it is valid at any moment. At the end nothing is left, in
the temporary folder neither.

    python benchmarks/kills.py [--count 200] [--seed 1] [--first 1] [--doubled 0.25] [--workers 2]
        [--keep]

Kill number N is drawn from the seed and N: `--first N --count 1` does that one alone.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nbformat
import psutil
from checked_client import Clients, Fault
from leftovers import leave_nothing
from watched_service import WatchedService, waited

PHASES = ("plain", "swap", "drain", "boot")
ROLES = ("worker", "kernel", "run", "fork server", "standby", "supervisor")
UNNOTICED = {"fork server", "standby"}  # by clients
BACK, SETTLED = 60.0, 60.0  # seconds, on a machine that is busy
# What the record of a run may say whose process was killed, or the kernel of it.
ENDS = {"kernel": {"kernel-died", "stopped", "failed"}, "run": {"killed", "stopped"}}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Victim:
    """Say who was killed, and of which run's process."""

    role: str
    pid: int
    run: int


class Kills:
    """Kill, wait, look, and keep what was wrong."""

    def __init__(
        self, service: WatchedService, clients: Clients, seed: int, doubled: float
    ) -> None:
        self.service, self.clients, self.seed = service, clients, seed
        self.doubled = doubled
        self.faults: list[str] = []
        self.seconds: list[float] = []
        self.done: Counter[str] = Counter()

    def kill(self, number: int) -> None:
        """Do the kill of a number, and print what came of it."""
        draw = random.Random(f"{self.seed}-{number}")
        phase, role = draw.choice(PHASES), draw.choice(ROLES)
        said = self._before()
        self._come_to(phase, draw)
        killed = time.monotonic()
        victims = [self._victim(role, draw)]
        if draw.random() < self.doubled:
            time.sleep(draw.uniform(0, 1))
            victims.append(self._victim(draw.choice(ROLES), draw))
        victims = [victim for victim in victims if victim.role]
        roles = {victim.role for victim in victims}
        back = self._wait_back(is_killed="supervisor" in roles)
        said += self._wrong(phase, roles, killed)
        said += [each for victim in victims for each in self._untrue_end(victim)]
        name = " and ".join(f"{victim.role} {victim.pid}" for victim in victims)
        self.done.update(f"{victim.role}, {phase}" for victim in victims)
        self.seconds += [back] if back is not None else []
        took = "never" if back is None else f"after {back:5.2f} s"
        print(
            f"{number:4} {phase:6} back {took}: {name}; {'; '.join(said)}".rstrip("; "), flush=True
        )
        self.faults += [f"kill {number} ({phase}, {name}): {each}" for each in said]

    def _victim(self, role: str, draw: random.Random) -> Victim:
        """Kill one of a role, or of another that is there; no role if there is none."""
        found = self.service.by_role()
        found.pop("orphan", None)
        if not found:
            return Victim(role="", pid=0, run=0)
        role = role if role in found else draw.choice(sorted(found))
        process = draw.choice(found[role])
        run = process.pid
        with contextlib.suppress(psutil.NoSuchProcess):  # it may end by itself just now
            run = process.ppid() if role == "kernel" else run
            process.kill()
        return Victim(role=role, pid=process.pid, run=run)

    def _before(self) -> list[str]:
        """See that nothing failed since the last kill, when all was well."""
        return _described(self.clients.collect(), "failed between two kills")

    def _come_to(self, phase: str, draw: random.Random) -> None:
        """Bring the service into a phase, and somewhere into it."""
        service = self.service
        if phase == "boot":
            code = service.stop()
            if code:
                self.faults.append(f"it was stopped, and ended with {code}")
            service.start()
            time.sleep(draw.uniform(0, 3))
        elif phase == "plain":
            time.sleep(draw.uniform(0, 0.3))
        else:
            self.clients.expect(service.version + 1)
            service.save(service.version + 1)
            if phase == "drain":
                waited(lambda: service.answered_by() == service.version, BACK)
            time.sleep(draw.uniform(0, 1.5))

    def _wait_back(self, *, is_killed: bool) -> float | None:
        """Wait until five requests in turn are answered; start the supervisor when it has ended."""
        in_turn = 0
        if is_killed:  # else its runs, which drain, answer while it dies
            self.service.supervisor.wait(BACK)

        def is_back() -> bool:
            nonlocal in_turn, is_killed
            if (code := self.service.supervisor.poll()) is not None:
                if not is_killed:
                    self.faults.append(f"the supervisor ended by itself, with {code}")
                self.service.start()
                is_killed = False
            in_turn = in_turn + 1 if self.service.answered_by() is not None else 0
            return in_turn >= 5

        return waited(is_back, BACK)

    def _wrong(self, phase: str, roles: set[str], killed: float) -> list[str]:
        """Wait until all is as before, and say what is not, or what should not have failed."""
        service = self.service
        back, found = time.monotonic(), []
        if waited(lambda: not service.unsettled(), SETTLED) is None:
            found.append(f"after {SETTLED:g} s {service.unsettled()}")
        if service.answered_by() != service.version:
            failure = (service.status().get("failure") or {}).get("reason")
            if not failure:
                found.append(f"version {service.version} does not serve, and nothing says why")
        found += service.record_faults()
        faults = self.clients.collect()
        found += _described([each for each in faults if each.is_wrong], "wrong answers")
        lost = [each for each in faults if not each.is_wrong]
        if phase != "boot":
            found += _described([each for each in lost if each.ended < killed], "before the kill")
            if roles <= UNNOTICED:
                found += _described([each for each in lost if each.ended >= killed], "lost")
        return found + _described([each for each in lost if each.began > back], "lost when back")

    def _untrue_end(self, victim: Victim) -> list[str]:
        facts = self.service.record_of(victim.run) if victim.role in ENDS else {}
        if not facts or facts["status"] in ENDS[victim.role]:
            return []
        return [f"the record of {victim.run} says {facts['status']}: {facts.get('reason')}"]


def main() -> None:
    """Kill so many times, print the account, and exit by 1 if anything was wrong."""
    leave_nothing()
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--count", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--first", type=int, default=1)
    options.add_argument("--doubled", type=float, default=0.25, help="share with a second kill")
    options.add_argument("--workers", type=int, default=2)
    options.add_argument("--keep", action="store_true", help="leave the folder, with the log")
    given = options.parse_args()
    with _folder(keeps=given.keep) as folder:
        service = WatchedService(folder, given.workers, "--reload", "--no-access-log")
        try:
            faults = _killed(service, given)
        finally:
            service.end()
    print("\n".join(["", *faults]) if faults else "nothing was wrong")
    raise SystemExit(1 if faults else 0)


@contextlib.contextmanager
def _folder(*, keeps: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        yield folder
    finally:
        if keeps:
            print(f"the log and the records: {folder}")
        else:
            shutil.rmtree(folder)


def _killed(service: WatchedService, given: argparse.Namespace) -> list[str]:
    if waited(lambda: not service.unsettled(), SETTLED) is None:
        raise SystemExit(f"it does not come to serve: {service.unsettled()}\n{service.log}")
    with Clients(service.port, 4, pause=0.01) as clients, _reading(service) as invalid:
        kills = Kills(service, clients, given.seed, given.doubled)
        for number in range(given.first, given.first + given.count):
            kills.kill(number)
    faults = kills.faults + sorted(invalid)
    if code := service.stop():
        faults.append(f"at the end it was stopped, and ended with {code}")
    if waited(lambda: not service.family(), 20) is None:
        faults.append(f"left over: {service.by_role()}")
    faults += [f"left over: {name}" for name in service.left_files()]
    middle = sorted(kills.seconds)[len(kills.seconds) // 2] if kills.seconds else float("nan")
    print(f"\n{dict(sorted(kills.done.items()))}")
    print(
        f"{kills.done.total()} kills; back after {middle:.2f} s (median), "
        f"{max(kills.seconds, default=0):.2f} s (longest); {clients.answered} requests answered, "
        f"{len(clients.faults)} failed, {sum(each.is_wrong for each in clients.faults)} wrong"
    )
    return faults


@contextlib.contextmanager
def _reading(service: WatchedService) -> Iterator[set[str]]:
    """Read the newest record again and again, from a thread; give what was not valid."""
    found: set[str] = set()
    over = threading.Event()

    def read() -> None:
        while not over.wait(0.2):
            try:
                nbformat.validate(nbformat.read(service.runs / "out.ipynb", as_version=4))
            except FileNotFoundError:
                found.add("out.ipynb was not there")
            except (ValueError, nbformat.ValidationError) as error:
                found.add(f"out.ipynb was not valid: {str(error).splitlines()[0]}")

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def _described(faults: list[Fault], when: str) -> list[str]:
    if not faults:
        return []
    counts = Counter(each.said for each in faults)
    return [f"{len(faults)} {when}: {dict(counts.most_common(3))}"]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
