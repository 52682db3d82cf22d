"""Rules for the dockerfile: what its base image, the one of Jupyter, brings along."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.doctor.dockerfile import Dockerfile, Instruction, Stage
from runner.doctor.findings import Breach, Rule, Severity

_FROZEN = re.compile(r"((index\.|registry-1\.)?docker\.io/)?jupyter/[\w-]+")
_STACKS = re.compile(r"((quay\.io|(index\.)?docker\.io)/)?jupyter/[\w-]+")
_INITS = {"tini", "dumb-init", "catatonit", "docker-init", "s6-svscan", "/init"}
_SERVERS = re.compile(r"start-(notebook|singleuser)|jupyter|start\.sh$")


def _drops_init(dockerfile: Dockerfile) -> Iterator[Breach]:
    for stage in dockerfile.stages:
        before = stage.parent.last("ENTRYPOINT") if stage.parent else None
        has_one = _has_init(before) if before else _is_stack(stage)
        for found in stage.instructions:
            needs_one = has_one or "papermill" in found.value
            if found.word == "ENTRYPOINT" and needs_one and not _has_init(found):
                shown = " ".join(found.words())[:60]
                yield Breach(line=found.line, what=f"ENTRYPOINT `{shown}` has no init such as tini")


def _has_init(entrypoint: Instruction) -> bool:
    return any(word in _INITS or word.rpartition("/")[2] in _INITS for word in entrypoint.words())


def _inherits_check(dockerfile: Dockerfile) -> Iterator[Breach]:
    for stage in dockerfile.ends():
        command = stage.last("ENTRYPOINT") or stage.last("CMD")
        command = stage.last("CMD") if command and _has_init(command) else command
        is_jupyter = command is None or any(map(_SERVERS.search, command.words()))
        if _is_stack(stage) and not is_jupyter and not stage.last("HEALTHCHECK"):
            yield Breach(line=stage.line, what=f"no HEALTHCHECK, so that of {stage.base()} holds")


def _is_stack(stage: Stage) -> bool:
    return bool(_STACKS.match(stage.base()))


def _frozen(dockerfile: Dockerfile) -> Iterator[Breach]:
    for stage in dockerfile.stages:
        if _FROZEN.match(stage.image) and not stage.parent:
            yield Breach(line=stage.line, what=f"the base image {stage.image} is Docker Hub's")


RULES: tuple[Rule[Dockerfile], ...] = (
    Rule(
        name="entrypoint-without-init",
        severity=Severity.ERROR,
        why="the base image's tini is dropped: as process 1 papermill ignores SIGTERM, so that it "
        "is killed before its record is closed, and nothing reaps dead children",
        mend='set CMD and no ENTRYPOINT, or begin it with "tini", "-g", "--"',
        check=_drops_init,
    ),
    Rule(
        name="inherited-healthcheck",
        severity=Severity.ERROR,
        why="it asks for a Jupyter server, so that a container which runs anything else turns "
        "unhealthy",
        mend='HEALTHCHECK CMD ["runner", "probe"]',
        check=_inherits_check,
    ),
    Rule(
        name="frozen-base-image",
        severity=Severity.WARNING,
        why="the Jupyter images of Docker Hub are frozen since October 2023: no security updates",
        mend="FROM quay.io/jupyter/…, with a dated tag",
        check=_frozen,
    ),
)
