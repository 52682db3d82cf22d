"""Deploy `deploy/swarm/` on a swarm of three Docker engines, and update it under load.

Each engine is on a host of its own, with its own address, data and images. Clients check every
answer. The notebook is saved and deployed again, then one that fails, then a node's power is cut.
The balancer is told to retry nothing (`retries 0`) until then: an update loses nothing by itself.

    python benchmarks/engines/swarm.py [--updates 2] [--clients 8]

IMAGE names an image of the machine's engine; else the slim one of this tree is built there.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

from checked_client import Clients, cells_of, version_of
from docker_engines import ROOT, Engine, data_with, our_image, program_image
from hosts import Host, move_in, scratch, until
from replicas import told
from service import notebook_of

PORT = 8080
STACK = "iris"


class Swarm:
    """Three engines, and the stack on them."""

    def __init__(self, folder: Path, image: str, replicas: int) -> None:
        self.folder = folder / "stack"
        shutil.copytree(ROOT / "deploy/swarm", self.folder)
        self.image, self.replicas = image, replicas
        self._before: dict[str, dict[str, str]] = {}
        data = data_with(image)
        self.engines = []
        for number in (1, 2, 3):
            host = Host(10 + number, f"node{number}")
            place = folder / host.name
            self.engines.append(Engine(host, place, "--mtu", "1400", image_data=data))
        self.first, self.address = self.engines[0], self.engines[0].host.address
        haproxy = program_image("haproxy:engines", folder, "/usr/sbin/haproxy")
        for engine in self.engines:
            engine("import", str(haproxy), "haproxy:engines")
        self.first("swarm", "init", "--advertise-addr", self.address)
        token = self.first("swarm", "join-token", "--quiet", "worker")
        for engine in self.engines[1:]:
            engine("swarm", "join", "--token", token, f"{self.address}:2377")

    def save(self, *cells: str) -> None:
        """Save the notebook."""
        (self.folder / "serve.ipynb").write_text(notebook_of(cells))

    def retry(self, *, allowed: bool) -> None:
        """Say whether the balancer may try another replica where it finds no connection."""
        text = (ROOT / "deploy/swarm/haproxy.cfg").read_text()
        if not allowed:
            text = text.replace("retries 3", "retries 0").replace("option redispatch 1", "")
        (self.folder / "haproxy.cfg").write_text(text)

    def deploy(self) -> None:
        """Do what the first lines of stack.yml say, and wait until it is done, or rolled back."""
        notebook = hashlib.sha256((self.folder / "serve.ipynb").read_bytes()).hexdigest()[:12]
        haproxy = hashlib.sha256((self.folder / "haproxy.cfg").read_bytes()).hexdigest()[:12]
        env = {
            "IMAGE": self.image,
            "HAPROXY_IMAGE": "haproxy:engines",
            "NOTEBOOK": notebook,
            "HAPROXY": haproxy,
            "REPLICAS": str(self.replicas),
        }
        file = str(self.folder / "stack.yml")
        self._before = {service: self._update_of(service) for service in ("serve", "balancer")}
        words = ("stack", "deploy", "--resolve-image", "never", "--compose-file", file, STACK)
        self.first(*words, env=env)

    def update_state(self, service: str = "serve") -> str:
        """Give what the swarm says of the update that the last deployment made; empty before it."""
        update = self._update_of(service)
        return "" if update == self._before.get(service) else str(update.get("State", ""))

    def _update_of(self, service: str) -> dict[str, str]:
        words = ("service", "inspect", "--format", "{{json .UpdateStatus}}", f"{STACK}_{service}")
        with contextlib.suppress(SystemExit):  # it is not there yet
            return json.loads(self.first(*words)) or {}
        return {}

    def running_on(self) -> list[str]:
        """Name the nodes of the replicas that are ready, of those that are to run."""
        line = "{{.Node}} {{.CurrentState}}"
        words = ("service", "ps", "--filter", "desired-state=running", "--format", line)
        tasks = [each.split() for each in self.first(*words, f"{STACK}_serve").splitlines()]
        return [node for node, state, *_ in tasks if state == "Running"]

    def is_whole(self) -> bool:
        """Say whether there are as many replicas as there should be."""
        return len(self.running_on()) == self.replicas

    def answers(self, version: int) -> bool:
        """Say whether this version answers a new connection."""
        return version_of(PORT, self.address) == version

    def end(self) -> None:
        """Cut the power of all."""
        for engine in self.engines:
            engine.end()


def main() -> None:
    """Deploy, update and kill, and exit by 1 if something was lost that must not."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--updates", type=int, default=2)
    options.add_argument("--replicas", type=int, default=3)
    options.add_argument("--clients", type=int, default=8)
    given = options.parse_args()
    move_in()
    image = our_image()
    with scratch() as folder:
        began = time.monotonic()
        swarm = Swarm(folder, image, given.replicas)
        try:
            print(f"a swarm of three after {time.monotonic() - began:.0f} s", flush=True)
            if not (good := tried(swarm, given.updates, given.clients)):
                _explain(swarm)
        except SystemExit:
            _explain(swarm)
            raise
        finally:
            swarm.end()
    raise SystemExit(not good)


