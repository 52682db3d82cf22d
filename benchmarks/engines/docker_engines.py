"""Docker engines on hosts of our own, each with its own data, socket and control groups.

An image is loaded once. What engines have of it afterwards are links to the same files, which are
never written: a container's layer is above them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from hosts import Host, cache, run, until

ROOT = Path(__file__).parent.parent.parent
_GROUPS = Path("/sys/fs/cgroup")


class Engine:
    """One Docker engine; its containers end with its host."""

    def __init__(
        self, host: Host, folder: Path, *words: str, image_data: Path | None = None
    ) -> None:
        self.host, self.socket = host, folder / "docker.sock"
        self.group = f"/runner-engines/{host.name}"
        folder.mkdir(exist_ok=True)
        if image_data is not None:
            _share(image_data, folder / "data")
        # Where engines and their shims have sockets and locks, whoever started them.
        host.run("mount", "-t", "tmpfs", "none", "/run")
        self.process = host.start(
            "dockerd",
            *("--host", f"unix://{self.socket}"),
            *("--data-root", str(folder / "data")),
            *("--exec-root", "/run/docker"),
            *("--pidfile", "/run/docker.pid"),
            *("--cgroup-parent", self.group),
            *words,
            log=folder / "log",
        )
        until(self._answers, 60, f"the engine of {host.name} answers; see {folder / 'log'}")

    def __call__(self, *words: str, seconds: float = 60, env: dict[str, str] | None = None) -> str:
        """Run a docker command, and give what it printed."""
        line = ("docker", "--host", f"unix://{self.socket}", *words)
        return run(*line, seconds=seconds, env=os.environ | (env or {})).strip()

    def _answers(self) -> bool:
        if (code := self.process.ended()) is not None:
            raise SystemExit(f"dockerd ended with {code}:\n{self.process.log.read_text()[-3000:]}")
        done = subprocess.run(
            ["docker", "--host", f"unix://{self.socket}", "info"],
            capture_output=True,
            timeout=30,
            check=False,
        )
        return done.returncode == 0

    def end(self) -> None:
        """Cut its host's power, and remove the empty control groups that it leaves."""
        self.host.kill()
        for kind in _GROUPS.iterdir():
            for below, _, _ in os.walk(f"{kind}{self.group}", topdown=False):
                with contextlib.suppress(OSError):
                    Path(below).rmdir()


def our_image() -> str:
    """Build the slim image of this tree on the machine's engine, unless IMAGE names one there."""
    if name := os.environ.get("IMAGE", ""):
        return name
    base = os.environ.get("SLIM_IMAGE", "")
    words = ["--build-arg", f"SLIM_IMAGE={base}"] if base else []
    name = "runner:engines"
    run("docker", "build", "--target", "slim", "--tag", name, *words, str(ROOT), seconds=1800)
    return name


def data_with(image: str) -> Path:
    """Give an engine's data with an image of the machine's engine, made once, and kept."""
    found = run("docker", "image", "inspect", "--format", "{{.Id}}", image).strip()
    key = hashlib.sha256(f"{image} {found}".encode()).hexdigest()[:12]
    data = cache() / f"engine-data-{key}"
    if not data.exists():
        for old in cache().glob("engine-data-*"):
            if key not in old.name:  # what was loaded before a kill goes on
                shutil.rmtree(old)
        host, folder = Host(9, "loads"), cache() / f"engine-data-{key}.part"
        engine = Engine(host, folder, "--bridge=none", "--iptables=false")
        line = f"docker save {image} | docker --host unix://{engine.socket} load"
        run("bash", "-o", "pipefail", "-c", line, seconds=900)
        engine.process.end()
        engine.end()
        (folder / "data").rename(data)
        shutil.rmtree(folder)
    return data


def program_image(name: str, folder: Path, *programs: str) -> Path:
    """Make an image of this machine's programs and the libraries that they load, as a file."""
    tree = folder / "tree"
    for program in programs:
        found = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        libraries = [word for word in found.split() if word.startswith("/")]
        for each in [program, *libraries]:
            there = tree / each.lstrip("/")
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(each, there)
    (tree / "etc").mkdir(exist_ok=True)
    (tree / "etc/passwd").write_text("root:x:0:0::/:/none\n")
    (tree / "tmp").mkdir()
    file = folder / f"{name.replace(':', '-')}.tar"
    run("tar", "-C", str(tree), "--owner=0", "--group=0", "--numeric-owner", "-cf", str(file), ".")
    shutil.rmtree(tree)
    return file


def _share(there: Path, data: Path) -> None:
    """Copy an engine's data, but link the files of its images."""
    data.mkdir()
    for each in there.iterdir():
        way = "-al" if each.name == "overlay2" else "-a"
        run("cp", way, str(each), str(data / each.name), seconds=300)
