"""A notebook's block of PEP 723 is read by the specification's own rules."""

from __future__ import annotations

import itertools
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from support import write_notebook

from runner.notebook import document as notebook
from runner.notebook import script_metadata
from runner.notebook.script_metadata import ScriptMetadata

# The specification's reference implementation, but for what it raises.
REGEX = r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$"


def reference(script: str) -> dict[str, Any] | None:
    name = "script"
    matches = list(filter(lambda m: m.group("type") == name, re.finditer(REGEX, script)))
    if len(matches) > 1:
        raise ValueError(f"Multiple {name} blocks found")
    if len(matches) == 1:
        content = "".join(
            line[2:] if line.startswith("# ") else line[1:]
            for line in matches[0].group("content").splitlines(keepends=True)
        )
        return tomllib.loads(content)
    return None


def read(folder: Path, *sources: str) -> ScriptMetadata | None:
    return script_metadata.read(notebook.read(write_notebook(folder / "a.ipynb", *sources)))


def block(*lines: str) -> str:
    return "\n".join(["# /// script", *(f"# {line}".rstrip() for line in lines), "# ///"])


def test_it_agrees_with_the_reference_implementation(tmp_path: Path) -> None:
    """On every sequence of five lines of these kinds: begins, ends, content, and what is none."""
    kinds = ("# /// script", "# /// x", "# ///", "# dependencies = ['a']", "#", "x = 1")
    document = notebook.read(write_notebook(tmp_path / "a.ipynb", "pass"))
    for lines in itertools.product(kinds, repeat=5):
        text = "\n".join(lines)
        document.cells[0]["source"] = text
        found = script_metadata.read(document)
        try:
            expected = reference(text)
        except ValueError:  # two blocks; or what is within one is no TOML
            assert found, text
            assert found.faults, text
            continue
        names = [str(each) for each in found.dependencies] if found else []
        assert names == (expected or {}).get("dependencies", []), text
        assert not (found and expected is None and not found.faults), text


def test_it_says_packages_and_python(tmp_path: Path) -> None:
    """With where it stands; the table `tool` is others' business."""
    text = "%matplotlib inline\r\n" + block(
        "dependencies = [", '  "numpy>=1",', "]", 'requires-python = ">=3.11"', "[tool.uv]"
    ).replace("\n", "\r\n")
    found = read(tmp_path, text, "# /// script")
    assert found
    assert [str(each) for each in found.dependencies] == ["numpy>=1"]
    assert (str(found.requires_python), found.cell, found.line) == (">=3.11", 0, 2)
    assert found.faults == ()


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("\n# /// script\n# a = 1\nx = 1", 2, "has no end"),
        ("# /// script\n# dependencies = [\n#'a'\n# ]\n# ///", 3, "no space behind its #"),
        (block("dependencies = ["), 2, "no TOML"),
        (block("", "dependencies = ['a', 'b c']"), 3, "'b c' is no requirement"),
        (block("x = 1", "dependencies = 'a'"), 3, "no list"),
        (block("requires-python = 3"), 2, "no versions"),
        (block("dependencies = []", "require-python = '3'"), 3, "`require-python` is no field"),
        (f"{block('x = 1')}\n\n{block('x = 1')}", 5, "a second block"),
    ],
)
def test_a_fault_has_its_line(text: str, line: int, said: str, tmp_path: Path) -> None:
    """And what is malformed is left out."""
    found = read(tmp_path, text)
    assert found
    assert [(each.line, said in each.what) for each in found.faults if said in each.what] == [
        (line, True)
    ]
    assert all(str(each) == "a" for each in found.dependencies)


def test_only_the_first_code_cell_counts(tmp_path: Path) -> None:
    """Another's block is found for the doctor; another language has none."""
    document = notebook.read(write_notebook(tmp_path / "a.ipynb", "x = 1", "\n" + block("x = 1")))
    assert script_metadata.read(document) is None
    assert list(script_metadata.blocks_elsewhere(document)) == [(1, 2)]
    assert read(tmp_path, "# /// script") is not None
    path = write_notebook(tmp_path / "b.ipynb", block("x = 1"))
    path.write_text(path.read_text().replace('"language": "python"', '"language": "R"'))
    assert script_metadata.read(notebook.read(path)) is None
