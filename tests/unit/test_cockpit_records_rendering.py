"""A record as HTML, of which nothing runs and nothing loads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from nbformat.validator import NotebookValidationError
from support.records import cell, display, document, text_cell, write

from runner.cockpit.records_rendering import cleaned, exporter, page
from runner.record.card import Card, Tone
from runner.record.sparkline import Sparkline

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADU"
    "lEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def rendering() -> Any:
    return exporter()


def rendered(rendering: Any, path: Path, *cells: dict[str, Any]) -> str:
    return page(rendering, write(path / "a.ipynb", document(cells))).split("</style>")[-1]


def test_texts_code_and_outputs_are_shown(rendering: Any, tmp_path: Path) -> None:
    """As nbconvert has them, with an anchor for each cell, and pictures that the record holds."""
    found = rendered(
        rendering,
        tmp_path,
        text_cell("# A title\n\n[link](https://example.org)"),
        cell("x = 1", id="load", outputs=[display(image_png=PIXEL), display(text_html="<b>B</b>")]),
    )
    assert "A title</h1>" in found
    assert 'id="cell-id=load"' in found
    assert f"data:image/png;base64,{PIXEL}" in found
    assert "<b>B</b>" in found
    assert 'href="https://example.org"' in found
    assert 'target="_blank"' in found


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<iframe src=/></iframe>",
    "<object data=/></object>",
    "<form action=/><button>b</button></form>",
    "<meta http-equiv=refresh content='0;url=/'>",
    "<link rel=stylesheet href=//example.org/a.css>",
    "<base href=//example.org>",
    "<a href='javascript:alert(1)'>a</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>a</a>",
    "<svg onload=alert(1)><script>alert(1)</script><animate onbegin=alert(1)></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)>#x'/></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></math>",
    "<style>@import '//example.org'; body { background: url(//example.org) }</style>",
    "<p style='position:fixed;background-image:url(//example.org)'>p</p>",
    "<video src=//example.org autoplay></video>",
]
FORBIDDEN = [
    *(
        "<script",
        "onerror=",
        "onload=",
        "onbegin=",
        "<iframe",
        "<object",
        "<form",
        "<meta",
        "<link",
    ),
    *("<base", "javascript:", "data:text", "<animate", "<use", "@import", "url(", "position:"),
    *("<video", "//example.org"),
]


@pytest.mark.parametrize("html", HOSTILE)
def test_whatever_runs_or_loads_is_taken_out(html: str) -> None:
    """Of any HTML."""
    found = cleaned(f"<div>{html}</div>").lower()
    assert [word for word in FORBIDDEN if word in found] == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_hostile_record_is_harmless_wherever_it_holds_something(
    rendering: Any, tmp_path: Path
) -> None:
    """In texts, code, outputs of every kind, tags and the notebook's metadata."""
    evil = "".join(HOSTILE)
    kinds = ("html", "markdown", "latex", "plain", "javascript", "vnd.mermaid")
    outputs = [display(**{f"text_{kind}": evil}) for kind in kinds]
    outputs += [display(**{f"application_{kind}": evil}) for kind in ("javascript", "json")]
    outputs += [display(**{f"image_{kind}": evil}) for kind in ("png", "jpeg", "svg+xml")]
    outputs += [
        {"output_type": "stream", "name": "stdout", "text": evil},
        {"output_type": "error", "ename": evil, "evalue": evil, "traceback": [evil]},
        {**display(text_html=evil), "output_type": "execute_result", "execution_count": 1},
    ]
    hostile = cell(evil, outputs=outputs)
    hostile["metadata"]["tags"] = ["".join(HOSTILE[0].split())]
    content = document([text_cell(evil), hostile])
    widgets = {"application/vnd.jupyter.widget-state+json": {evil: evil}}
    content["metadata"] |= {"title": evil, "language_info": {"name": evil}, "widgets": widgets}
    write(tmp_path / "a.ipynb", content)
    found = page(rendering, tmp_path / "a.ipynb").split("</style>")[-1].lower()
    dangerous = ("<script", "<iframe", "<object", "<form", "<meta", "<link", "<base", "<use")
    assert [word for word in dangerous if word in found] == []


@pytest.mark.parametrize("wrong", [{"id": HOSTILE[1]}, {"execution_count": HOSTILE[1]}])
def test_what_is_no_valid_notebook_is_not_rendered(
    rendering: Any, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    """Such a count would stand there as it is."""
    with pytest.raises(NotebookValidationError):
        rendered(rendering, tmp_path, cell(**wrong))


def test_a_card_stays_as_it_is(rendering: Any, tmp_path: Path) -> None:
    """With its colours, its picture and its link."""
    sparkline = Sparkline(requests=(1,) * 60, errors=(0,) * 60)
    rows = (("page", "http://127.0.0.1:8000/"),)
    card = Card(tone=Tone.WELL, title="serving", sparkline=sparkline, rows=rows).html()
    found = rendered(rendering, tmp_path, cell(outputs=[display(text_html=card)]))
    styles = re.findall(r'style="([^"]*)"', card)
    kept = found.replace(", ", ",")
    assert [style for style in styles if style not in kept] == []
    assert re.findall(r"data:image/svg[^\"]*", card)[0] in found
    assert 'href="http://127.0.0.1:8000/"' in found


def test_links_open_a_page_of_their_own_but_for_those_within_the_record() -> None:
    """A frame shows this record only."""
    assert 'target="_blank" href="https://a.org"' in cleaned('<a href="https://a.org">a</a>')
    assert "target" not in cleaned('<a href="#cell-id=a">a</a>')


def test_what_is_too_large_to_be_looked_at_is_left_out(rendering: Any, tmp_path: Path) -> None:
    """A line stands in its place."""
    found = rendered(rendering, tmp_path, cell(outputs=[display(text_plain="x" * 3_000_000)]))
    assert len(found) < 10_000
    assert "3,000,000 characters (text/plain) not shown" in found
