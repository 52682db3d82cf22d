"""Find out what a record should say of a run: sources, versions, parameters, model cards.

The rules of this file:

1. Nothing here is an error: what cannot be found out is left out.
2. It takes tens of milliseconds, so it belongs beside the start of a run, not before it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.identity import Identity
from runner.notebook import locks, models, packages, script_metadata
from runner.notebook.document import Notebook, source
from runner.record.git import Commits, git
from runner.storage import urls

_CARD_FIELDS = ("sha256", "estimator", "metrics", "trained_at")
_MOST_HASHED = 100_000_000
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*")
_NO_PROSE = re.compile(r"\s*([-*+>|<#]|!\[|\d+[.)] )|    |\t|\s*$")
_LONGEST_INTRODUCTION = 1_000
_FENCE = re.compile(r" {0,3}(```|~~~)")


def run_facts(
    document: Notebook,
    values: dict[str, Any],
    *,
    path: Path,
    shown: dict[str, Any],
    with_packages: bool,
) -> dict[str, Any]:
    """Collect all facts of a run.

    Args:
        document: The notebook, as it was before papermill put the parameters in.
        values: The parameters given.
        path: The notebook's own path, of which the document may be a copy.
        shown: The parameters, as the record shows them.
        with_packages: Whether the kernel has our own Python, whose packages can be asked for.
    """
    facts: dict[str, Any] = {"parameters": json_copy(shown)}
    if document.path.is_file():
        facts |= origin_facts(path, document.path)
    if document.is_python:
        facts["model_cards"] = model_cards(document, values)
        facts |= asked_for(dataclasses.replace(document, path=path))
        if with_packages:
            asked = packages.required(path) | _dependencies(document)
            used = packages.owners(packages.imported(document))
            facts["packages"] = packages.versions(asked | used)
    return facts


def source_facts(notebook: Path) -> dict[str, Any]:
    """Say which file is run, and by which hash to know its content."""
    if not notebook.is_file():
        return {}
    content = notebook.read_bytes()
    return {"notebook": str(notebook), "notebook_sha256": hashlib.sha256(content).hexdigest()}


def cards_at_end(document: Notebook, values: dict[str, Any], earlier: Any) -> dict[str, Any]:
    """Read the model cards again at the end: the run itself may have written them.

    A server goes on with the model that it loaded, so the cards of the start stay.
    """
    cards = model_cards(document, values) if document.is_python else {}
    return {} if cards == (earlier or {}) else {"model_cards_at_end": cards}


def asked_for(document: Notebook) -> dict[str, Any]:
    """Say what a notebook's block of PEP 723 asks for, and which lock says by which versions."""
    found: dict[str, Any] = {}
    block = script_metadata.read(document)
    if block and (block.dependencies or block.requires_python):
        found["script_metadata"] = {
            "dependencies": [str(each) for each in block.dependencies],
            "requires_python": str(block.requires_python),
        }
    if lock := locks.lock_of(document):
        found["lock"] = {"file": lock.name, "sha256": lock.sha256}
    return found


def _dependencies(document: Notebook) -> set[str]:
    block = script_metadata.read(document)
    return {each.name for each in block.dependencies} if block else set()


def origin_facts(path: Path, content: Path) -> dict[str, Any]:
    """Say where a notebook comes from: of which URL it is a copy, else of which commit."""
    url = urls.url_of(path)
    return {"notebook_url": url} if url else git_facts(path, content)


def git_facts(path: Path, content: Path) -> dict[str, Any]:
    """Say which commit gave a notebook its content, as ``runner versions`` does.

    Of what was never committed it is the one that has last changed the notebook, and that it is
    something else.

    Args:
        path: The notebook's, as git knows it.
        content: A file that has what is run: the notebook, or a copy, which git does not know.
    """
    commits, folder = Commits(path), path.parent
    if not (commits.look() and commits.head):
        return {}
    if found := commits.of_content("", content):
        return {"git_commit": found.sha, "git_dirty": False}
    blob = git(folder, "hash-object", "--stdin", "--path", path.name, text=content.read_bytes())
    committed = git(folder, "rev-parse", "--quiet", "--verify", f"HEAD:./{path.name}")
    last = commits.at(commits.head)
    # Without a hash git cannot read the repository in time; without a commit's it has no such file.
    is_dirty = blob != committed if blob else None
    return {"git_commit": last.sha if last else commits.head, "git_dirty": is_dirty}


