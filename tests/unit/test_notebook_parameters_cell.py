"""What papermill has put in is written anew: as the types that were checked, without secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from runner.errors import ConfigurationError
from runner.notebook import parameters_cell
from runner.notebook.document import Notebook

DECLARED = """\
from pathlib import Path
size = (10, 20)
token = ""
x = 1
"""


def parameterized(values: dict[str, Any], declared: str = DECLARED) -> Any:
    cell = new_code_cell(declared, metadata={"tags": ["parameters"]})
    spec = {"name": "python3", "display_name": "", "language": "python"}
    nb = new_notebook(cells=[cell], metadata={"kernelspec": spec})
    nb.metadata["papermill"] = {}
    return parameterize_notebook(nb, values) if values else nb


def document_of(nb: Any, *secrets: str) -> Notebook:
    return Notebook(
        path=Path("a.ipynb"),
        cells=nb.cells,
        kernel_name="python3",
        language="python",
        named_secrets=frozenset(secrets),
    )


def test_values_are_written_as_the_types_that_were_checked() -> None:
    """A list for a tuple is one in the cell, and a list in the metadata, which are JSON."""
    nb = parameterized({"size": [3, 4], "x": float("nan")})
    assert parameters_cell.rewrite(nb, document_of(nb), {"size": [3, 4], "x": float("nan")}) == {}
    assert nb.cells[1].source == "# Parameters\nsize = (3, 4)\nx = float('nan')\n"
    assert nb.metadata.papermill.parameters == {"size": [3, 4], "x": "nan"}
    json.dumps(nb, allow_nan=False)


def test_secrets_are_hidden_and_the_cell_says_which() -> None:
    """The cell and the metadata are masked, and the true source is given back."""
    values = {"token": "t0p", "x": 1}
    nb = parameterized(values)
    sources = parameters_cell.rewrite(nb, document_of(nb), values)
    assert "t0p" not in str(nb)
    assert nb.cells[1].source == '# Parameters\ntoken = "***"\nx = 1\n'
    assert sources == {nb.cells[1].id: '# Parameters\ntoken = "t0p"\nx = 1\n'}
    assert document_of(nb).masked_values == ["token"]


def test_a_named_or_marked_secret_is_hidden() -> None:
    """Whatever its name is."""
    values = {"login": "t0p", "shop": {"till": "t0p"}}
    nb = parameterized(values, 'login = ""  # secret\nshop = {}')
    parameters_cell.rewrite(nb, document_of(nb, "till"), values)
    assert "t0p" not in str(nb)
    assert document_of(nb).masked_values == ["login", "shop"]


def test_without_secrets_nothing_is_touched() -> None:
    """Plain values stay as papermill wrote them."""
    values = {"x": 2, "y": [1, "a"]}
    nb = parameterized(values, "x = 1\ny = []")
    before = str(nb)
    assert parameters_cell.rewrite(nb, document_of(nb), values) == {}
    assert str(nb) == before


def test_a_masked_record_asks_for_its_values() -> None:
    """It is not run with what stands for a secret, unless that was edited since."""
    values = {"token": "t0p", "x": 1}
    nb = parameterized(values)
    parameters_cell.rewrite(nb, document_of(nb), values)
    with pytest.raises(ConfigurationError, match="has the value of token masked") as raised:
        document_of(nb).check_secrets({"x": 2})
    assert "-p token VALUE" in raised.value.hint
    document_of(nb).check_secrets({"token": "new"})
    nb.cells[1].source = nb.cells[1].source.replace("***", "new")
    document_of(nb).check_secrets({})


def test_a_secret_that_is_not_there_is_refused() -> None:
    """A typing error would show what should have been masked."""
    nb = parameterized({"x": 1})
    with pytest.raises(ConfigurationError, match="--secret lgin is no parameter"):
        document_of(nb, "lgin").check_secrets({"x": 1})
    document_of(nb, "size").check_secrets({"x": 1})
    document_of(nb, "till").check_secrets({"x": [{"till": 1}]})


def test_papermills_own_values_are_known_when_they_are_new(tmp_path: Path) -> None:
    """Whatever papermill makes of them; a record that is run once more has none that are new."""
    values = {"size": (3, 4), "x": np.int64(3), "token": "t0p"}
    nb = parameterized(values)
    given = parameters_cell.put_in(nb)
    parameters_cell.rewrite(nb, document_of(nb), given)
    assert nb.cells[1].source == '# Parameters\nsize = (3, 4)\nx = 3\ntoken = "***"\n'
    assert nb.metadata.papermill.parameters == {"size": [3, 4], "x": 3, "token": "***"}
    nbformat.write(nb, tmp_path / "a.ipynb")
    assert parameters_cell.put_in(load_notebook_node(str(tmp_path / "a.ipynb"))) == {}
