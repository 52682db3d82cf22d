"""The recipes for sweeps on many machines run every share once, and then gather."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import ROOT
from support.pages import blocks

from runner.cli.sweep import sweep
from runner.sweep.shards import Shard, shard_of

PAGE = ROOT / "docs/how-to/sweep-machines.md"
ALL = [Shard(index, 4) for index in range(1, 5)]
# Notes what it is called with, and what tells it its share, in a file of its own.
RUNNER = """#!/bin/sh
{ env | grep -E '^(SLURM|RUNNER|JOB)_'; printf 'word=%s\\n' "$@"; } > "$(mktemp calls/XXXXXX)"
"""
SBATCH = """#!/bin/sh
case "$2" in --wrap) sh -c "$3";; *) echo 4711;; esac
"""


class Floor:
    """A folder in which recipes call a ``runner`` that only notes how."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in {"runner": RUNNER, "sbatch": SBATCH}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        (folder / "calls").mkdir()

    def run(self, text: str, **environ: str) -> None:
        path = f"{self.folder}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(
            ["bash", "-euc", text],
            cwd=self.folder,
            env=os.environ | environ | {"PATH": path},
            check=True,
            timeout=60,
        )

    def calls(self) -> tuple[list[Shard], int]:
        """Which shares were run, and how many times was gathered; all by options that exist."""
        shards, gathered = [], 0
        for path in (self.folder / "calls").iterdir():
            lines = [line.partition("=") for line in path.read_text().splitlines()]
            command, *words = [value for name, _, value in lines if name == "word"]
            assert command == "sweep"
            environ = {name: value for name, _, value in lines if name != "word"}
            given = sweep.make_context("sweep", words).params
            if given["report_only"]:
                gathered += 1
            else:
                count = given["shards"] or int(environ.get("RUNNER_SHARDS", "0"))
                shards.append(shard_of(given["shard"], count, environ))
        return sorted(shards, key=lambda shard: shard.index), gathered


@pytest.fixture
def floor(tmp_path: Path) -> Floor:
    return Floor(tmp_path)


def block(language: str, mark: str) -> str:
    """The one block of the page that has a mark."""
    (found,) = (
        text for kind, text in blocks(PAGE.read_text()) if kind == language and mark in text
    )
    return found


def test_gnu_parallel(floor: Floor) -> None:
    """Where it is installed, as Debian has it."""
    if not shutil.which("parallel"):
        pytest.skip("GNU parallel is not installed")
    floor.run(block("sh", "parallel runner"))
    assert floor.calls() == (ALL, 1)


def test_xargs(floor: Floor) -> None:
    """It is everywhere."""
    floor.run(block("sh", "xargs"))
    assert floor.calls() == (ALL, 1)


def test_a_slurm_array(floor: Floor) -> None:
    """Its tasks know their share by Slurm's variables; a job behind it gathers."""
    script = block("sh", "#SBATCH")
    (first, last) = re.findall(r"--array=(\d+)-(\d+)", script)[0]
    for task in range(int(first), int(last) + 1):
        known = {"ID": task, "MIN": first, "MAX": last, "STEP": 1}
        known["COUNT"] = int(last) - int(first) + 1
        floor.run(script, **{f"SLURM_ARRAY_TASK_{name}": str(n) for name, n in known.items()})
    floor.run(block("sh", "sbatch --parsable"))
    assert floor.calls() == (ALL, 1)


def test_a_kubernetes_indexed_job(floor: Floor) -> None:
    """Each of its pods has the index of its share."""
    job = yaml.safe_load(block("yaml", "kind: Job"))
    (container,) = job["spec"]["template"]["spec"]["containers"]
    environ = {each["name"]: each["value"] for each in container["env"]}
    for index in range(job["spec"]["completions"]):
        words = " ".join(f"'{word}'" for word in container["command"])
        floor.run(words, **environ, JOB_COMPLETION_INDEX=str(index))
    assert floor.calls() == (ALL, 0)


def test_the_indexed_job_is_valid() -> None:
    """By the newest schemas of Kubernetes, with no field that they do not know."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    job = yaml.safe_load(block("yaml", "kind: Job"))
    kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)


def test_an_argo_workflow(floor: Floor) -> None:
    """Its steps come in order, and the last one gathers."""
    workflow = yaml.safe_load(block("yaml", "kind: Workflow"))
    entry, runner = workflow["spec"]["templates"]
    (shards,), (gather,) = entry["steps"]
    sequence = shards["withSequence"]
    for item in range(int(sequence["start"]), int(sequence["end"]) + 1):
        run_argo(floor, runner, shards, str(item))
    run_argo(floor, runner, gather, "")
    assert floor.calls() == (ALL, 1)


def run_argo(floor: Floor, template: Any, step: Any, item: str) -> None:
    assert step["template"] == template["name"]
    (parameter,) = step["arguments"]["parameters"]
    words = parameter["value"].replace("{{item}}", item)
    shell, option, text = (*template["container"]["command"], *template["container"]["args"])
    assert (shell, option) == ("sh", "-c")
    floor.run(text.replace("{{inputs.parameters.words}}", words))


class Operator:
    """Stand in for Airflow's: keep what a task runs."""

    commands: list[str]

    def __init__(self, **given: Any) -> None:
        self.commands = [given["bash_command"]]

    @classmethod
    def partial(cls, **given: Any) -> Any:
        return types.SimpleNamespace(expand=lambda bash_command: bash_command)

    def __rrshift__(self, earlier: list[str]) -> None:
        self.commands = [*earlier, *self.commands]


class Dag:
    """Stand in for Airflow's."""

    def __init__(self, *given: Any, **named: Any) -> None: ...

    def __enter__(self) -> None: ...

    def __exit__(self, *error: Any) -> None: ...


def test_an_airflow_dag(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What its tasks run; that Airflow takes it is not tested here."""
    bash, sdk = types.ModuleType("bash"), types.ModuleType("sdk")
    bash.BashOperator, sdk.DAG = Operator, Dag  # type: ignore[attr-defined] # they are made here
    monkeypatch.setitem(sys.modules, "airflow.providers.standard.operators.bash", bash)
    monkeypatch.setitem(sys.modules, "airflow.sdk", sdk)
    for name in ("airflow", "airflow.providers", "airflow.providers.standard"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(
        sys.modules, "airflow.providers.standard.operators", types.ModuleType("operators")
    )
    names: dict[str, Any] = {}
    exec(block("python", "BashOperator"), names)
    for command in names["gather"].commands:
        floor.run(command)
    assert floor.calls() == (ALL, 1)
