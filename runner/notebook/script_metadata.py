"""Read what a notebook asks for in a block of PEP 723 in its first code cell.

The rules are those of the specification, "Inline script metadata": a block is a run of comments
between ``# /// script`` and the last ``# ///`` of it; one without an end is no block; two are an
error. Its fields are ``dependencies``, ``requires-python`` and the table ``tool``, which is not
read.

Nothing is raised: what is malformed is left out, and said with its line. What reads TOML and
versions is imported where there is a block: every run looks for one, and few notebooks have it.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runner.notebook.code import lines_of
from runner.notebook.document import Notebook, source

if TYPE_CHECKING:
    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

_BEGIN = re.compile(r"# /// ([a-zA-Z0-9-]+)")
_END = "# ///"
_FIELDS = ("dependencies", "requires-python", "tool")
_LONGEST = 1_000_000  # characters; the same as of a cell that is read as Python


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """Say what is wrong with a block, and in which line of its cell; a line from 1 on."""

    line: int
    what: str


def _any_version() -> SpecifierSet:
    from packaging.specifiers import SpecifierSet

    return SpecifierSet()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScriptMetadata:
    """Hold what a block asks for.

    Attributes:
        cell: The index of its cell.
        line: Where it begins in the cell, from 1 on.
        dependencies: The packages.
        requires_python: The versions of Python; any if it is empty.
        faults: What is malformed, and so left out.
    """

    cell: int
    line: int
    dependencies: tuple[Requirement, ...] = ()
    requires_python: SpecifierSet = dataclasses.field(default_factory=_any_version)
    faults: tuple[Fault, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Block:
    """Hold the content of a block, and the line of its beginning."""

    line: int
    content: list[str]


def read(document: Notebook) -> ScriptMetadata | None:
    """Read the block of a notebook; None if there is no sign of one."""
    cell = next((n for n, raw in enumerate(document.cells) if raw["cell_type"] == "code"), -1)
    text = source(document.cells[cell]) if cell >= 0 and document.is_python else ""
    if "# /// script" not in text or len(text) > _LONGEST:
        return None
    blocks, unclosed = _blocks(lines_of(text))
    if not blocks:
        faults = tuple(unclosed)
        return ScriptMetadata(cell=cell, line=faults[0].line, faults=faults) if faults else None
    first, *others = blocks
    if others:
        fault = Fault(line=others[0].line, what="a second block `script`, so that none counts")
        return ScriptMetadata(cell=cell, line=first.line, faults=(fault,))
    found = ScriptMetadata(cell=cell, line=first.line, faults=tuple(unclosed))
    import tomllib

    try:
        fields = tomllib.loads("\n".join(first.content))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        line = first.line + (_line_of(error) or len(first.content))
        return dataclasses.replace(found, faults=(Fault(line=line, what=f"no TOML: {error}"),))
    return _read_fields(found, fields, first)


def _blocks(lines: list[str]) -> tuple[list[_Block], list[Fault]]:
    """Find the blocks of the type ``script``, and those that have no end."""
    found, faults = [], []
    number = 0
    while number < len(lines):
        begins = _BEGIN.fullmatch(lines[number])
        number += 1
        if not begins:
            continue
        until = next(
            (n for n in range(number, len(lines)) if not _is_content(lines[n])), len(lines)
        )
        end = next((n for n in range(until - 1, number, -1) if lines[n] == _END), 0)
        if begins[1] == "script" and end:
            content = [line[2:] if line[1:2] == " " else line[1:] for line in lines[number:end]]
            found.append(_Block(line=number, content=content))
        elif begins[1] == "script":
            faults.append(_unclosed(number, until, lines))
        number = end + 1 if end else number if begins[1] != "script" else until
    return found, faults


def _is_content(line: str) -> bool:
    return line == "#" or line.startswith("# ")


def _unclosed(begin: int, until: int, lines: list[str]) -> Fault:
    if until < len(lines) and lines[until].startswith("#"):
        what = f"`{lines[until][:40]}` has no space behind its #, which ends the block too early"
        return Fault(line=until + 1, what=what)
    return Fault(line=begin, what=f"the block that begins here has no end `{_END}` below comments")


def _line_of(error: Exception) -> int:
    """Give the line that an error of TOML is about: in its text before Python 3.14; 0 if none."""
    if line := getattr(error, "lineno", 0):
        return int(line)
    said = re.search(r"at line (\d+)", str(error))
    return int(said[1]) if said else 0


def _read_fields(found: ScriptMetadata, fields: dict[str, Any], block: _Block) -> ScriptMetadata:
    from packaging.requirements import InvalidRequirement, Requirement

    faults = list(found.faults)

    def fault(text: str, what: str) -> None:
        inner = (n for n, line in enumerate(block.content, 1) if text in line)
        faults.append(Fault(line=block.line + next(inner, 0), what=what))

    for name in sorted(fields.keys() - set(_FIELDS)):
        fault(name, f"`{name}` is no field; there are {', '.join(_FIELDS)}")
    python = _versions(fields.get("requires-python", ""))
    if python is None:
        asked = fields["requires-python"]
        fault("requires-python", f'requires-python is {asked!r}, no versions such as ">=3.11"')
    wanted = fields.get("dependencies", [])
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
        fault("dependencies", "dependencies is no list of texts")
        wanted = []
    dependencies = []
    for each in wanted:
        try:
            dependencies.append(Requirement(each))
        except InvalidRequirement as error:
            fault(each, f"{each!r} is no requirement: {str(error).splitlines()[0]}")
    return dataclasses.replace(
        found,
        dependencies=tuple(dependencies),
        requires_python=python or _any_version(),
        faults=tuple(faults),
    )


def _versions(asked: Any) -> SpecifierSet | None:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        return SpecifierSet(asked) if isinstance(asked, str) else None
    except InvalidSpecifier:
        return None


def blocks_elsewhere(document: Notebook) -> Iterator[tuple[int, int]]:
    """Give where blocks stand that nobody reads: in code cells below the first, index and line."""
    codes = [n for n, raw in enumerate(document.cells) if raw["cell_type"] == "code"]
    for index in codes[1:] if document.is_python else ():
        for number, line in enumerate(lines_of(source(document.cells[index])), 1):
            if line == "# /// script":
                yield index, number
