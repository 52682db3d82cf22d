"""Be the process that makes records into HTML: nbconvert's, of which only harmless elements stay.

The rules of this file:

1. What nbconvert makes is sanitised as a whole, at the end: it does not escape all that a notebook
   may hold, such as a count of executions or a diagram.
2. Nothing that runs is let through, nor anything that loads: no script, no frame, no form, no style
   sheet, and no picture but one that the record holds. The page's policy forbids the same again.
3. A record gets so many seconds, and so much memory. Then this process ends, by its own alarm or
   because it is given no more, whatever it does.
4. One that cannot be rendered ends it as well: whoever asked starts another.
"""

from __future__ import annotations

import json
import logging
import os
import re
import resource
import signal
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, cast

from runner.cockpit.records import MOST_SHOWN, read_file
from runner.run.run import BARRED

SECONDS = 30
MEMORY = 2**30
_LARGEST_OUTPUT = 2 * 2**20
_LARGEST_OUTPUTS = 8 * 2**20
_STYLE = Path(__file__).with_name("static") / "record.css"
# What is to be shown of an output that has several forms: none of those that only a script shows.
_KINDS = (
    "text/html",
    "text/markdown",
    "image/svg+xml",
    "image/png",
    "image/jpeg",
    "text/latex",
    "text/plain",
)
_TAGS = {"main", "section", "details", "summary", "figure", "figcaption"}
_EVERYWHERE = {"class", "id", "title", "lang", "dir", "style", "tabindex", "role", "aria-label"}
# A link that leads out of the page; no text and no attribute has such a quote after the cleaning.
_LINK = re.compile(r'(<a\b[^>]*?)(href="https?:)')
_CSS = {"color", "background", "background-color", "border", "border-radius", "border-collapse"}
_CSS |= {"border-color", "border-left", "border-right", "border-top", "border-bottom"}
_CSS |= {"margin", "margin-left", "margin-right", "margin-top", "margin-bottom", "padding"}
_CSS |= {"width", "max-width", "min-width", "height", "max-height", "text-align"}
_CSS |= {"font", "font-family", "font-size", "font-style", "font-weight", "font-variant-numeric"}
_CSS |= {"line-height", "vertical-align", "white-space", "display", "gap", "flex", "flex-wrap"}
_CSS |= {"align-items", "justify-content", "text-decoration", "opacity", "overflow", "overflow-x"}
_CSS |= {"overflow-wrap", "word-break"}


def main() -> None:
    """Read paths from the standard input, a line of JSON each; write HTML, its length first."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    logging.disable()
    warnings.simplefilter("ignore")
    for name in BARRED:
        sys.modules.setdefault(name, cast("ModuleType", None))
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever else is printed is no answer
    rendering = exporter()
    for line in sys.stdin.buffer:
        signal.alarm(SECONDS)
        _write(output, page(rendering, Path(os.fsdecode(bytes.fromhex(json.loads(line))))))
        signal.alarm(0)


def _write(output: BinaryIO, text: str) -> None:
    data = text.encode(errors="replace")
    output.write(len(data).to_bytes(8, "big") + data)
    output.flush()


def page(rendering: Any, path: Path) -> str:
    """Make the page of a record."""
    import nbformat

    data = read_file(path, MOST_SHOWN)
    if data is None:
        raise FileNotFoundError(path)
    notebook = nbformat.reads(data.decode(errors="replace"), as_version=4)
    notebook.metadata.pop("widgets", None)  # their outputs have another form besides
    _shorten(notebook)
    body, _ = rendering.from_notebook_node(notebook)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Record</title><style>{style()}</style></head>"
        f'<body class="jp-Notebook">{cleaned(body)}</body></html>'
    )


def exporter() -> Any:
    """Make nbconvert's exporter: of cells only, in the form of JupyterLab."""
    from nbconvert.exporters import HTMLExporter
    from traitlets.config import Config

    return HTMLExporter(
        config=Config({"NbConvertBase": {"display_data_priority": [*_KINDS]}}),
        template_name="lab",
        template_file="base.html.j2",
        exclude_anchor_links=True,
    )


def _shorten(notebook: Any) -> None:
    """Put a line in place of what is too large to be looked at."""
    left = _LARGEST_OUTPUTS
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            size = sum(len(str(value)) for value in data.values())
            if size > min(left, _LARGEST_OUTPUT):
                kinds = ", ".join(map(str, data))
                output["data"] = {"text/plain": f"… {size:,} characters ({kinds}) not shown …"}
                output["metadata"] = {}
            left -= min(size, left)


def cleaned(html: str) -> str:
    """Leave of some HTML what neither runs nor loads anything."""
    import nh3

    attributes = {name: set(found) for name, found in nh3.ALLOWED_ATTRIBUTES.items()}
    attributes["*"] = _EVERYWHERE
    attributes["details"] = {"open"}
    attributes["a"] = {"href"}
    found = nh3.clean(
        html,
        tags=nh3.ALLOWED_TAGS | _TAGS,
        attributes=attributes,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "data"},
        filter_style_properties=_CSS,
        link_rel="noopener noreferrer nofollow",
    )
    return _LINK.sub(r'\1target="_blank" \2', found)


def _attribute(tag: str, name: str, value: str) -> str | None:
    """Let pictures be those that the record holds, and nothing else be such a text."""
    if (tag, name) == ("img", "src"):
        return value if value.lower().startswith("data:image/") else None
    is_url = name in ("href", "src", "cite")
    return None if is_url and value.strip().lower().startswith("data:") else value


def style() -> str:
    """Give the style sheet of the page, in light and dark."""
    from pygments.formatters import HtmlFormatter

    light, dark = (
        HtmlFormatter(style=name, nobackground=True).get_style_defs(".highlight")
        for name in ("default", "github-dark")
    )
    own = _STYLE.read_text(encoding="utf-8")
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n{own}"


if __name__ == "__main__":
    main()
