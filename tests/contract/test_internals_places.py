"""What a library does not promise is used in one module of each room, and nowhere else."""

from __future__ import annotations

import re

import pytest
from support import ROOT

SOURCES = {
    str(path.relative_to(ROOT / "runner")): path.read_text()
    for path in (ROOT / "runner").rglob("*.py")
}


@pytest.mark.parametrize(
    ("words", "places"),
    [
        (
            r"papermill\.(engines|iorw|translators|utils)\b|import remove_error_markers",
            {"notebook/papermill_internals.py"},
        ),
        (
            r"\.provisioner\b|\bzmq\.|feed_identities|_channel\.socket",
            {"run/jupyter_client_internals.py", "run/output_pipe.py"},
        ),
        (r"def _async_poll_output_msg|def _update_display_id", {"run/kernel_client.py"}),
        (r"InteractiveShell\.|_original_stdstream_copy", {"serving/ipython_internals.py"}),
        (r"\b_tee\b|iopub_thread|control_thread", {"run/kernel_setup.py"}),
        (r"from ipykernel", {"run/forked_kernel.py", "run/output_pipe.py"}),
        (r"from sklearn\.[a-z.]*\._", {"predict/fast/"}),
    ],
)
def test_insides_are_used_in_one_place(words: str, places: set[str]) -> None:
    """Else a new version of the library has to be looked for in every room."""
    code = {name: re.sub(r'""".*?"""', "", text, flags=re.DOTALL) for name, text in SOURCES.items()}
    used = {name for name, text in {**code, **written(places)}.items() if re.search(words, text)}
    assert used, "the words are used nowhere: the rule is of yesterday"
    assert not [name for name in used if not name.startswith(tuple(places))]


def test_nothing_of_uvicorn_is_used_but_what_it_documents() -> None:
    """Its calls are taken over by their public names; our server stands on none of its own."""
    private = re.compile(r"uvicorn\.(_\w|config|lifespan|loops|middleware|protocols|server)")
    assert not [name for name, text in SOURCES.items() if private.search(text)]
    named = {name for name, text in SOURCES.items() if re.search(r"import uvicorn", text)}
    assert named == {"cockpit/listen.py"}, "what serves notebooks is our own server"


def written(places: set[str]) -> dict[str, str]:
    """The sources of the places themselves, with the code for a kernel that stands in texts."""
    return {name: text for name, text in SOURCES.items() if name.startswith(tuple(places))}
