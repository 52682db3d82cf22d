"""A Kubernetes of two nodes on hosts of our own, version 1.20.2, by `kubernetes/build.sh`."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from docker_engines import Engine, data_with
from hosts import Host, Process, ip, run, until

TOKEN = "for-this-cluster-only"
SERVICES, PODS = "10.99.0.0/24", "10.88.0.0/16"
_HERE = Path(__file__).parent / "kubernetes"
_CGROUPS = Path("/sys/fs/cgroup")
# Manifests are written for today's versions; these are what 1.20 calls the same.
_TODAY = {
    ("autoscaling/v2", "HorizontalPodAutoscaler"): "autoscaling/v2beta2",
    ("policy/v1", "PodDisruptionBudget"): "policy/v1beta1",
}
_KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "own",
    "contexts": [{"name": "own", "context": {"cluster": "own", "user": "own"}}],
    "users": [{"name": "own", "user": {"token": TOKEN}}],
}


class Cluster:
    """The control plane on one host, a kubelet and its engine on two, kube-proxy on them and here.

    So the script's own host reaches services by their addresses, as pods do.

    Args:
        folder: For everything.
        built: The folder in which build.sh left the programs.
        image: What the nodes have to run, of the machine's engine.
    """

    def __init__(self, folder: Path, built: Path, image: str) -> None:
        self.folder, self._built, self._data = folder, built, data_with(image)
        self._api = Host(10, "control")
        self._kubeconfig = folder / "kubeconfig"
        self._write_settings()
        self._start_control()
        self.nodes = {f"node{number}": self._node(number) for number in (1, 2)}
        self._proxy("here", None)
        ip("route", "add", SERVICES, "dev", "switch")
        until(self._are_ready, 120, f"both nodes are ready; see {folder}", every=0.5)
        self._route()

    def kubectl(self, *words: str, seconds: float = 60, **more: Any) -> str:
        """Run kubectl, and give what it printed."""
        line = (str(self._built / "bin/kubectl"), f"--kubeconfig={self._kubeconfig}", *words)
        return run(*line, seconds=seconds, env=os.environ | {"HOME": str(self.folder)}, **more)

    def get(self, *words: str) -> Any:
        """Give objects as the API server has them."""
        return json.loads(self.kubectl("get", *words, "--output", "json"))

    def imported(self, file: Path, name: str, *words: str) -> None:
        """Make an image of a tree of files on the nodes."""
        for node in self.nodes.values():
            node("import", *words, str(file), name)

    def end(self) -> None:
        """Cut the power of all."""
        for node in self.nodes.values():
            node.end()
        self._api.kill()

    def _write_settings(self) -> None:
        server = {"server": f"https://{self._api.address}:6443", "insecure-skip-tls-verify": True}
        whole = _KUBECONFIG | {"clusters": [{"name": "own", "cluster": server}]}
        self._kubeconfig.write_text(json.dumps(whole))
        (self.folder / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
        run("openssl", "genrsa", "-out", str(self.folder / "accounts.key"), "2048")

    def _start(self, host: Host, program: str, *words: str) -> Process:
        log = self.folder / f"{host.name}-{program}.log"
        return host.start(str(self._built / "bin" / program), *words, log=log)

    def _start_control(self) -> None:
        etcd, key = f"http://{self._api.address}:2379", self.folder / "accounts.key"
        own = f"--kubeconfig={self._kubeconfig}"
        self._start(
            self._api,
            "etcd",
            "--data-dir=/tmp/etcd",  # memory: a busy disk makes it slow
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            "--listen-peer-urls=http://127.0.0.1:2380",
        )
        self._start(
            self._api,
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            f"--advertise-address={self._api.address}",
            f"--bind-address={self._api.address}",
            "--secure-port=6443",
            f"--cert-dir={self.folder}/pki",
            f"--token-auth-file={self.folder}/tokens.csv",
            "--authorization-mode=AlwaysAllow",
            f"--service-cluster-ip-range={SERVICES}",
            "--service-account-issuer=https://here",
            f"--service-account-signing-key-file={key}",
            f"--service-account-key-file={key}",
            "--disable-admission-plugins=ServiceAccount",
            "--allow-privileged=true",
        )
        until(self._answers, 120, f"the API server is ready; see {self.folder}", every=0.5)
        self._start(
            self._api,
            "kube-controller-manager",
            own,
            f"--cluster-cidr={PODS}",
            "--allocate-node-cidrs=true",
            f"--service-account-private-key-file={key}",
            "--leader-elect=false",
            "--node-monitor-grace-period=16s",
            f"--cert-dir={self.folder}/pki",
            "--bind-address=127.0.0.1",
            "--configure-cloud-routes=false",
        )
        self._start(
            self._api, "kube-scheduler", own, "--leader-elect=false", "--bind-address=127.0.0.1"
        )

    def _node(self, number: int) -> Engine:
        host = Host(10 + number, f"node{number}")
        words = ("--bridge=none", "--iptables=false", "--ip-masq=false")
        wrap = ("--add-runtime", f"wrap={_HERE / 'runc-wrap'}", "--default-runtime", "wrap")
        place = self.folder / host.name
        engine = Engine(host, place, *words, *wrap, image_data=self._data)
        for kind in _CGROUPS.iterdir():
            _prepare(kind, engine.group)
        host.run("mkdir", "-p", "/var/lib/cni")
        host.run("mount", "-t", "tmpfs", "none", "/var/lib/cni")
        root = self.folder / f"{host.name}-kubelet"
        root.mkdir()
        self._start(
            host,
            "kubelet",
            f"--kubeconfig={self._kubeconfig}",
            f"--root-dir={root}",
            f"--hostname-override={host.name}",
            f"--node-ip={host.address}",
            f"--address={host.address}",
            "--container-runtime=docker",
            f"--docker-endpoint=unix://{engine.socket}",
            f"--container-runtime-endpoint=unix://{root}/dockershim.sock",
            "--network-plugin=kubenet",
            f"--cni-bin-dir={self._built}/cni",
            f"--cni-cache-dir={root}/cni",
            "--pod-infra-container-image=pause:1",
            f"--cgroup-root={engine.group}",
            "--cgroups-per-qos=true",
            "--enforce-node-allocatable=pods",
            "--cgroup-driver=cgroupfs",
            "--fail-swap-on=false",
            "--anonymous-auth=true",
            "--authorization-mode=AlwaysAllow",
            f"--cert-dir={root}/pki",
            "--non-masquerade-cidr=10.0.0.0/8",
            "--healthz-port=0",
            "--eviction-hard=",
            "--image-gc-high-threshold=100",
            "--node-status-update-frequency=4s",
        )
        self._proxy(host.name, host)
        return engine

    def _proxy(self, name: str, host: Host | None) -> None:
        words = (
            str(self._built / "bin/kube-proxy"),
            f"--kubeconfig={self._kubeconfig}",
            f"--hostname-override={name}",
            "--proxy-mode=iptables",
            f"--cluster-cidr={PODS}",
            "--conntrack-max-per-core=0",
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
            "--healthz-bind-address=127.0.0.1:10256",
            "--metrics-bind-address=127.0.0.1:10249",
        )
        log = self.folder / f"{name}-kube-proxy.log"
        if host is not None:
            host.start(*words, log=log)
            return
        with log.open("ab") as file:
            subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=file, stderr=file)

    def _answers(self) -> bool:
        with contextlib.suppress(SystemExit):
            return "ok" in self.kubectl("get", "--raw", "/readyz", seconds=10)
        return False

    def _are_ready(self) -> bool:
        nodes = self.get("nodes")["items"]
        states = [_condition(node, "Ready") for node in nodes]
        return states == ["True", "True"]

    def _route(self) -> None:
        """Tell all hosts which node has which pods, as a cloud's routers would know."""
        for node in self.get("nodes")["items"]:
            name, pods = node["metadata"]["name"], node["spec"]["podCIDR"]
            words = ("route", "add", pods, "via", self.nodes[name].host.address)
            ip(*words)
            for other, engine in self.nodes.items():
                if other != name:
                    engine.host.run("ip", *words)


