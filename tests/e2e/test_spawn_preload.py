"""What is imported before anything is forked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import write_notebook

from runner.spawn import preload


def imported(path: Path) -> set[str]:
    """The roots of all modules after the imports for a notebook's kernel."""
    code = (
        "import sys; from pathlib import Path\n"
        "from runner.notebook import document as notebook\nfrom runner.spawn import preload\n"
        f"preload.for_kernel(notebook.read(Path({str(path)!r})))\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    words = [sys.executable, "-c", code]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    return set(said.split())


def test_only_what_survives_a_fork_is_imported(tmp_path: Path) -> None:
    """A kernel imports the rest by itself; the debugger nobody does."""
    path = write_notebook(tmp_path / "a.ipynb", "import numpy, flask, runner")
    found = imported(path)
    assert {"IPython", "ipykernel", "numpy", "sqlite3"} <= found
    assert {"sklearn", "httptools"} <= found
    assert not {"flask", "debugpy", "uvicorn"} & found


def test_the_environment_may_be_set_before_an_import(tmp_path: Path) -> None:
    """For numpy counts its threads when it is imported."""
    cell = "import os\nfrom runner import serve\nos.environ['OMP_NUM_THREADS'] = '1'\nimport numpy"
    assert "numpy" not in imported(write_notebook(tmp_path / "a.ipynb", cell))


def test_what_lies_beside_the_notebook_may_set_it_too(tmp_path: Path) -> None:
    """A module of one's own runs in its turn: what is imported behind it waits for it."""
    cell = "import settings\nimport numpy\nfrom runner import serve"
    assert "numpy" not in imported(write_notebook(tmp_path / "a.ipynb", cell))


def test_a_kernel_finds_no_import_barred(tmp_path: Path) -> None:
    """What runs need not load is barred from them, and from no notebook."""
    path = write_notebook(tmp_path / "a.ipynb", "import pandas")
    code = (
        "import sys; from pathlib import Path\n"
        "from runner.notebook import document as notebook\nfrom runner.spawn import preload\n"
        f"preload.for_kernel(notebook.read(Path({str(path)!r})))\n"
        f"hidden = preload.for_run(Path({str(path)!r}), 'runner.spawn.child')\n"
        "assert any(module is None for module in sys.modules.values())\n"
        "for name in hidden: del sys.modules[name]\n"
        "print([name for name, module in sys.modules.items() if module is None])\n"
        "import pyarrow.parquet"
    )
    words = [sys.executable, "-c", code]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert said == "[]\n"


@pytest.mark.parametrize(
    ("change", "is_ours"),
    [
        ({}, True),
        ({"env": {"OMP_NUM_THREADS": "1"}}, False),
        ({"argv": ["python", "-X", "dev", "-m", "ipykernel_launcher"]}, False),
        ({"argv": ["/other/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]}, False),
        ({"argv": ["R", "-m", "ipykernel_launcher", "-f", "{connection_file}"]}, False),
    ],
)
def test_only_a_plain_kernel_of_our_python_is_forked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, object], is_ours: bool
) -> None:
    """Whoever wrote another command line, or variables, meant them."""
    plain = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": plain, "display_name": "", "language": "python"} | change
    (tmp_path / "kernels/mine").mkdir(parents=True)
    (tmp_path / "kernels/mine/kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert preload.is_ours("mine") is is_ours
    assert not preload.is_ours("cobol")
