"""The dockerfile and the compose file, unmodified, on this machine's engine.

``make test-docker`` runs these; BASE_IMAGE and SLIM_IMAGE choose other base images
than the dockerfile's, BASE_DIGEST and SLIM_DIGEST say which ones exactly.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest
from support import ROOT, RUNNER, is_serving, post, reserved_port, states, text_of, until
from support.lab_client import TOKEN, ask, log_a_scalar, type_in_a_terminal, wait_for_the_scalar
from support.platforms import CONTRACTS, HOST, Start, write_service

pytestmark = [pytest.mark.docker, pytest.mark.timeout(1500)]

log = logging.getLogger(__name__)
PORTS = ("PORT", "WSGI_PORT", "JUPYTER_PORT", "TENSORBOARD_PORT", "COCKPIT_PORT")


def sh(*words: str, cwd: Path = ROOT, **variables: str) -> str:
    """Run a command, and give what it printed; its whole output if it failed."""
    done = subprocess.run(
        words,
        cwd=cwd,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def inspect(container: str, what: str) -> Any:
    return json.loads(sh("docker", "inspect", "--format", f"{{{{json .{what}}}}}", container))


def copy_of_the_project(folder: Path) -> Path:
    """What a clone holds: the files that git knows, unmodified."""
    for name in sh("git", "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return folder


class Stack:
    """The compose project of one clone, on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: reserved_port() for name in PORTS}
        self.variables = {
            **{name: str(port) for name, port in self.ports.items()},
            "PORT": f"127.0.0.1:{self.ports['PORT']}",
            "JUPYTER_TOKEN": TOKEN,
            "COMPOSE_PROJECT_NAME": f"runner-test-{uuid.uuid4().hex[:8]}",
        }
        has_plugin = subprocess.run(
            ["docker", "compose", "version"], capture_output=True, check=False
        )
        self.words = ["docker", "compose"] if has_plugin.returncode == 0 else ["docker-compose"]

    def compose(self, *words: str) -> str:
        return sh(*self.words, *words, cwd=self.folder, **self.variables)

    def container(self, service: str) -> str:
        label = f"label=com.docker.compose.project={self.variables['COMPOSE_PROJECT_NAME']}"
        mine = f"label=com.docker.compose.service={service}"
        return sh("docker", "ps", "--all", "--quiet", "--filter", label, "--filter", mine)

    def up(self, *services: str) -> None:
        self.compose("up", "--detach", *services)

    def record(self, name: str) -> Any:
        """Read a record as its owner, whose only it is, in another container than its writer's."""
        path = f"runs/{name}/out.ipynb"
        return nbformat.reads(sh("docker", "exec", self.container("jupyter"), "cat", path), 4)

    def wait_serving(self, port: str = "PORT") -> None:
        until(lambda: is_serving(self.ports[port]), 120)

    def jupyter(self, path: str, token: str = "", body: Any = None) -> Any:
        """Ask the Jupyter server; the status if it refuses."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['JUPYTER_PORT']}{path}",
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"token {token}"} if token else {},
            method="PUT" if body else "GET",
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code
        except OSError:
            return None


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """``docker-compose up`` in a fresh clone, all of it removed afterwards."""
    stack = Stack(copy_of_the_project(tmp_path_factory.mktemp("clone")))
    try:
        stack.compose("build")  # an image of this name may be there, of an older clone
        stack.up()
        stack.wait_serving()
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "20")


def test_the_service_answers(stack: Stack) -> None:
    """``docker-compose up``, then the curl."""
    assert post(stack.ports["PORT"]) == (200, {"val": 0})


def test_training_came_first_and_ended_well(stack: Stack) -> None:
    """The train service has run once and is done; its executed notebook is on the host."""
    assert inspect(stack.container("train"), "State.ExitCode") == 0
    record = stack.record("train")
    assert set(states(record).values()) == {"completed"}


def test_the_record_is_on_the_host_while_it_serves(stack: Stack) -> None:
    """Jupyter reads out.ipynb, which shows the serving cell running; nobody writes it meanwhile."""
    until(lambda: "serving ASGI on" in text_of(stack.record("serve").cells[-1]), 10)
    assert states(stack.record("serve"))["serve"] == "running"
    found = (stack.folder / "runs/serve/out.ipynb").stat()
    assert (found.st_uid, found.st_mode & 0o777) == (1000, 0o400)


def test_a_later_start_leaves_records_to_their_owner(stack: Stack) -> None:
    """What lets the image's user write opens what is another's, and nothing that is its own."""
    record, others = stack.folder / "runs/serve/out.ipynb", stack.folder / "runs/others.txt"
    others.write_text("")
    others.chmod(0o600)
    stack.compose("up", "prepare")
    assert record.stat().st_mode & 0o777 == 0o400  # it serves
    assert (others.stat().st_gid, others.stat().st_mode & 0o777) == (100, 0o660)


@pytest.mark.parametrize("service", ["serve", "jupyter"])
def test_a_container_is_confined(stack: Stack, service: str) -> None:
    """No capability nor a way to one, a read-only disk, bounds, and a port of this machine."""
    container = stack.container(service)
    said = sh("docker", "exec", container, "grep", "-hE", "^(Cap|NoNew)", "/proc/1/status")
    facts = dict(line.split() for line in said.splitlines())
    assert facts.pop("NoNewPrivs:") == "1"
    assert {int(held, 16) for held in facts.values()} == {0}
    refused = sh("docker", "exec", container, "sh", "-c", "touch /opt/conda/x /etc/x 2>&1 || true")
    assert refused.count("Read-only file system") == 2
    bounds = inspect(container, "HostConfig")
    assert bounds["Memory"] == 4 << 30
    assert bounds["PidsLimit"] == 2048
    published = inspect(container, "NetworkSettings.Ports").values()
    assert {port["HostIp"] for ports in published for port in ports or []} == {"127.0.0.1"}


def test_no_kernel_listens_by_tcp(stack: Stack) -> None:
    """Of what serves, only the port does: another container of the network finds no way in."""
    container = stack.container("serve")
    table = sh("docker", "exec", container, "cat", "/proc/net/tcp", "/proc/net/tcp6")
    lines = [line.split() for line in table.splitlines() if ":" in line]
    listening = {words[1].rpartition(":")[2] for words in lines if words[3] == "0A"}
    resolver = {words[1] for words in lines if words[1].startswith("0B00007F")}  # Docker's own
    assert listening - {address.rpartition(":")[2] for address in resolver} == {f"{8000:04X}"}


def test_every_container_is_healthy(stack: Stack) -> None:
    """Neither service inherits a health check that cannot succeed."""
    for service in ("serve", "jupyter"):
        container = stack.container(service)
        until(lambda name=container: inspect(name, "State.Health.Status") == "healthy", 60)


def test_jupyter_answers_only_with_the_token(stack: Stack) -> None:
    """On 8888, of this machine only, and nothing of the notebooks without the token."""
    until(lambda: stack.jupyter("/api"), 60)
    assert stack.jupyter("/api/contents") == 403
    names = [found["name"] for found in stack.jupyter("/api/contents", TOKEN)["content"]]
    assert {"notebooks", "model", "runs"} <= set(names)
    (binding,) = inspect(stack.container("jupyter"), "NetworkSettings.Ports")["8888/tcp"]
    assert binding["HostIp"] == "127.0.0.1"


def test_the_notebook_saved_in_jupyter_is_the_one_that_is_served(stack: Stack) -> None:
    """Edit in Jupyter, save: the edit is served. Stop and up again: still. The stop is clean."""
    until(lambda: stack.jupyter("/api"), 60)
    path = "/api/contents/notebooks/serve.ipynb"
    model = stack.jupyter(path, TOKEN)
    cell = next(cell for cell in model["content"]["cells"] if cell["id"] == "serve")
    cell["source"] = cell["source"].replace('"val"', '"value"')
    stack.jupyter(path, TOKEN, body=model)
    assert '\\"value\\"' in (stack.folder / "notebooks/serve.ipynb").read_text()
    until(lambda: _answer(stack) == {"value": 0}, 60)

    container, began = stack.container("serve"), time.monotonic()
    sh("docker", "stop", "--time", "15", container)
    assert time.monotonic() - began < 8
    assert inspect(container, "State.ExitCode") == 0
    record = stack.record("serve")
    assert states(record)["serve"] == "interrupted"
    assert record.metadata.runner.status == "stopped"

    stack.up()
    until(lambda: _answer(stack) == {"value": 0}, 120)


def _answer(stack: Stack) -> Any:
    try:
        return post(stack.ports["PORT"])[1]
    except (OSError, ValueError):
        return None


def test_the_wsgi_notebook_has_a_profile(stack: Stack) -> None:
    """It runs beside the other, on a port of its own."""
    stack.compose("--profile", "wsgi", "up", "--detach", "serve-wsgi")
    stack.wait_serving("WSGI_PORT")
    assert post(stack.ports["WSGI_PORT"]) == (200, {"val": 0})
    container = stack.container("serve-wsgi")
    sh("docker", "rm", "--force", container)


def test_the_lab_has_a_profile(stack: Stack) -> None:
    """TensorBoard beside JupyterLab, of this machine only, healthy, on what training writes."""
    assert stack.container("tensorboard") == ""
    log_a_scalar(stack.folder / "runs/logs")
    stack.compose("--profile", "lab", "build", "tensorboard")
    stack.compose("--profile", "lab", "up", "--detach", "tensorboard", "jupyter")
    port = stack.ports["TENSORBOARD_PORT"]
    until(lambda: ask(port, "/data/environment")[0] == 200, 120)
    wait_for_the_scalar(port)
    container = stack.container("tensorboard")
    until(lambda: inspect(container, "State.Health.Status") == "healthy", 60)
    (binding,) = inspect(container, "NetworkSettings.Ports")["6006/tcp"]
    assert binding["HostIp"] == "127.0.0.1"
    sh("docker", "stop", "--time", "15", container)
    assert inspect(container, "State.ExitCode") == 0
    sh("docker", "rm", container)


def test_the_cockpit_has_a_profile(stack: Stack) -> None:
    """Of this machine only; it sees what another container serves, by the folder they share."""
    stack.compose("--profile", "cockpit", "build", "cockpit")
    stack.compose("--profile", "cockpit", "up", "--detach", "cockpit")
    container, port = stack.container("cockpit"), stack.ports["COCKPIT_PORT"]
    until(lambda: inspect(container, "State.Health.Status") == "healthy", 120)
    (binding,) = inspect(container, "NetworkSettings.Ports")["8002/tcp"]
    assert binding["HostIp"] == "127.0.0.1"
    token = re.findall(r"\?token=(\w+)", sh("docker", "logs", container))[0]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/").status_code == 401
        client.get("/", params={"token": token})
        until(lambda: ">serving</span>" in client.get("/").text)
    sh("docker", "stop", "--time", "15", container)
    assert inspect(container, "State.ExitCode") == 0
    sh("docker", "rm", container)


def test_jupyter_has_a_terminal_of_the_image(stack: Stack) -> None:
    """What runs there has the image's environment, and the drawing its packages."""
    until(lambda: stack.jupyter("/api"), 60)
    line = "python -c 'import ipympl, runner, sys; print(f\"<{sys.prefix}> {1}\")'; pwd"
    shown = type_in_a_terminal(stack.ports["JUPYTER_PORT"], line, "> 1\r\n/home/jovyan")
    assert "</opt/conda> 1" in shown


