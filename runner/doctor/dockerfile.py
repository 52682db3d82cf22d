"""Read a dockerfile: its stages, their bases, and their instructions.

Only as much as the rules need. A library that does it (dockerfile-parse) leaves stages, the
defaults of arguments and heredocs to its caller, which is most of the work.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
from pathlib import Path

_WORD = re.compile(r"\s*(\w+)\s*(.*)", re.DOTALL)
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
_HEREDOC = re.compile(r"<<-?\s*[\"']?(\w+)[\"']?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Instruction:
    """Hold one instruction; ``word`` is in capitals, ``value`` is the rest of it."""

    line: int
    word: str
    value: str

    def words(self) -> list[str]:
        """Split the value, whether it is JSON or for a shell."""
        text = re.sub(r"^(--\S+\s+)+", "", self.value)
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, list):
            return [str(word) for word in found]
        try:
            return shlex.split(text)
        except ValueError:
            return text.split()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """Hold a stage of a build.

    Attributes:
        line: Where its FROM stands.
        name: What later stages call it; empty if nothing.
        image: What it begins with, with the defaults of arguments put in.
        parent: The stage that it begins with, if it is one.
        instructions: Its own instructions.
    """

    line: int
    name: str
    image: str
    parent: Stage | None
    instructions: list[Instruction]

    def base(self) -> str:
        """Give the image that it begins with in the end."""
        return self.parent.base() if self.parent else self.image

    def chain(self) -> list[Instruction]:
        """List its instructions after those of the stages that it begins with."""
        return [*(self.parent.chain() if self.parent else []), *self.instructions]

    def last(self, word: str) -> Instruction | None:
        """Give the last instruction of a kind, also of its parents: the one that holds."""
        return next((found for found in reversed(self.chain()) if found.word == word), None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dockerfile:
    """Hold a dockerfile.

    Attributes:
        path: The file.
        stages: Its stages, in their order.
        text: All of it.
    """

    path: Path
    stages: tuple[Stage, ...]
    text: str

    def ends(self) -> list[Stage]:
        """List the stages that are built to be run: those that no other stage begins with."""
        parents = {id(stage.parent) for stage in self.stages if stage.instructions}
        copied = set(re.findall(r"--from=(\S+)", self.text))
        return [
            stage
            for stage in self.stages
            if stage.instructions and id(stage) not in parents and stage.name not in copied
        ]


def read_dockerfile(path: Path) -> Dockerfile:
    """Read a dockerfile.

    Raises:
        OSError: It cannot be read.
    """
    text = path.read_bytes().decode("utf-8", "replace")
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for found in _instructions(text):
        if found.word == "FROM":
            stages.append(_stage(found, arguments, stages))
        elif stages:
            stages[-1].instructions.append(found)
        elif found.word == "ARG":
            name, _, default = found.value.partition("=")
            arguments[name.strip()] = default.strip().strip("\"'")
    return Dockerfile(path=path, stages=tuple(stages), text=text)


def _stage(found: Instruction, arguments: dict[str, str], before: list[Stage]) -> Stage:
    words = [word for word in found.value.split() if not word.startswith("--")] or [""]
    image = _VARIABLE.sub(lambda m: arguments.get(m[1] or m[3]) or m[2] or "", words[0])
    has_name = len(words) == 3 and words[1].lower() == "as"
    parents = [stage for stage in before if stage.name and stage.name == image.lower()]
    return Stage(
        line=found.line,
        name=words[2].lower() if has_name else "",
        image=image,
        parent=parents[-1] if parents else None,
        instructions=[],
    )


def _instructions(text: str) -> list[Instruction]:
    """Join the lines of each instruction; comments go, the bodies of heredocs too."""
    found: list[Instruction] = []
    parts: list[str] = []
    first, end = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        if end:
            end = "" if line.strip() == end else end
            continue
        if line.lstrip().startswith("#") or (not line.strip() and not parts):
            continue
        first = first if parts else number
        parts.append(line.rstrip().removesuffix("\\"))
        if line.rstrip().endswith("\\"):
            continue
        matched = _WORD.match(" ".join(parts))
        heredoc = _HEREDOC.search(line)
        end = heredoc[1] if heredoc else ""
        parts = []
        if matched:
            word, value = matched[1].upper(), matched[2].strip()
            found.append(Instruction(line=first, word=word, value=value))
    return found
