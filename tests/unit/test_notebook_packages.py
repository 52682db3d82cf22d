"""Packages are known by what is imported and by what is asked for."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
from support import write_notebook

from runner.notebook import document as notebook
from runner.notebook import packages
from runner.notebook.document import Notebook


@pytest.fixture
def document(tmp_path: Path) -> Notebook:
    path = write_notebook(
        tmp_path / "notebooks/a.ipynb",
        "import json\nimport numpy as np, os.path\nfrom sklearn.svm import SVC\n%matplotlib inline",
        "def later():\n    import tqdm",
        "this is no Python",
    )
    return notebook.read(path)


def test_imports_are_those_outside_of_functions(document: Notebook) -> None:
    """Top-level packages, without the standard library's; magics and bad cells do not matter."""
    assert packages.imported(document) == {"numpy", "sklearn"}


def test_a_module_leads_to_its_distribution() -> None:
    """The names differ: sklearn is scikit-learn's; what no distribution owns is left out."""
    modules = {"sklearn", "numpy", "yaml", "IPython", "support", "no_such_module", "nest_asyncio"}
    names = {name.lower().replace("_", "-") for name in packages.owners(modules)}
    assert names == {"scikit-learn", "numpy", "pyyaml", "ipython", "nest-asyncio"}


def test_it_agrees_with_the_slow_way() -> None:
    """The standard library's own mapping, which reads everything, has the same owners."""
    slow = importlib.metadata.packages_distributions()
    for module in ("sklearn", "numpy", "joblib", "uvicorn", "dateutil", "PIL", "zmq"):
        (name,) = packages.owners({module})
        assert name.replace("_", "-").lower() == slow[module][0].replace("_", "-").lower()


def test_requirements_are_the_nearest_above(document: Notebook, tmp_path: Path) -> None:
    """Names without versions, extras, comments or options; installed ones get a version."""
    (tmp_path / "requirements.txt").write_text(
        "# a\nnumpy==1\n-r other.txt\nuvicorn[standard]>=0.1 ; x\nno-such-package\n\n"
    )
    names = packages.required(document.path)
    assert names == {"numpy", "uvicorn", "no-such-package"}
    assert packages.versions(names) == {
        name: importlib.metadata.version(name) for name in ("numpy", "uvicorn")
    }


def test_the_search_for_requirements_ends_at_the_repository(
    document: Notebook, tmp_path: Path
) -> None:
    """A file above the repository belongs to something else."""
    (tmp_path / "requirements.txt").write_text("numpy\n")
    (tmp_path / "notebooks/.git").mkdir()
    assert packages.required(document.path) == set()
