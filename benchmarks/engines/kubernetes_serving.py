"""Serve on a Kubernetes of two nodes by what `runner manifest` prints, and change it under load.

Clients ask the service's address and check every answer. The notebook is saved and applied again;
one that fails is applied and undone; a node is drained; a node is cut off. By the first three no
request may be lost; by the last what was in flight there, and what is sent there until the cluster
has noticed, 16 s later.

    python benchmarks/engines/kubernetes_serving.py [--rollouts 3] [--clients 8]

IMAGE names an image of the machine's engine; else the slim one of this tree is built there.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent))

from checked_client import Clients, cells_of, version_of
from cluster import Cluster, for_this_version, pause_image
from docker_engines import our_image
from hosts import cache, move_in, run, scratch, until
from replicas import told
from service import notebook_of

NAME = "iris"
PORT = 80


class Service:
    """A notebook, and what the cluster makes of it."""

    def __init__(self, cluster: Cluster, folder: Path, image: str) -> None:
        self.cluster, self.image = cluster, image
        self.notebook = folder / "notebooks/serve.ipynb"
        self.notebook.parent.mkdir()
        self.address = ""

    def apply(self, *cells: str) -> None:
        """Save the notebook, and apply what `runner manifest` prints of it."""
        self.notebook.write_text(notebook_of(cells))
        words = ("manifest", "notebooks/serve.ipynb", "--name", NAME, "--image", self.image)
        line = (sys.executable, "-m", "runner", *words)
        text = run(*line, cwd=self.notebook.parent.parent)
        file = self.notebook.with_suffix(".yaml")
        file.write_text(for_this_version(text))
        self.cluster.kubectl("apply", "--filename", str(file))

    def wait(self, seconds: float = 300) -> None:
        """Wait until the rollout is done."""
        words = ("rollout", "status", f"deployment/{NAME}", f"--timeout={seconds:g}s")
        self.cluster.kubectl(*words, seconds=seconds + 30)

    def pods(self) -> list[dict[str, Any]]:
        """Give the pods as the API server has them."""
        found = self.cluster.get("pods", "--selector", f"app.kubernetes.io/name={NAME}")
        return list(found["items"])

    def ready_on(self) -> list[str]:
        """Name the nodes of the pods that have requests."""
        subsets = self.cluster.get("endpoints", NAME).get("subsets") or []
        return sorted(each["nodeName"] for part in subsets for each in part.get("addresses", []))

    def answers(self, version: int) -> bool:
        """Say whether this version answers a new connection."""
        return version_of(PORT, self.address) == version

    def has_failed(self) -> bool:
        """Say whether a container has ended by itself."""
        states = [
            each for pod in self.pods() for each in pod["status"].get("containerStatuses", [])
        ]
        return any(each["restartCount"] for each in states)


def main() -> None:
    """Start the cluster, go through all, and exit by 1 if something was lost that must not be."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--rollouts", type=int, default=3)
    options.add_argument("--clients", type=int, default=8)
    given = options.parse_args()
    move_in()
    image = our_image()
    # What a connection was, is forgotten soon: its client may get the same port again.
    waits = Path("/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait")
    with scratch() as folder:
        began = time.monotonic()
        cluster = Cluster(folder, cache() / "kubernetes", image)
        try:
            until(waits.exists, 30, "kube-proxy has made its rules")
            waits.write_text("1")
            print(f"a cluster of two after {time.monotonic() - began:.0f} s", flush=True)
            cluster.imported(pause_image(folder), "pause:1", "--change", 'CMD ["/pause"]')
            service = Service(cluster, folder, image)
            good = tried(service, given.rollouts, given.clients)
        except SystemExit:
            print(cluster.kubectl("get", "pods,events", "--output", "wide"), file=sys.stderr)
            raise
        finally:
            cluster.end()
    raise SystemExit(not good)


def tried(service: Service, rollouts: int, number: int) -> bool:
    """Go through all of it; say whether nothing was lost that must not be."""
    cluster = service.cluster
    service.apply(*cells_of(0))
    until(lambda: len(service.ready_on()) == 2, 300, "two pods are ready", every=1)
    service.address = cluster.get("service", NAME)["spec"]["clusterIP"]
    until(lambda: service.answers(0), 60, "the service answers")

    with Clients(PORT, number, pause=0.005, host=service.address) as clients:
        began = time.monotonic()
        for version in range(1, rollouts + 1):
            clients.expect(version)
            service.apply(*cells_of(version))
            service.wait()
            # Old pods are told to end when the rollout is done, and kube-proxy a moment later.
            until(functools.partial(service.answers, version), 60, "the new version answers")
        took = time.monotonic() - began
        time.sleep(8)  # the last old pod ends
    good = told(f"{rollouts} rollouts by a saved notebook in {took:.0f} s", clients, clients.faults)

    with Clients(PORT, number, pause=0.005, host=service.address, newest=rollouts) as clients:
        service.apply("raise RuntimeError('broken')")
        until(service.has_failed, 120, "the broken notebook has failed", every=1)
        cluster.kubectl("rollout", "undo", f"deployment/{NAME}")
        service.wait()
        time.sleep(3)
    good &= told("a broken notebook, and rollout undo", clients, clients.faults)

    with Clients(PORT, number, pause=0.005, host=service.address, newest=rollouts) as clients:
        words = ("--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=200s")
        cluster.kubectl("drain", "node2", *words, seconds=240)
        until(lambda: service.ready_on() == ["node1", "node1"], 120, "two pods on node1", every=1)
        time.sleep(3)
    good &= told("a drained node", clients, clients.faults)

    cluster.kubectl("uncordon", "node2")
    cluster.kubectl("rollout", "restart", f"deployment/{NAME}")
    service.wait()
    if "node2" not in service.ready_on():
        raise SystemExit(f"no pod came back to node2: {service.ready_on()}")
    time.sleep(10)
    with Clients(PORT, number, pause=0.005, host=service.address, newest=rollouts) as clients:
        time.sleep(3)
        cluster.nodes["node2"].host.link("down")
        began = time.monotonic()
        until(lambda: "node2" not in service.ready_on(), 120, "the cluster sees it", every=0.5)
        seen = time.monotonic()
        time.sleep(5)
    late = [each for each in clients.faults if each.began > seen + 3]
    print(
        f"a node cut off, seen after {seen - began:.0f} s: {clients.answered} answered rightly, "
        f"{len(clients.faults)} lost, {len(late)} of them once it was seen",
        flush=True,
    )
    return good and not late


if __name__ == "__main__":
    main()
