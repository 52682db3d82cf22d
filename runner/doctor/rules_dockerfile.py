"""Rules for the dockerfile: process 1, the health check, the base image, who owns the files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.doctor.dockerfile import Dockerfile, Instruction, Stage
from runner.doctor.findings import Rule, Severity, Spot

_FROZEN = re.compile(r"((index\.|registry-1\.)?docker\.io/)?jupyter/[\w-]+")
_STACKS = re.compile(r"((quay\.io|(index\.)?docker\.io)/)?jupyter/[\w-]+")
_INITS = {"tini", "dumb-init", "catatonit", "docker-init", "s6-svscan", "/init"}
_SERVERS = re.compile(r"start-(notebook|singleuser)|jupyter|start\.sh$")
_SYSTEM = ("/tmp", "/opt", "/usr", "/etc", "/bin", "/lib", "/var", "/srv", "/root")  # noqa: S108 - names only
_OWNED = re.compile(r"\b(chown|fix-permissions)\b")
_ROOTS = {"root", "0", "root:root", "0:0"}


def _drops_init(dockerfile: Dockerfile) -> Iterator[Spot]:
    for stage in dockerfile.stages:
        before = stage.parent.last("ENTRYPOINT") if stage.parent else None
        has_one = _has_init(before) if before else _is_stack(stage)
        for found in stage.instructions:
            needs_one = has_one or "papermill" in found.value
            if found.word == "ENTRYPOINT" and needs_one and not _has_init(found):
                shown = " ".join(found.words())[:60]
                yield Spot(line=found.line, what=f"ENTRYPOINT `{shown}` has no init such as tini")


def _has_init(entrypoint: Instruction) -> bool:
    return any(word in _INITS or word.rpartition("/")[2] in _INITS for word in entrypoint.words())


def _inherits_check(dockerfile: Dockerfile) -> Iterator[Spot]:
    for stage in dockerfile.ends():
        command = stage.last("ENTRYPOINT") or stage.last("CMD")
        command = stage.last("CMD") if command and _has_init(command) else command
        is_jupyter = command is None or any(map(_SERVERS.search, command.words()))
        if _is_stack(stage) and not is_jupyter and not stage.last("HEALTHCHECK"):
            yield Spot(line=stage.line, what=f"no HEALTHCHECK, so that of {stage.base()} holds")


def _is_stack(stage: Stage) -> bool:
    return bool(_STACKS.match(stage.base()))


def _frozen(dockerfile: Dockerfile) -> Iterator[Spot]:
    for stage in dockerfile.stages:
        if _FROZEN.match(stage.image) and not stage.parent:
            yield Spot(line=stage.line, what=f"the base image {stage.image} is Docker Hub's")


def _owned_by_root(dockerfile: Dockerfile) -> Iterator[Spot]:
    for stage in dockerfile.stages:
        user = stage.last("USER")
        is_root = user.value in _ROOTS if user else not _is_stack(stage)
        if is_root:
            continue
        for number, found in enumerate(stage.instructions):
            later = stage.instructions[number + 1 :]
            if found.word in ("COPY", "ADD") and _is_roots(found) and not _is_mended(later):
                target = found.words()[-1] if found.words() else ""
                yield Spot(line=found.line, what=f"{found.word} to {target} makes files of root's")


def _is_roots(copy: Instruction) -> bool:
    has_owner = any(flag.startswith("--chown") for flag in copy.flags())
    target = copy.words()[-1] if copy.words() else ""
    return not has_owner and not target.startswith(_SYSTEM)


def _is_mended(later: list[Instruction]) -> bool:
    return any(found.word == "RUN" and _OWNED.search(found.value) for found in later)


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
    Rule(
        name="root-owned-copy",
        severity=Severity.WARNING,
        why="COPY makes files of root's whatever USER says, and the image's user cannot write them",
        mend="COPY --chown=${NB_UID}:${NB_GID} … (or the image's own user)",
        check=_owned_by_root,
    ),
)