def for_this_version(manifest: str) -> str:
    """Write a manifest with the names that Kubernetes 1.20 has for the versions of today."""
    for (version, kind), then in _TODAY.items():
        head = f"apiVersion: {version}\nkind: {kind}\n"
        manifest = manifest.replace(head, head.replace(version, then, 1))
    return manifest


def pause_image(folder: Path) -> Path:
    """Make the image whose one program holds a pod's network: it sleeps."""
    source, tree = folder / "pause.c", folder / "pause"
    tree.mkdir()
    source.write_text("#include <unistd.h>\nint main(void) { for (;;) pause(); }\n")
    run("gcc", "-static", "-O1", "-o", str(tree / "pause"), str(source))
    file = folder / "pause.tar"
    run("tar", "-C", str(tree), "-cf", str(file), "pause")
    return file


def _prepare(kind: Path, group: str) -> None:
    """Make a control group; one of cpuset needs its values before anything can live below."""
    with contextlib.suppress(OSError):
        above = kind
        for name in group.strip("/").split("/"):
            below = above / name
            below.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems") if kind.name == "cpuset" else ():
                (below / setting).write_text((above / setting).read_text())
            above = below


def _condition(node: dict[str, Any], kind: str) -> str:
    found = [each for each in node["status"].get("conditions", []) if each["type"] == kind]
    return str(found[0]["status"]) if found else "Unknown"
