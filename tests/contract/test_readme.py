"""What the README says is true: its commands work, its tables are complete."""

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

import click
import yaml
from support import ROOT, Service, free_port, read_record, states, until

from runner import errors
from runner.cli import main
from runner.config import variable
from runner.doctor.examine import ALL_RULES
from runner.record import record

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def shell_blocks() -> list[str]:
    return [text.replace("\\\n", " ") for language, text in BLOCKS if language == "sh"]


def options() -> list[click.Option]:
    found = [option for command in main.commands.commands.values() for option in command.params]
    return [option for option in found if isinstance(option, click.Option)]


def test_the_first_commands_are_the_two() -> None:
    """A newcomer reads: serve, ask, test, Docker; in this order."""
    first = [block.split()[0:2] for block in shell_blocks()[:4]]
    assert first == [["make", "serve"], ["curl", "-X"], ["make", "test"], ["docker-compose", "up"]]


def test_make_serve_and_the_curl(tmp_path: Path) -> None:
    """The README's own command serves, and its own curl gets the answer that stands there."""
    folder = clone(tmp_path)
    port = free_port()
    serve, curl = shell_blocks()[:2]
    (answer,) = (text for language, text in BLOCKS if language == "json")
    service = Service(f"PORT={port}", cwd=folder, program=shlex.split(serve))
    try:
        service.wait_ready(port, 60)
        words = shlex.split(curl.replace("localhost:8000", f"127.0.0.1:{port}"))
        said = subprocess.run([*words, "-sS"], capture_output=True, check=True, timeout=10).stdout
        assert json.loads(said) == json.loads(answer)
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


def test_every_option_is_listed() -> None:
    """The table has each option with its variable and its default, and no other."""
    rows = re.findall(r"^\| (`-.*?) \|(.*?)\|(.*?)\|", README, re.MULTILINE)
    table = {re.findall(r"--[a-z-]+", row[0])[0]: (row[1].strip(), row[2].strip()) for row in rows}
    assert table == {max(option.opts, key=len): described(option) for option in options()}


def described(option: click.Option) -> tuple[str, str]:
    """The second and third column of an option's row."""
    if not option.envvar:
        return "", ""
    name = max(option.opts, key=len)
    words = {True: "on", False: "off"} if isinstance(option.default, bool) else {}
    default = words.get(option.default, f"`{option.default}`".replace(".0`", "`"))
    return f"`{variable(name)}`", default


def test_every_exit_code_is_listed() -> None:
    """The table says what the error tree says."""
    for error in (errors.RunnerError, *errors.EXIT_CODES):
        assert f"| {error.exit_code} | {error.meaning} |" in README


def test_every_rule_is_listed() -> None:
    """The doctor's rules stand in their table, and no other."""
    (table,) = re.findall(r"^\| rule \| finds \|\n.*?\n\n", README, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)
    assert rows == [rule.name for rule in ALL_RULES]


def test_every_state_is_listed() -> None:
    """Whoever reads out.ipynb can look each word up."""
    for status in record.CellStatus:
        assert f"| `{status}` |" in README
    for run_status in record.RunStatus:
        assert f"`{run_status}`" in README


def test_every_make_target_exists() -> None:
    """A command that the README names is in the Makefile."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"`make ([a-z-]+)", README)
    assert named
    assert set(named) <= set(targets)


def test_every_service_is_listed() -> None:
    """The compose file's services stand in the table."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    for service in compose["services"]:
        assert f"| `{service}` |" in README


def test_the_base_image_is_named_once_in_truth() -> None:
    """The compose file repeats the dockerfile's default, because 1.29 passes a blank otherwise."""
    dockerfile = (ROOT / "dockerfile").read_text()
    (base,) = re.findall(r"^ARG BASE_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    assert re.search(r":\d{4}-\d\d-\d\d$", base), "a dated tag"
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    given = compose["services"]["serve"]["build"]["args"]["BASE_IMAGE"]
    assert given == f"${{BASE_IMAGE:-{base}}}"


def test_versions_are_exact() -> None:
    """Everything is pinned, and what pyproject.toml needs is among it."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if line and line[0] != "#"]
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", pin) for pin in pins)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {pin.partition("==")[0] for pin in pins}
    extras = project["optional-dependencies"]
    assert {*project["dependencies"], *extras["serve"]} <= names
    assert all("==" in pin for extra in ("browser", "lab", "test") for pin in extras[extra])
