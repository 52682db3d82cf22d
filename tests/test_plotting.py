"""What matplotlib finds in a process that forks kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import write_notebook

from runner.plotting import survives_fork

INLINE = "module://matplotlib_inline.backend_inline"
SAYS = """
import os, sys
from pathlib import Path
from runner import ahead, notebook
ahead.for_kernel(notebook.read(Path(sys.argv[1])))
import matplotlib
is_there = "matplotlib.pyplot" in sys.modules
backend = matplotlib.get_backend(auto_select=False)
is_chosen = "matplotlib_inline.backend_inline" in sys.modules
print(is_there, backend, is_chosen, os.environ.get("MPLBACKEND"))
"""


# What else it imports may keep threads that mend themselves after a fork: libraries of numpy's.
_BUT_MATPLOTLIB = "from runner import ahead, warm; warm.load([*ahead._OF_A_KERNEL, 'numpy'])"


def said(folder: Path, code: str, **variables: str) -> str:
    """What code prints that gets a notebook which plots."""
    path = write_notebook(folder / "a.ipynb", "import matplotlib.pyplot as plt")
    return subprocess.run(
        [sys.executable, "-c", code, str(path)],
        env={name: text for name, text in os.environ.items() if name != "MPLBACKEND"} | variables,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.strip()


def test_plots_will_go_into_the_notebook(tmp_path: Path) -> None:
    """It is imported as in a kernel, draws nothing yet, and the variables stay as they were."""
    assert said(tmp_path, SAYS) == f"True {INLINE} False None"


def test_the_users_choice_stays(tmp_path: Path) -> None:
    """Whoever sets the variable means it."""
    assert said(tmp_path, SAYS, MPLBACKEND="svg") == "True svg False svg"


def test_its_import_starts_no_thread(tmp_path: Path) -> None:
    """A fork would not take it along."""
    count = "len(os.listdir('/proc/self/task'))"
    code = (
        f"import os\n{_BUT_MATPLOTLIB}\nbefore = {count}\n{SAYS}\nprint(is_there, {count} - before)"
    )
    alone = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    assert said(tmp_path, code, **alone).endswith("True 0")


@pytest.mark.parametrize(
    "name", ["matplotlib", "matplotlib.pyplot", "matplotlib.figure", "matplotlib.colors"]
)
def test_its_modules_survive_a_fork(name: str, tmp_path: Path) -> None:
    """It makes its folder where it wants it."""
    own = tmp_path / "own"
    assert survives_fork(name, {"MPLCONFIGDIR": str(own)})
    assert own.is_dir()


@pytest.mark.parametrize("name", ["matplotlib.backends.backend_qtagg", "matplotlibs", "seaborn"])
def test_what_may_start_anything_is_left_to_the_kernel(name: str, tmp_path: Path) -> None:
    """A backend may bring Qt or a server."""
    assert not survives_fork(name, {"MPLCONFIGDIR": str(tmp_path)})


@pytest.mark.parametrize("name", ["MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"])
def test_it_is_not_shared_without_a_folder(name: str, tmp_path: Path) -> None:
    """It would make one that the first kernel to end removes."""
    places = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    assert survives_fork("matplotlib", places)
    assert not survives_fork("matplotlib", places | {name: "/proc/nowhere"})