def tried(swarm: Swarm, updates: int, number: int) -> bool:
    """Go through all of it; say whether nothing was lost."""
    swarm.retry(allowed=False)
    swarm.save(*cells_of(0))
    swarm.deploy()
    until(swarm.is_whole, 300, "the replicas are ready", every=1)
    until(lambda: swarm.answers(0), 60, "the balancer answers")
    with Clients(PORT, number, pause=0.005, host=swarm.address) as clients:
        began = time.monotonic()
        for version in range(1, updates + 1):
            clients.expect(version)
            swarm.save(*cells_of(version))
            swarm.deploy()
            until(lambda: swarm.update_state() == "completed", 600, "it is updated", every=1)
            until(functools.partial(swarm.answers, version), 20, "the new version answers")
        took = time.monotonic() - began
    good = told(f"swarm: {updates} rolling updates in {took:.0f} s", clients, clients.faults)
    with Clients(PORT, number, pause=0.005, host=swarm.address, newest=updates) as clients:
        swarm.save("raise RuntimeError('broken')")
        swarm.deploy()
        until(
            lambda: swarm.update_state() == "rollback_completed", 600, "it is rolled back", every=1
        )
    good &= told("swarm: a broken notebook, rolled back", clients, clients.faults)
    swarm.retry(allowed=True)
    swarm.save(*cells_of(updates))
    swarm.deploy()
    # The balancer is replaced meanwhile: nobody may ask.
    until(lambda: swarm.update_state("balancer") == "completed", 600, "it is replaced", every=1)
    until(lambda: swarm.answers(updates), 60, "the balancer answers")
    until(swarm.is_whole, 300, "the replicas are ready", every=1)
    with Clients(PORT, number, pause=0.005, host=swarm.address, newest=updates) as clients:
        time.sleep(3)
        victim = next(each for each in swarm.engines[1:] if each.host.name in swarm.running_on())
        victim.host.link("down")
        at = time.monotonic()
        victim.end()
        gone = victim.host.name
        until(lambda: gone not in swarm.running_on(), 120, "the swarm sees it", every=1)
        until(swarm.is_whole, 300, "replaced elsewhere", every=1)
        whole_after = time.monotonic() - at
    in_flight = [each for each in clients.faults if each.began <= at]
    others = [each for each in clients.faults if each.began > at]
    print(f"  in flight at the cut: {len(in_flight)} of {number} clients' requests")
    for each in others:
        took, later = each.ended - each.began, each.began - at
        print(f"  {each.said} after {took:.1f} s, begun {later:.2f} s later")
    return good & told(
        f"swarm: a node cut, all replicas ready after {whole_after:.0f} s", clients, others
    )


def _explain(swarm: Swarm) -> None:
    for words in (("service", "ls"), ("stack", "ps", "--no-trunc", STACK)):
        print(swarm.first(*words), file=sys.stderr)
    # Of what was on this node: the service's own log waits for a node that is cut.
    tasks = swarm.first("ps", "--all", "--quiet", "--filter", f"name={STACK}")
    for task in tasks.split():
        print(swarm.first("logs", "--tail", "30", task), file=sys.stderr)


if __name__ == "__main__":
    main()
