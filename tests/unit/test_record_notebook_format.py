"""Whatever a kernel or a notebook says, the record is valid."""

from __future__ import annotations

from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, output_from_msg

from runner.record import notebook_format
from runner.record.record import Record


@pytest.mark.parametrize(
    "info",
    [None, "R", {}, {"name": None}, {"name": "R", "mimetype": 3, "codemirror_mode": ["r"]}],
)
def test_a_language_of_any_form_leaves_the_record_valid(info: Any) -> None:
    """It stands there if it has a name, and then with what has its form."""
    record = Record(new_notebook(), lambda nb, durable: None)
    record.start()
    record.set_language(info)
    nbformat.validate(record.nb)
    assert record.nb.metadata.get("language_info") in (None, {"name": "R"})


@pytest.mark.parametrize(
    "metadata",
    [
        {"language_info": {}},
        {"title": 3, "authors": "me", "orig_nbformat": "4"},
        {"language_info": {"name": 3}},
        {"kernelspec": {"name": "python3"}},
        {"kernelspec": {"display_name": None}},
        {"kernelspec": "python3"},
    ],
)
def test_a_notebook_that_is_not_valid_gets_a_record_that_is(metadata: dict[str, Any]) -> None:
    """What it says of its kernel is mended before anything runs."""
    record = Record(new_notebook(), lambda nb, durable: None)
    record.nb.metadata.update(nbformat.from_dict(metadata))
    record.start()
    nbformat.validate(record.nb)


def test_what_is_valid_stays_as_it_is() -> None:
    """A kernel without a shown name is no fault."""
    spec = {"name": "python3", "display_name": "", "language": "python"}
    record = Record(new_notebook(metadata={"kernelspec": spec.copy()}), lambda nb, durable: None)
    record.start()
    assert record.nb.metadata.kernelspec == spec


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("display_data", {}),
        ("display_data", {"data": {"text/plain": 5, "text/html": [1], "image/png": None}}),
        ("display_data", {"data": {"application/json": {"a": 1}}, "metadata": []}),
        ("execute_result", {"data": {"text/plain": "a"}, "execution_count": "1"}),
        ("execute_result", {"data": [], "execution_count": -1, "transient": 3}),
        ("error", {}),
        ("error", {"ename": None, "evalue": 3, "traceback": "all in one"}),
        ("stream", {"text": ["a"]}),
        ("stream", {"name": 1}),
    ],
)
def test_an_output_of_any_form_is_kept_validly(kind: str, content: dict[str, Any]) -> None:
    """What is no text becomes text; what is missing is empty."""
    notebook_format.mend_output(content, kind)
    output = output_from_msg({"header": {"msg_type": kind}, "content": content})
    nbformat.validate(new_notebook(cells=[new_code_cell(outputs=[output])]))
