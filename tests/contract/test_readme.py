"""What the README says is true, and it is short: its commands work."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from support import ROOT, Service, is_ready, read_record, reserved_port, states, until
from support.pages import asked, blocks, first_notebook

from runner.cli import main

README = (ROOT / "README.md").read_text()
BLOCKS = blocks(README)


def shell_blocks() -> list[str]:
    return [text for language, text in BLOCKS if language == "sh"]


def test_it_is_short() -> None:
    """Who opens the project reads it through; the rest is in docs/."""
    assert len(README.splitlines()) <= 150


def test_the_first_commands() -> None:
    """A newcomer reads: install, serve, ask, test; in this order."""
    first = [block.split()[0:2] for block in shell_blocks()[:4]]
    assert first == [["pip", "install"], ["make", "serve"], ["curl", "-X"], ["make", "test"]]


def test_make_serve_and_the_curl(tmp_path: Path) -> None:
    """The README's own command serves, and its own curl gets the answer that stands there."""
    folder = clone(tmp_path)
    port = reserved_port()
    serve, curl = shell_blocks()[1:3]
    answer = next(text for language, text in BLOCKS if language == "json")
    service = Service(f"PORT={port}", cwd=folder, program=shlex.split(serve))
    try:
        service.wait_ready(port, 60)
        assert json.loads(asked(curl, port)) == json.loads(answer)
        assert states(read_record(folder / "runs/serve/out.ipynb"))["serve"] == "running"
        service.stop(signal.SIGTERM)
        until(lambda: not service.family(), 10)
        assert states(read_record(folder / "runs/serve/out.ipynb"))["serve"] == "interrupted"
    finally:
        assert service.end() == []


def clone(tmp_path: Path) -> Path:
    """What git knows of the project, with the environment that is already installed."""
    folder = tmp_path / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
        # Older than the environment: make must not install this copy into the shared one.
        os.utime(folder / name, (0, 0))
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


def test_the_first_notebook(tmp_path: Path, port: int) -> None:
    """Its two cells, as they stand there, are served and answer what stands there."""
    first_notebook(README, tmp_path / "first.ipynb")
    serve, curl = (block for block in shell_blocks() if "first" in block or "rooms" in block)
    answer = [text for language, text in BLOCKS if language == "json"][-1]
    with_port = [*shlex.split(serve)[1:], "--port", str(port)]
    service = Service(*with_port, cwd=tmp_path)
    try:
        until(lambda: is_ready(port, service), 60)
        assert json.loads(asked(curl, port)) == json.loads(answer)
        assert service.stop() == 0, service.said()
    finally:
        assert service.end() == []


def test_every_command_is_listed() -> None:
    """The list has each command of `runner`, and no other."""
    listed = re.findall(r"^runner (\w+)", README, re.MULTILINE)
    assert {*listed} == {*main.commands.commands}


def test_the_base_image_is_named_once_in_truth() -> None:
    """The compose file repeats the dockerfile's default, because 1.29 passes a blank otherwise."""
    dockerfile = (ROOT / "dockerfile").read_text()
    (base,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    assert re.search(r":\d{4}-\d\d-\d\d$", base), "a dated tag"
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    given = compose["services"]["serve"]["build"]["args"]["BASE_IMAGE"]
    assert given == f"${{BASE_IMAGE:-{base}}}"


def test_every_container_is_confined() -> None:
    """Capabilities has only the one that sets permissions; none has a disk to write to."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        assert service["mem_limit"]
        assert service["pids_limit"]
    assert [name for name, service in services.items() if "cap_add" in service] == ["prepare"]


def test_what_is_published_is_published_to_this_machine_alone() -> None:
    """Until PORT, which may name an address, says otherwise."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 5
    for port in published:
        assert re.match(r"127\.0\.0\.1:\$\{|\$\{(WSGI_)?PORT:-127\.0\.0\.1:\d+\}", port), port


def test_versions_are_exact() -> None:
    """Everything is pinned, and what pyproject.toml needs is among it, within its bounds."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if line and line[0] != "#")
    assert all(re.fullmatch(r"[\w.]+", version) for version in pins.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for needed in map(Requirement, (*project["dependencies"], *extras["serve"])):
        assert needed.specifier.contains(pins[needed.name]), needed
    tools = ("audit", "browser", "build", "docs", "make-lab", "test", "versions")
    assert all("==" in pin for extra in tools for pin in extras[extra])
