"""Write a notebook that repeats a recorded request, so that its failure can be looked into.

The rules of this file:

1. It has the cells of the version that answered, up to the one that serves, then the request, then
   the call, in the kernel itself: see `runner.serving.debugging`. A body that was not recorded is
   asked for before: without it another error would come. Annotated cells have no server:
   of these it has the one that answered, behind the ``REQUEST`` that it got.
2. What a request says stands in it as a Python literal and nowhere else: no comment and no text has
   anything that could become code.
3. The file is ours as long as its cells are as we have written them. What somebody has changed is
   left as it is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from runner.errors import ConfigurationError
from runner.files import write_atomically
from runner.masking.names import MASK
from runner.notebook import document as notebook
from runner.notebook.annotations import annotation_of
from runner.notebook.document import INJECTED_TAG, source, tags
from runner.record import folders
from runner.record.repeated_request import RepeatedRequest, find
from runner.record.requests import RecordedRequest
from runner.record.served_version import ServedVersion
from runner.rehearsal.cases import Case

_KEY = "runner_debug"  # of the metadata
_TAG = "debug"
_NOT_FOR_NAMES = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_ID = 64
_LONGEST_ANSWER = 500
_BODY = """\
recorded_body = None  # what was sent, such as `open("body.json", "rb").read()`
assert recorded_body is not None, "the body was not recorded: say above what was sent"\
"""
_HOW_TO = """\
Run all cells: the last one raises what the service has raised. `%debug` in a cell of its own then
opens the debugger at that place. Only the kernel of this notebook is asked, not the service.
"""


def write_debug_notebook(service_folder: Path, request_id: str) -> Path:
    """Write ``debug-<id>.ipynb`` for a request that a service has recorded.

    Args:
        service_folder: The service's folder below ``runs``.
        request_id: The id of the record, of the request's trace, or the one that the answer names.

    Returns:
        The notebook, which stays as it is if somebody has changed it.

    Raises:
        ConfigurationError: There is no such request, or the notebook that answered is gone.
    """
    request = find(service_folder, request_id)
    path = service_folder / f"debug-{_file_name(request.id)}.ipynb"
    if not is_changed(path):
        version = ServedVersion.find(service_folder, request.run)
        written = _document(request, version, _working_folder(service_folder))
        write_atomically(path, json.dumps(written, indent=1, ensure_ascii=False) + "\n", mode=0o600)
    return path


def is_changed(path: Path) -> bool:
    """Tell whether somebody has changed the cells of such a notebook, or it is none of ours."""
    try:
        known = json.loads(path.read_bytes())
        return bool(known["metadata"][_KEY]["cells"] != _digest(known["cells"]))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _file_name(request_id: str) -> str:
    name = _NOT_FOR_NAMES.sub("_", request_id)[:_LONGEST_ID]
    if name == request_id:
        return name
    return f"{name}-{hashlib.sha256(request_id.encode()).hexdigest()[:8]}"


def _working_folder(service_folder: Path) -> Path:
    """Give the folder from which the notebook is where the service's mark says."""
    folder = service_folder.absolute()
    for place in folder.parents:
        found = folders.notebook_of(folder, place)
        if found is not None and found.is_file():
            return place
    return folder.parent.parent


def _document(request: RecordedRequest, version: ServedVersion, place: Path) -> dict[str, Any]:
    if not version.document.is_python:
        raise ConfigurationError(
            f"{version.document.path}: its cells are {version.document.language}, and only Python's"
            " can be called so"
        )
    asked = RepeatedRequest.of(request)
    answering = _answering(version, asked.case)
    own = _up_to_the_server(version, leaves_annotated=answering is not None)
    call = _annotated_call(asked, *answering) if answering else _app_call(asked)
    cells = [
        _markdown(_introduction(asked, version)),
        _code(_beginning(place, is_annotated=answering is not None)),
        *own,
        *([_code(_BODY)] if request.lacks_body else []),
        *call,
    ]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"name": version.document.kernel_name, "display_name": version.document.kernel_name}
    metadata = {
        "kernelspec": {**kernel, "language": "python"},
        "language_info": {"name": "python"},
        _KEY: {"request": request.id, "run": request.run, "cells": _digest(cells)},
    }
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _up_to_the_server(version: ServedVersion, *, leaves_annotated: bool) -> list[dict[str, Any]]:
    """Give the cells of the notebook, with the parameters that the service was given."""
    cells: list[dict[str, Any]] = []
    given = _given(version)
    document = version.document
    place = next((at for at, each in enumerate(document.cells) if _is_default(each)), -1)
    if place < 0:
        cells += given
    for at, cell in enumerate(document.cells[: version.end]):
        if not (leaves_annotated and annotation_of(source(cell))):
            cells.append(_copied(cell))
        if at == place:
            cells += given
    return cells


def _is_default(cell: dict[str, Any]) -> bool:
    return notebook.PARAMETERS_TAG in tags(cell)


def _given(version: ServedVersion) -> list[dict[str, Any]]:
    """Give the cell of the parameters that the run was given, without those that are masked."""
    text = version.given
    if not text:
        return []
    lines = text.splitlines()
    kept = [line if MASK not in line else f"# masked in the record: {line}" for line in lines]
    return [_code("\n".join(kept), INJECTED_TAG)]


