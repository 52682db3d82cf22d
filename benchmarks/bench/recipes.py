"""Read how each server is started and asked."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "servers"
OURS, ALONE, LIMIT = "runner", "runner_alone", "limit"
FIELDS = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
# Three flowers of the data and their classes.
FLOWERS = {(5.1, 3.5, 1.4, 0.2): 0, (7.0, 3.2, 4.7, 1.4): 1, (6.3, 3.3, 6.0, 2.5): 2}


def _inference(row: tuple[float, ...]) -> dict[str, Any]:
    tensor = {"name": "predict", "shape": [1, len(row)], "datatype": "FP64", "data": [list(row)]}
    return {"inputs": [tensor]}


BODIES: dict[str, Callable[[tuple[float, ...]], dict[str, Any]]] = {
    "fields": lambda row: dict(zip(FIELDS, row, strict=True)),
    "instances": lambda row: {"instances": [list(row)]},
    "dataframe": lambda row: {"dataframe_records": [dict(zip(FIELDS, row, strict=True))]},
    "inference": _inference,
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Start and ask one server.

    Attributes:
        name: Its table in ``servers.toml``.
        title: Its name for people.
        files: The folder below ``servers/`` with its files and requirements.
        command: Its command line, with fields in braces.
        path: Where it is asked.
        body: The form of a request, one of ``BODIES``.
        prepare: A Python file that is run before; empty if there is none.
        predicts: Whether its answers come from the model.
        environment: Its variables, with fields in braces.
        environment_of_one_worker: What is different with one worker.
        more_ports: Variables that have to name further free ports.
        is_loaded: Whether it takes part in the rounds, and is not only weighed.
        shows: The packages whose versions stand in the table.
    """

    name: str
    title: str
    files: str
    command: str
    path: str = "/"
    body: str = "fields"
    prepare: str = ""
    predicts: bool = True
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    environment_of_one_worker: Mapping[str, str] = dataclasses.field(default_factory=dict)
    more_ports: tuple[str, ...] = ()
    is_loaded: bool = True
    shows: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return FOLDER / self.files

    def content(self, row: tuple[float, ...]) -> bytes:
        """Write the body that asks about a row."""
        return json.dumps(BODIES[self.body](row)).encode()


def read() -> dict[str, Recipe]:
    """Read all recipes, in the order of the file."""
    tables = tomllib.loads((FOLDER / "servers.toml").read_text())
    return {name: Recipe(name=name, **table) for name, table in tables.items()}


def class_of(answer: bytes) -> Any:
    """Find the class in an answer, whichever server wrote it."""
    value = json.loads(answer)
    if "outputs" in value:
        value = value["outputs"][0]["data"]
    elif "predictions" in value:
        value = value["predictions"]
    else:
        value = value["val"]
    return value[0] if isinstance(value, list) else value
