"""Update two replicas behind a balancer, and kill a node, under load; check every answer.

Each replica is a host of its own, with its own address; so are HAProxy and nginx, and `layer4` is
HAProxy passing connections on, as kube-proxy does. Replicas come and go as Kubernetes has it: a
new one is started, asked at /readyz each second, and only then told to the balancer; then an old
one ends. The balancer hears of that end LATE seconds after it has begun. Meanwhile, one of these:

    pre-stop    it goes on for PRE_STOP seconds, as by `preStop: sleep`; then comes SIGTERM
    lame-duck   SIGTERM comes at once, to a service with `--lame-duck`; behind `haproxy` nobody
                tells, it sees /readyz itself
    neither     SIGTERM comes at once: this loses requests, which shows that losses are seen

An update loses nothing, though no balancer asks anything twice. At a kill they may try another
replica where no connection is made; then only what was in flight there is lost.

    python benchmarks/engines/replicas.py [--balancer haproxy,layer4,nginx]
        [--end pre-stop,lame-duck] [--updates 1] [--clients 8] [--only update,kill]
"""

from __future__ import annotations

import argparse
import functools
import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

from balancers import PORT, Balancer, Haproxy, Nginx, status_of
from checked_client import Clients, Fault, cells_of, version_of
from hosts import Host, Process, move_in, scratch, until
from service import notebook_of

PRE_STOP = LAME_DUCK = 5.0
LATE = 3.0
GRACE = 30.0  # terminationGracePeriodSeconds
POD_PORT = 8000


class Replica:
    """A service on a host of its own, as a pod is."""

    def __init__(self, number: int, version: int, folder: Path, *words: str) -> None:
        self.host = Host(100 + number, f"replica-{number}")
        self.version, self.folder = version, folder / f"replica-{number}"
        self.folder.mkdir()
        (self.folder / "a.ipynb").write_text(notebook_of(cells_of(version)))
        line = [sys.executable, "-m", "runner", "serve", "a.ipynb", "--host", "0.0.0.0"]
        line += ["--port", str(POD_PORT), "--no-standby", "--no-access-log", *words]
        self.process: Process = self.host.start(*line, log=self.folder / "log", folder=self.folder)

    @property
    def endpoint(self) -> str:
        """The address that the balancer is told."""
        return f"{self.host.address}:{POD_PORT}"

    def wait_ready(self) -> None:
        """Ask as a startup probe does, once a second."""

        def is_ready() -> bool:
            if (code := self.process.ended()) is not None:
                raise SystemExit(f"a replica ended with {code}:\n{self.process.log.read_text()}")
            return status_of(self.host.address, POD_PORT, "/readyz") == 200

        try:
            until(is_ready, 120, "a replica is ready", every=1)
        except SystemExit as error:
            raise SystemExit(f"{error}\n{self.process.log.read_text()}") from error

    def end(self) -> None:
        """Send SIGTERM, and wait as long as the grace period is; then power off its host."""
        began = time.monotonic()
        code = self.process.end(seconds=GRACE)
        if code:
            raise SystemExit(f"a replica ended with {code}:\n{self.process.log.read_text()}")
        if time.monotonic() - began > GRACE:
            raise SystemExit("a replica did not end in its grace period")
        self.host.kill()


class Deployment:
    """Two replicas, and what Kubernetes does with them."""

    def __init__(self, balancer: Balancer, folder: Path, end: str, *, is_told: bool) -> None:
        self.balancer, self.folder, self.how, self.is_told = balancer, folder, end, is_told
        self.replicas: list[Replica] = []
        self.version = 0
        self._numbers = itertools.count(1)
        self._endpoints: set[str] = set()
        self._lock = threading.Lock()
        self._ends: list[threading.Thread] = []
        self._faults: list[BaseException] = []

    def add(self) -> None:
        """Start a replica of the newest version, and let it have requests once it is ready."""
        words = ("--lame-duck", f"{LAME_DUCK:g}") if self.how == "lame-duck" else ()
        replica = Replica(next(self._numbers), self.version, self.folder, *words)
        self.replicas.append(replica)
        replica.wait_ready()
        self._change(lambda: self._endpoints.add(replica.endpoint))

    def update(self, version: int) -> None:
        """Replace one replica after another: none is unavailable, and one more than there are."""
        old, self.version = list(self.replicas), version
        for replica in old:
            self.add()
            self.replicas.remove(replica)
            self._begin(functools.partial(self._end, replica))
        self.join()

    def kill(self) -> float:
        """Cut the power of one replica's node; give when."""
        victim = self.replicas.pop(0)
        victim.host.link("down")
        cut = time.monotonic()
        victim.host.kill()
        self._begin(functools.partial(self._withdraw, victim, 16))  # as a node's monitor does
        self.add()
        self.join()
        return cut

    def close(self) -> None:
        """End all at once."""
        for replica in self.replicas:
            replica.host.kill()

    def join(self) -> None:
        """Wait for what is ending."""
        for thread in self._ends:
            thread.join()
        self._ends.clear()
        if self._faults:
            raise self._faults[0]

    def _end(self, replica: Replica) -> None:
        if self.is_told:
            self._begin(functools.partial(self._withdraw, replica, LATE))
        if self.how == "pre-stop":
            time.sleep(PRE_STOP)
        replica.end()
        if not self.is_told:
            self._withdraw(replica, 0)

    def _withdraw(self, replica: Replica, late: float) -> None:
        time.sleep(late)
        self._change(lambda: self._endpoints.discard(replica.endpoint))

    def _change(self, change: Callable[[], None]) -> None:
        with self._lock:
            change()
            self.balancer.set_endpoints(self._endpoints)

    def _begin(self, part: Callable[[], None]) -> None:
        def keep_faults() -> None:
            try:
                part()
            except BaseException as error:  # noqa: BLE001 - raised again by join
                self._faults.append(error)

        thread = threading.Thread(target=keep_faults)
        self._ends.append(thread)
        thread.start()


