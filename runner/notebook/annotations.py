"""Recognise a notebook's annotated cells, and have them serve instead of being executed.

The rules of this file:

1. An annotation is a cell's first line: `# GET /hello/:name`, or with `ResponseInfo`
   before the verb, as Jupyter Kernel Gateway reads it in its mode notebook-http.
2. Annotations count only if nothing else in the notebook serves: in a notebook that
   calls uvicorn such a line is a comment, as it always was. That is seen as it runs: it is run
   with the annotated cells registered first. If then another cell fails, or something else
   serves, it is run once more in a fresh kernel, every cell as it is.
3. The record stays true: an annotated cell keeps its text, but what the kernel gets is its
   registration, and its output says so. The cell that serves is put in visibly, last.
"""

from __future__ import annotations

import dataclasses
import re
import urllib.parse
from typing import TYPE_CHECKING

from runner.errors import ConfigurationError
from runner.notebook.document import Notebook, source

if TYPE_CHECKING:
    from nbformat import NotebookNode

_APP = '__import__("runner.cells.app").cells.app'
_VERBS = "GET|PUT|POST|DELETE|PATCH|HEAD|OPTIONS"
# Kernel Gateway's own table has one exception to `#`, Scala; these languages have it too.
_SLASHES = {"scala", "java", "javascript", "typescript", "kotlin", "go", "rust", "c++", "groovy"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Annotation:
    """Say which requests a cell answers.

    Attributes:
        verb: The HTTP method.
        path: The path, as it is written.
        is_info: Whether the cell sets the status and headers instead.
    """

    verb: str
    path: str
    is_info: bool = False

    @property
    def is_parametrised(self) -> list[bool]:
        """Tell of each segment of the path whether it is a parameter: literals go before these."""
        return [segment.startswith(":") for segment in self.path.split("/")[1:]]

    def values_in(self, path: str) -> dict[str, str] | None:
        """Read the parameters in the path of a request, as it was sent; None if it is another."""
        segments = self.path.split("/")[1:]
        asked = [urllib.parse.unquote(part) for part in path.split("/")[1:]]
        pairs = list(zip(segments, asked, strict=False))
        if len(segments) != len(asked):
            return None
        if any(not given if name.startswith(":") else name != given for name, given in pairs):
            return None
        return {name[1:]: given for name, given in pairs if name.startswith(":")}


def annotation_of(text: str, language: str = "python") -> Annotation | None:
    """Read the annotation of a cell; None if it has none."""
    prefix = "//" if language.lower() in _SLASHES else "#"
    pattern = rf"\s*{prefix}[ \t]+(ResponseInfo[ \t]+)?({_VERBS})[ \t]+(/\S*)[ \t]*(?:\r?\n|$)"
    found = re.match(pattern, text)
    if found is None:
        return None
    return Annotation(verb=found[2], path=found[3], is_info=bool(found[1]))


def is_annotated(document: Notebook) -> bool:
    """Tell whether a notebook has annotated cells that could answer requests."""
    if not document.is_python:
        return False
    return any(not annotation.is_info for annotation in _annotations(document, "python"))


def check_language(document: Notebook) -> None:
    """Make sure that annotated cells, if there are any, are in a language that can be served.

    Raises:
        ConfigurationError: They are not.
    """
    language = document.language
    if not document.is_python and any(_annotations(document, language)):
        raise ConfigurationError(
            f"{document.path}: its annotated cells are {language}, and only Python's can be served",
            hint="Jupyter Kernel Gateway serves them, by messages to the kernel",
        )


def preparation(title: str) -> str:
    """Write the statement that is executed before cells are registered.

    Notebooks ask for Kernel Gateway's variable, to leave out what is not for a service.

    Args:
        title: The API's.
    """
    setting = '__import__("os").environ["KERNEL_GATEWAY"] = "1"'
    return f"{setting}; {_APP}.begin({title!r})"


def registrations(nb: NotebookNode) -> dict[str, str]:
    """Give what the kernel gets in place of the annotated cells' texts, by the cells' ids."""
    return {
        cell.id: _registration(annotation, cell.source)
        for cell in nb.cells
        if cell.cell_type == "code" and (annotation := annotation_of(cell.source))
    }


def _sources(document: Notebook) -> list[str]:
    return [source(cell) for cell in document.cells if cell["cell_type"] == "code"]


def _annotations(document: Notebook, language: str) -> list[Annotation]:
    found = (annotation_of(text, language) for text in _sources(document))
    return [annotation for annotation in found if annotation]


def _registration(annotation: Annotation, text: str) -> str:
    words = f"{annotation.verb!r}, {annotation.path!r}, {text!r}, is_info={annotation.is_info}"
    return f"{_APP}.register({words})"
