"""What mends an error that says too little by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.run.mends import mend_of, python_of

PYTHON = "/venv/bin/python"


@pytest.fixture
def notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook in a folder of its own, with a file and requirements beside it."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "in.csv").touch()
    (folder / "requirements.txt").write_text("xgboost==2\n")
    monkeypatch.chdir(tmp_path)
    return Path("notebooks/a.ipynb")


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("sklearn", f"`{PYTHON} -m pip install scikit-learn` brings it"),
        ("xgboost", f"`{PYTHON} -m pip install xgboost` brings it"),
        ("tools", "if it is a package, "),
        ("tools", "a file of your own has to lie beside notebooks/a.ipynb"),
    ],
)
def test_a_missing_package_is_named_with_where_it_goes(
    notebook: Path, module: str, said: str
) -> None:
    """By the name that it is installed by; an unknown one may be a file of the author's."""
    value = f"No module named {module!r}"
    assert said in mend_of("ModuleNotFoundError", value, PYTHON, notebook)


def test_a_module_within_a_package_is_no_missing_package(notebook: Path) -> None:
    """The package may be there, in another version."""
    assert not mend_of("ModuleNotFoundError", "No module named 'a.b'", PYTHON, notebook)
    assert not mend_of("ModuleNotFoundError", "No module named 'a'", "", notebook)


@pytest.mark.parametrize(
    ("program", "is_python"),
    [
        (PYTHON, True),
        ("/usr/bin/python3.12", True),
        ("C:/env/python.exe", True),
        ("/opt/pypy3", True),
        ("/bin/sh", False),
        ("conda", False),
        ("ipython", False),
    ],
)
def test_packages_are_installed_by_no_wrapper(program: str, is_python: bool) -> None:
    """A kernel may be started by a script that finds its Python; `sh -m pip` would be no mend."""
    assert python_of([program, "-m", "ipykernel_launcher"]) == (program if is_python else "")


def test_a_missing_file_is_looked_for_in_the_working_folder(notebook: Path, tmp_path: Path) -> None:
    """And is often beside the notebook, where Jupyter starts."""
    missing = "[Errno 2] No such file or directory: {!r}"
    here = f"it is looked for in the working folder, {tmp_path}"
    assert mend_of("FileNotFoundError", missing.format("x.csv"), PYTHON, notebook) == here
    beside = mend_of("FileNotFoundError", missing.format("in.csv"), PYTHON, notebook)
    assert beside == f"{here}, but is in {tmp_path}/notebooks: start there"
    assert not mend_of("FileNotFoundError", missing.format("/x.csv"), PYTHON, notebook)


def test_whoever_asks_for_input_hears_that_nobody_is_there(notebook: Path) -> None:
    """The kernel's own words speak of a frontend."""
    assert "make it a parameter" in mend_of("StdinNotImplementedError", "", PYTHON, notebook)
    assert not mend_of("ValueError", "odd", PYTHON, notebook)