def test_a_killed_kernel_is_replaced(stack: Stack) -> None:
    """The supervisor brings the service back; the container never ends."""
    container = stack.container("serve")
    sh("docker", "exec", container, "pkill", "-9", "-f", "ipykernel_launcher")
    until(lambda: _answer(stack), 60)
    assert inspect(container, "RestartCount") == 0


@pytest.fixture(scope="module")
def slim(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The slim image, built from a fresh clone."""
    folder, tag = copy_of_the_project(tmp_path_factory.mktemp("slim")), "runner:slim"
    args = [
        word
        for name in ("BASE_IMAGE", "SLIM_IMAGE", "BASE_DIGEST", "SLIM_DIGEST")
        if name in os.environ
        for word in ("--build-arg", f"{name}={os.environ[name]}")
    ]
    sh("docker", "build", "--target", "slim", *args, "--tag", tag, ".", cwd=folder)
    return tag


def test_the_slim_image_serves_the_same_model(stack: Stack, slim: str) -> None:
    """Without Jupyter's servers it answers the same, is smaller, and stops as cleanly."""
    sizes = {
        tag: int(sh("docker", "image", "inspect", "-f", "{{.Size}}", tag))
        for tag in (
            "runner:latest",
            slim,
        )
    }
    log.info("image sizes, MB: %s", {tag: round(size / 1e6) for tag, size in sizes.items()})
    assert sizes[slim] < sizes["runner:latest"]
    volume = f"{stack.variables['COMPOSE_PROJECT_NAME']}_model:/home/jovyan/model:ro"
    port = reserved_port()
    container = sh(
        *("docker", "run", "--detach", "--volume", volume, "--publish", f"127.0.0.1:{port}:8000"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"),
        *("--tmpfs", "/tmp", "--tmpfs", "/home/jovyan/runs:uid=1000", "--env", "HOME=/tmp"),
        slim,
    )
    try:
        until(lambda: is_serving(port), 60)
        assert post(port) == (200, {"val": 0})
        assert sh("docker", "exec", container, "sh", "-c", "which jupyter-lab || true") == ""
        sh("docker", "stop", "--time", "15", container)
        assert inspect(container, "State.ExitCode") == 0
    finally:
        sh("docker", "rm", "--force", container)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
def test_the_slim_image_keeps_a_platform_s_contract(
    contract: Callable[[Start], None], slim: str, tmp_path: Path
) -> None:
    """Cloud Run, Vertex AI, SageMaker and KServe start it, ask it, and end it by SIGTERM."""
    brought = write_service(tmp_path / "brought")

    @contextlib.contextmanager
    def begin(
        words: list[str], variables: Mapping[str, str], folder: str, port: int
    ) -> Iterator[int]:
        published = reserved_port()
        said = [f"{name}={text.format(folder=folder)}" for name, text in variables.items()]
        container = sh(
            *("docker", "run", "--detach", "--publish", f"{HOST}:{published}:{port}"),
            *("--volume", f"{brought}:{folder}:ro", "--user", "54321:0"),
            *(word for each in said for word in ("--env", each)),
            *(slim, *(word.format(folder=folder) for word in words)),
        )
        try:
            yield published
            sh("docker", "stop", "--time", "15", container)
            assert inspect(container, "State.ExitCode") == 0
        finally:
            sh("docker", "rm", "--force", container)

    contract(begin)


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `runner init` writes, trained here, with the image that `runner image` writes of it."""
    folder = tmp_path_factory.mktemp("laid") / "irises"
    sh(*RUNNER, "init", str(folder), cwd=ROOT)
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    source = copy_of_the_project(tmp_path_factory.mktemp("source"))
    sh(*wheel, "--wheel-dir", str(folder / "wheels"), ".", cwd=source)  # which no index has
    sh(*RUNNER, "run", "train.ipynb", cwd=folder)
    (base,) = re.findall(r"^ARG SLIM_IMAGE=(\S+)", (ROOT / "dockerfile").read_text(), re.MULTILINE)
    base = os.environ.get("SLIM_IMAGE", base) + os.environ.get("SLIM_DIGEST", "")
    notebooks = ("serve.ipynb", "train.ipynb")
    sh(*RUNNER, "image", *notebooks, "--write", "--base", base, cwd=folder)
    (folder / ".env").write_text("PASSWORD=x\n")
    return folder


def test_a_printed_dockerfile_builds_what_serves(laid_out: Path) -> None:
    """It answers, is healthy, ends cleanly, lists its packages, and has no secret of the folder."""
    tag = f"runner-test-{uuid.uuid4().hex[:8]}"
    build = ("docker", "build", "--quiet", "--tag", tag, "--build-arg", "REVISION=abc", ".")
    sh(*build, cwd=laid_out)
    port = reserved_port()
    container = sh(
        *("docker", "run", "--detach", "--publish", f"127.0.0.1:{port}:8000", "--cap-drop", "ALL"),
        *("--security-opt", "no-new-privileges", "--read-only", "--tmpfs", "/tmp"),
        *("--tmpfs", "/home/jovyan/runs:uid=1000", "--env", "HOME=/tmp", tag),
    )
    try:
        until(lambda: is_serving(port), 120)
        assert post(port) == (200, {"prediction": 0, "class": "setosa"})
        until(lambda: inspect(container, "State.Health.Status") == "healthy", 60)
        labels = inspect(container, "Config.Labels")
        assert labels["org.opencontainers.image.revision"] == "abc"
        listed = json.loads(sh("docker", "exec", container, "cat", labels["runner.sbom"]))
        names = {each["name"] for each in listed["components"]}
        assert {"notebook-runner", "scikit-learn"} <= names
        assert sh("docker", "exec", container, "id", "-u") == "1000"
        assert ".env" not in sh("docker", "exec", container, "ls", "-A").split()
        sh("docker", "stop", "--time", "15", container)
        assert inspect(container, "State.ExitCode") == 0
        notebook = laid_out / "serve.ipynb"
        before = json.loads(sh("docker", "inspect", "-f", "{{json .RootFS.Layers}}", tag))
        notebook.write_text(notebook.read_text().replace("# Serve the model", "# Serve it"))
        sh(*build, cwd=laid_out)
        after = json.loads(sh("docker", "inspect", "-f", "{{json .RootFS.Layers}}", tag))
        assert [one == other for one, other in zip(before, after, strict=True)][-2:] == [
            True,
            False,
        ]
        assert before[:-1] == after[:-1]
    finally:
        sh("docker", "rm", "--force", container)
        sh("docker", "rmi", "--force", tag)


def test_a_new_project_trains_and_serves_in_containers(laid_out: Path) -> None:
    """By the compose file that was written: the model is trained there, and then served."""
    stack = Stack(laid_out)
    try:
        stack.up()
        stack.wait_serving()
        assert post(stack.ports["PORT"])[1]["class"] == "setosa"
        assert inspect(stack.container("train"), "State.ExitCode") == 0
    finally:
        stack.compose("down", "--volumes", "--rmi", "local", "--timeout", "20")
