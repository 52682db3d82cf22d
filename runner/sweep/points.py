"""Plan a sweep: which runs there are, where each leaves its files, and by what to know it again.

The rules of this file:

1. A point is known by its notebook's hash and the values of all its parameters, as they were
   given. So a run is repeated if the notebook or any parameter changed, and else never.
2. A point has a folder, named by its place in the grid. Nothing that it writes by a path of
   ours lies elsewhere, so that points which run side by side do not meet.
3. ``{point}`` in a parameter given as text is the point's name, ``{folder}`` its folder.
4. ``model_path``, unless given, is a file in the point's folder: a sweep never replaces the
   model that is being served.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from runner.masking.names import MASK
from runner.masking.values import masked
from runner.notebook.document import Notebook

MODEL_PATH = "model_path"
_LONGEST_NAME = 100
_NOT_FOR_FILES = re.compile(r"[^\w.+=,-]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """Describe one run of a sweep.

    Attributes:
        name: What it is called: ``gamma=scale,C=10.0``.
        chosen: Its values of the grid's parameters.
        values: All parameters that it gets.
        record: Its executed notebook.
        identity: By what to know it again.
        own_model: The model's file, if that was given its place here.
        given: Its parameters as they were given: with ``{point}`` and ``{folder}``.
        secrets: Names of parameters to mask besides those that are known.
    """

    name: str
    chosen: dict[str, Any]
    values: dict[str, Any]
    record: Path
    identity: str
    own_model: Path | None = None
    given: dict[str, Any] = dataclasses.field(default_factory=dict)
    secrets: frozenset[str] = frozenset()

    def placed_in(self, folder: Path) -> Point:
        """Give the same point with its files in a folder, which its parameters name then."""
        # Absolute: a notebook may look for a relative path from another folder than ours.
        own_model = folder.absolute() / self.own_model.name if self.own_model else None
        values = {
            key: with_place_filled_in(value, self.name, folder) for key, value in self.given.items()
        }
        return dataclasses.replace(
            self,
            values=values | ({MODEL_PATH: str(own_model)} if own_model else {}),
            record=folder / "out.ipynb",
            own_model=own_model,
        )

    @property
    def log(self) -> Path:
        """What its process writes to stderr."""
        return self.record.with_suffix(".log")


def point_factory(
    document: Notebook,
    notebook_sha256: str,
    fixed: dict[str, Any],
    names: Collection[str],
    out: Path,
) -> Callable[[dict[str, Any]], Point]:
    """Give what makes a point of the values that were chosen for it.

    Args:
        document: The notebook.
        notebook_sha256: The hash of its file.
        fixed: The parameters that all points share.
        names: Those of the others.
        out: The sweep's folder.
    """
    model = _own_model_name(document, {*fixed, *names})

    def point_of(chosen: dict[str, Any]) -> Point:
        given = fixed | chosen
        point = Point(
            name=name_of(chosen, document.secrets),
            chosen=chosen,
            values={},
            record=Path(),
            identity=digest([notebook_sha256, given]),
            own_model=Path(model) if model else None,
            given=given,
            secrets=document.secrets,
        )
        return point.placed_in(out / "points" / point.name)

    return point_of


def name_of(chosen: dict[str, Any], secrets: Collection[str] = ()) -> str:
    """Name a point by its values, so that the name can be a folder's; no two have the same."""
    text = ",".join(f"{name}={_as_text(value)}" for name, value in masked(chosen, secrets).items())
    name = _NOT_FOR_FILES.sub("_", text)[:_LONGEST_NAME]
    # Text that looks like a number is another value than the number.
    is_telling = name == text and MASK not in text and not _has_ambiguous_text(chosen)
    return name if is_telling else f"{name}-{digest(chosen)[:8]}"


def with_place_filled_in(value: Any, name: str, folder: Path) -> Any:
    """Put a point's name and folder into a text that asks for them."""
    if not isinstance(value, str):
        return value
    return value.replace("{point}", name).replace("{folder}", str(folder))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _has_ambiguous_text(chosen: dict[str, Any]) -> bool:
    """Tell whether a text among the values would, in a name, look like a value that is none."""
    for value in chosen.values():
        if isinstance(value, str):
            try:
                json.loads(value)
            except ValueError:
                continue
            return True
    return False


def _own_model_name(document: Notebook, given: set[str]) -> str:
    """Name the file that the notebook's model gets; empty if that is not ours to say."""
    if not document.is_python or MODEL_PATH in given:
        return ""
    default = document.default(MODEL_PATH)
    return Path(default).name if isinstance(default, str) else ""


def digest(known: Any) -> str:
    """Give a text by which to know again what JSON can hold."""
    text = json.dumps(known, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