def model_cards(document: Notebook, values: dict[str, Any]) -> dict[str, Any]:
    """Read the cards of the models that a notebook names, by parameter or else by path."""
    paths = models.model_paths(document, values)
    cards = {name: _card(_place_of(path), document.path) for name, path in paths.items()}
    return {name: card for name, card in cards.items() if card}


def identity_of(
    document: Notebook, values: dict[str, Any], *, run_id: str, notebook_sha256: str
) -> Identity:
    """Say who a run is, to itself.

    Args:
        document: The notebook.
        values: The parameters given.
        run_id: The supervisor's name of the run.
        notebook_sha256: The hash of the notebook's file.
    """
    return Identity(
        run_id=run_id,
        notebook_sha256=notebook_sha256,
        notebook_title=title(document),
        notebook_introduction=introduction(document),
        model_sha256=model_sha256(document, values) if document.is_python else "",
    )


def title(document: Notebook) -> str:
    """Give a notebook's first heading; empty if it has none."""
    for cell in document.cells:
        if cell.get("cell_type") == "markdown":
            for line in _outside_fences(source(cell)):
                if (found := _HEADING.fullmatch(line)) and found[1]:
                    return found[1]
    return ""


def introduction(document: Notebook) -> str:
    """Give a notebook's first paragraph, as far as it stands before any code; empty if none does.

    It is what a reader is told first: lists, tables, quotes, pictures and HTML are no such thing.
    """
    for cell in document.cells:
        if cell.get("cell_type") != "markdown":
            return ""
        for part in re.split(r"\n\s*\n", "\n".join(_outside_fences(source(cell)))):
            lines = [line for line in part.splitlines() if line.strip()]
            while lines and _HEADING.fullmatch(lines[0]):
                del lines[0]
            if lines and not _NO_PROSE.match(lines[0]):
                return _shortened(" ".join(line.strip() for line in lines), _LONGEST_INTRODUCTION)
    return ""


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most].rsplit(maxsplit=1)[0]} …"


def model_sha256(document: Notebook, values: dict[str, Any]) -> str:
    """Give the hash of the first model that a notebook loads: its card's, else the file's.

    A file of more than 100 MB is not read for that: the start would have to wait.
    """
    named = next(iter(models.loaded_models(document, values)), "")
    if not named:
        return ""
    if card := _card(_place_of(named), document.path):
        return str(card["sha256"])
    for folder in (Path(), *document.path.absolute().parents):
        with contextlib.suppress(OSError):
            file = folder / named
            if file.is_file() and file.stat().st_size <= _MOST_HASHED:
                return hashlib.sha256(file.read_bytes()).hexdigest()
    return ""


def json_copy(value: Any) -> Any:
    """Give a copy of a value that JSON can hold."""
    return json.loads(json.dumps(value, default=str))


def _outside_fences(text: str) -> Iterator[str]:
    """List the lines of a Markdown text that are not within a block of code."""
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        elif not fence:
            yield line


def _place_of(model: str) -> Path:
    """Give a model's path, which of one that is named by URL is that of its copy."""
    with contextlib.suppress(ConfigurationError):
        return urls.place_of(model)
    return Path(model)


def _card(model: Path, notebook: Path) -> dict[str, Any]:
    """Read the card beside a model, which lies below the working folder or the project's."""
    for folder in (Path(), *notebook.absolute().parents):
        file = (folder / model).with_suffix(".json")
        try:
            card = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(card, dict) and "sha256" in card:
            return {"card": str(file)} | {name: card.get(name) for name in _CARD_FIELDS}
    return {}
