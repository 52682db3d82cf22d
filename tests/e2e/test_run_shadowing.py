"""A ``runner.py`` of the user's own, in the folder where a notebook is executed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import PAPERMILL, ROOT, SPARED, read_record, text_of, write_notebook

import runner
from runner.errors import ConfigurationError
from runner.run.shadowing import shadow
from runner.spawn import preload
from runner.spawn.shadowed_name import refuse_shadow

# A notebook that uses it says so in its first cell; whoever imports it earlier is seen.
OWN = "import sys\nprint('imported in', 'first' in vars(sys.modules['__main__']))\nVALUE = 42\n"
COMMAND = [sys.executable, "-P", "-m", "runner"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with such a module, and a notebook that imports it, and papermill."""
    (tmp_path / "runner.py").write_text(OWN)
    write_notebook(
        tmp_path / "a.ipynb",
        f"first = 1; import sys; {SPARED}",
        "import runner\nprint(runner.VALUE)",
        "import papermill",
    )
    return tmp_path


def executed(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """What a command of these words said, as it ended."""
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    "words", [[*COMMAND, "run"], [*PAPERMILL, "--engine", "runner"]], ids=["runner", "papermill"]
)
def test_a_run_leaves_the_name_to_the_notebook(folder: Path, words: list[str]) -> None:
    """The notebook imports its own module, which nobody has executed before it.

    Whoever wanted ours reads why ``from runner import serve`` fails.
    """
    done = executed([*words, "a.ipynb", "out.ipynb"], folder)
    assert done.returncode == 0, done.stderr
    assert "imported in" not in done.stdout + done.stderr
    cells = read_record(folder / "out.ipynb").cells
    assert [text_of(cell) for cell in cells] == ["", "imported in True\n42\n", ""]
    if words[-1] == "run":
        assert f"{folder / 'runner.py'}: the notebook imports it instead of" in done.stderr


COMMANDS = [["serve"], ["sweep", "--grid", "n=1,2"], ["rehearse"]]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_where_the_name_is_that_of_our_package_a_notebook_that_imports_its_own_is_refused(
    folder: Path, command: list[str]
) -> None:
    """It would get ours: file and importer are named before a kernel starts."""
    done = executed([*COMMAND, *command, "a.ipynb"], folder)
    assert done.returncode == ConfigurationError.exit_code, done.stderr
    assert f"{folder / 'runner.py'}: a.ipynb imports it" in done.stderr
    assert "rename it" in done.stderr


def test_a_module_of_our_name_that_the_notebook_does_not_import_is_in_nobodys_way(
    folder: Path,
) -> None:
    """Nobody has executed it, though the points of a sweep have our package."""
    write_notebook(
        folder / "b.ipynb",
        "import sys\nimport beside\nprint(n, sys.modules['runner'].__file__)",
        parameters="n: int = 0",
    )
    (folder / "beside.py").write_text("import json, deeper")
    (folder / "deeper").mkdir()
    (folder / "deeper/__init__.py").write_text("")
    done = executed([*COMMAND, "sweep", "--grid", "n=1,2", "b.ipynb"], folder)
    assert done.returncode == 0, done.stderr
    cells = read_record(folder / "runs/sweeps/b/points/n=2/out.ipynb").cells
    assert f"2 {runner.__file__}\n" in [text_of(cell) for cell in cells]
    (folder / "deeper/__init__.py").write_text("def later():\n    from runner.x import y")
    importer = folder / "deeper/__init__.py"
    with pytest.raises(ConfigurationError, match=f"runner.py: {importer} imports it"):
        refuse_shadow(folder, folder / "b.ipynb", serves=True)


def test_a_kernel_that_is_not_forked_finds_the_users_module_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it cannot serve, and nothing keeps it from being swept."""
    write_notebook(folder / "b.ipynb", "1")
    monkeypatch.setattr(preload, "is_ours", lambda name: False)
    refuse_shadow(folder, folder / "b.ipynb", serves=False)
    with pytest.raises(ConfigurationError, match="the kernel 'python3' would import it"):
        refuse_shadow(folder, folder / "b.ipynb", serves=True)


@pytest.mark.parametrize("name", ["runner.py", "runner/__init__.py"])
def test_only_what_python_would_import_first_is_found(tmp_path: Path, name: str) -> None:
    """A module or a package is; a folder of other things called ``runner`` is not."""
    assert shadow(tmp_path) is None
    (tmp_path / "runner").mkdir()
    assert shadow(tmp_path) is None
    (tmp_path / name).write_text("")
    assert shadow(tmp_path) == tmp_path / name


def test_our_own_folder_is_no_stranger(tmp_path: Path) -> None:
    """Neither is this package, as in its repository, nor another copy of it."""
    assert shadow(ROOT) is None
    copy = tmp_path / "runner"
    copy.mkdir()
    for name in ("__init__.py", "serving"):
        (copy / name).symlink_to(Path(runner.__file__).parent / name)
    assert shadow(tmp_path) is None


def test_the_engine_is_not_taken_from_another_module_of_our_name(folder: Path) -> None:
    """In a process that has imported the user's, papermill says what stands in its way."""
    code = (
        f"import sys; sys.path.insert(0, ''); {SPARED}\nimport runner, papermill\n"
        "papermill.execute_notebook('a.ipynb', 'out.ipynb', engine_name='runner')"
    )
    done = executed([sys.executable, "-c", code], folder)
    assert done.returncode == 1
    assert f"ImportError: {folder / 'runner.py'} was imported as 'runner'" in done.stderr


@pytest.mark.parametrize("name", ["wrapt", "uvloop", "websockets"])
def test_a_module_beside_the_notebook_keeps_its_name(name: str, tmp_path: Path) -> None:
    """What we import of that name is the installed one; what the notebook imports is its own."""
    ours = {"wrapt": "servers", "uvloop": "serve", "websockets": "serve"}[name]
    (tmp_path / f"{name}.py").write_text("VALUE = 'of the notebook'")
    code = (
        "import sys\nsys.path.insert(0, '')\n"
        "from runner.spawn import notebook_imports\n"
        f"notebook_imports.load([], ['runner.serving.{ours}'])\n"
        f"import {name}, runner.http.server\n"
        f"print({name}.VALUE, runner.http.server._loop_factory().__module__)"
    )
    words = [sys.executable, "-P", "-c", code]
    done = executed(words, tmp_path)
    assert done.stdout == "of the notebook uvloop\n", done.stderr