@contextmanager
def deployed(kind: str, end: str, folder: Path, *, retries: bool) -> Iterator[Deployment]:
    """Start two replicas behind a balancer, and end all."""
    folder.mkdir()
    host = Host(2, "balancer")
    checks = kind == "haproxy" and (end == "lame-duck" or retries)
    balancer: Balancer
    if kind == "nginx":
        balancer = Nginx(host, folder, retries=retries)
    else:
        mode = "tcp" if kind == "layer4" else "http"
        balancer = Haproxy(host, folder, mode=mode, checks=checks, retries=retries)
    deployment = Deployment(balancer, folder, end, is_told=not checks)
    try:
        deployment.add()
        deployment.add()
        yield deployment
    finally:
        balancer.end()
        deployment.close()
        host.kill()


def updated(kind: str, end: str, folder: Path, updates: int, number: int) -> bool:
    """Update again and again under load; say whether nothing was lost."""
    with deployed(kind, end, folder, retries=False) as deployment:
        address, keeps = deployment.balancer.address, deployment.balancer.keeps
        with Clients(PORT, number, pause=0.005, host=address, may_keep=keeps) as clients:
            began = time.monotonic()
            for version in range(1, updates + 1):
                clients.expect(version)
                deployment.update(version)
                if version_of(PORT, address) != version:
                    raise SystemExit("an old version answers after the update")
            took = time.monotonic() - began
            time.sleep(1)
    name = f"{kind}, {end}: {updates} updates in {took:.0f} s"
    return told(name, clients, clients.faults)


def killed(kind: str, folder: Path, number: int) -> bool:
    """Kill a node under load; say whether only what was in flight there was lost."""
    with deployed(kind, "pre-stop", folder, retries=True) as deployment:
        address, keeps = deployment.balancer.address, deployment.balancer.keeps
        with Clients(PORT, number, pause=0.005, host=address, may_keep=keeps) as clients:
            time.sleep(3)
            at = deployment.kill()
            time.sleep(1)
    in_flight = [each for each in clients.faults if each.began <= at and not each.is_wrong]
    print(f"  in flight at the kill: {len(in_flight)} of {number} clients' requests")
    others = [each for each in clients.faults if each not in in_flight]
    return told(f"{kind}, a node killed", clients, others)


def told(name: str, clients: Clients, faults: list[Fault]) -> bool:
    """Print the account of a part."""
    said = sorted({each.said for each in faults})
    print(
        f"{name}: {clients.answered} answered rightly, {len(faults)} lost {said or ''}", flush=True
    )
    return not faults and clients.answered > 0


def main() -> None:
    """Run the parts asked for; exit by 1 if one of them lost what it must not."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--balancer", default="haproxy,layer4,nginx")
    options.add_argument("--end", default="pre-stop,lame-duck")
    options.add_argument("--updates", type=int, default=1)
    options.add_argument("--clients", type=int, default=8)
    options.add_argument("--only", default="update,kill")
    given = options.parse_args()
    move_in()
    kinds, good = given.balancer.split(","), True
    with scratch() as folder:
        for kind, end in itertools.product(kinds, given.end.split(",")):
            if "update" in given.only:
                place = folder / f"{kind}-{end}"
                good &= updated(kind, end, place, given.updates, given.clients)
        for kind in kinds:
            if "kill" in given.only and kind != "layer4":  # that one knows of no requests
                good &= killed(kind, folder / f"{kind}-kill", given.clients)
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