def _copied(cell: dict[str, Any]) -> dict[str, Any]:
    metadata = {"tags": tags(cell)} if tags(cell) else {}
    copy = {"cell_type": cell["cell_type"], "metadata": metadata, "source": source(cell)}
    if "attachments" in cell:
        copy["attachments"] = cell["attachments"]
    return copy | ({"outputs": [], "execution_count": None} if _is_code(cell) else {})


def _is_code(cell: dict[str, Any]) -> bool:
    return bool(cell["cell_type"] == "code")


def _code(text: str, tag: str = _TAG) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {"tags": [tag]},
        "source": text,
        "outputs": [],
        "execution_count": None,
    }


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {"tags": [_TAG]}, "source": text}


def _digest(cells: Sequence[dict[str, Any]]) -> str:
    """Reduce cells to what somebody may change in them: not what comes of running them."""
    told = [[cell["cell_type"], source(cell)] for cell in cells]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _introduction(asked: RepeatedRequest, version: ServedVersion) -> str:
    request = asked.recorded
    answer = (request.answer or b"").decode(errors="replace")[:_LONGEST_ANSWER]
    shown = "".join(f"    {line}\n" for line in answer.splitlines())
    when = f"At {request.time:%Y-%m-%d %H:%M:%S %Z}, after {request.ms:g} ms"
    whom = f"run `{_plain(request.run)}`{version.said}"
    said = [
        f"# {asked.case.method} `{asked.case.path}` answered {request.status}\n",
        f"{when}, by {whom}.\n",
        *([shown] if shown else []),
        _HOW_TO,
        *(f"- {note[0].upper()}{note[1:]}." for note in (*version.notes, *asked.notes)),
        *([f"- Its model had the hash `{_plain(request.model)}`."] if request.model else []),
    ]
    return "\n".join(said)


def _plain(text: str) -> str:
    return _NOT_FOR_NAMES.sub("_", text)


def _beginning(place: Path, *, is_annotated: bool) -> str:
    lines = ["import os", "", f"os.chdir({str(place)!r})  # where the service was started"]
    if is_annotated:
        return "\n".join([*lines, 'os.environ["KERNEL_GATEWAY"] = "1"'])
    said = "# a server that is called below hands over its app instead of serving it"
    imported = ["", "from runner.serving import debugging", ""]
    return "\n".join([*lines, *imported, said, "debugging.begin()"])


def _app_call(asked: RepeatedRequest) -> list[dict[str, Any]]:
    case = asked.case
    lines = [
        "# The request, as it was recorded.",
        *(f"# {note[0].upper()}{note[1:]}." for note in asked.notes),
        "recorded_request = debugging.Request(",  # no name of the notebook's, such as Flask's
        f"    method={case.method!r},",
        f"    path={case.path!r},",
        f"    query={case.query!r},",
        f"    headers={dict(case.headers)!r},",
        f"    body={_body(asked, _literal(case.body))},",
        ")",
    ]
    said = "# It raises what the app has raised."
    call = f"{said}\nawait debugging.ask(recorded_request, globals())"
    return [_code("\n".join(lines)), _code(call)]


def _body(asked: RepeatedRequest, literal: str) -> str:
    return "recorded_body" if asked.recorded.lacks_body else literal


def _literal(body: bytes) -> str:
    try:
        return repr(body.decode())
    except UnicodeDecodeError:
        return repr(body)


def _annotated_call(
    asked: RepeatedRequest, answering: list[dict[str, Any]], parameters: dict[str, str]
) -> list[dict[str, Any]]:
    case = asked.case
    headers = [(name.encode(), value.encode()) for name, value in case.headers]
    lines = [
        "from runner.cells.request import CellRequest",
        "",
        "# The request, as it was recorded.",
        *(f"# {note[0].upper()}{note[1:]}." for note in asked.notes),
        "REQUEST = CellRequest(",
        f"    query={case.query.encode()!r},",
        f"    parameters={parameters!r},",
        f"    headers={headers!r},",
        f"    body={_body(asked, repr(case.body))},",
        ").to_json()",
    ]
    return [_code("\n".join(lines)), *map(_copied, answering)]


def _answering(
    version: ServedVersion, case: Case
) -> tuple[list[dict[str, Any]], dict[str, str]] | None:
    """Find the annotated cells that answered, and the parameters of the path; None if none did."""
    if not version.serves_cells:
        return None
    annotated = [
        (annotation, cell)
        for cell in version.document.cells
        if _is_code(cell) and (annotation := annotation_of(source(cell)))
    ]
    for verb in ("HEAD", "GET") if case.method == "HEAD" else (case.method,):
        found = [each for each, _ in annotated if each.verb == verb and not each.is_info]
        for named in sorted(found, key=lambda each: each.is_parametrised):
            if (values := named.values_in(case.path)) is not None:
                info = dataclasses.replace(named, is_info=True)
                cells = [
                    cell for wanted in (named, info) for each, cell in annotated if each == wanted
                ]
                return cells, values
    return None
