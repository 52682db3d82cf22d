"""Reading notebooks and checking parameters, with no kernel in sight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import write_notebook

from runner.errors import ConfigurationError
from runner.notebook import document as notebook

DECLARED = """
port: int = 8000  # TCP port
share: float = 0.2
gamma: float | str = "scale"
names: list[str] = []
kind: "Literal['a', 'b']" = "a"
seed = 7
note = None
odd: Undefined = 1
left, right = 1, 2
"""


@pytest.fixture
def document(tmp_path: Path) -> notebook.Notebook:
    return notebook.read(write_notebook(tmp_path / "a.ipynb", "1", parameters=DECLARED))


def test_all_assigned_names_are_parameters(document: notebook.Notebook) -> None:
    """Whatever the tagged cell assigns is declared, annotated or not."""
    names = "port share gamma names kind seed note odd left right"
    assert list(document.parameters()) == names.split()


@pytest.mark.parametrize(
    ("name", "value", "becomes"),
    [
        ("port", 9000, 9000),
        ("share", 1, 1.0),
        ("gamma", "auto", "auto"),
        ("gamma", 2, 2.0),
        ("names", ["x"], ["x"]),
        ("kind", "b", "b"),
        ("seed", 8, 8),
        ("note", "anything", "anything"),
        ("odd", "anything", "anything"),
        ("left", "anything", "anything"),
    ],
)
def test_a_right_value_is_taken(
    document: notebook.Notebook, name: str, value: Any, becomes: Any
) -> None:
    """A value of the declared type passes; an int for a float becomes one."""
    checked = document.check({name: value})
    assert checked == {name: becomes}
    assert type(checked[name]) is type(becomes)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("port", "eighty", "expected int, got str"),
        ("port", 80.5, "expected int, got float"),
        ("port", True, "expected int, got bool"),
        ("share", "x", "expected float, got str"),
        ("names", ["x", 1], "expected str, got int"),
        ("kind", "c", "'c'"),
        ("seed", "x", "expected int, got str"),
    ],
)
def test_a_wrong_value_is_refused(
    document: notebook.Notebook, name: str, value: Any, said: str
) -> None:
    """The error names the notebook, the parameter and what was expected."""
    with pytest.raises(ConfigurationError) as raised:
        document.check({name: value})
    assert str(document.path) in str(raised.value)
    assert repr(name) in str(raised.value)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("source", "kinds"),
    [
        ("%matplotlib inline\nalpha = 1\n!true", {"alpha": int}),
        ("%%time\nalpha = 1", {"alpha": int}),
        ("files = !ls\n  # a\nalpha = 1", {"files": Any, "alpha": int}),
        ('n: "rows to read" = 5', {"n": Any}),
        ('n: "int" = 5', {"n": int}),
        ("x: int = None\ny = None", {"x": int | None, "y": Any}),
        ("if 'x' not in globals():\n    x = 1", {"x": Any}),
        ("try:\n    x, y\nexcept NameError:\n    x, y = 1, 2", {"x": Any, "y": Any}),
        ("if a:\n    def f():\n        x = 1", {}),
        ("x = {[]: 1}\ny: 3 = None", {"x": Any, "y": Any}),
        ("%%bash\nx=1", {}),
    ],
)
def test_a_cell_is_read_as_ipython_runs_it(
    tmp_path: Path, source: str, kinds: dict[str, Any]
) -> None:
    """With magics, remarks for annotations, and assignments that depend on something."""
    declared = notebook.read(write_notebook(tmp_path / "a.ipynb", "1", parameters=source))
    assert {name: found.kind for name, found in declared.parameters().items()} == kinds


def test_a_text_that_is_tagged_declares_nothing(tmp_path: Path) -> None:
    """Papermill puts the values below it all the same; none can be checked, so none is taken."""
    path = write_notebook(tmp_path / "a.ipynb", "1", parameters="## Set these")
    path.write_text(path.read_text().replace('"code"', '"markdown"', 1))
    with pytest.raises(ConfigurationError, match="the cell tagged `parameters` assigns nothing"):
        notebook.read(path).check({"x": 1})


@pytest.mark.parametrize(
    "setting",
    [
        "os.environ['A'] = '1'",
        "os.environ.update(A='1')",
        "os.putenv('A', '1')",
        "%env A=1",
        "%set_env A 1",
        "get_ipython().run_line_magic('env', 'A=1')",
        "get_ipython().magic('env A=1')",
        "%load_ext dotenv",
        "def limit():\n    os.environ['A'] = '1'\nlimit()",
        "os.sched_setaffinity(0, {0})",
        "os.chdir('lib')",
        "%cd lib",
        "sys.path.insert(0, 'lib')",
        "!pip install numpy==2",
        "%pip install numpy",
        "subprocess.run([sys.executable, '-m', 'pip', 'install', 'numpy'])",
        "%run setup.py",
        "warnings.simplefilter('error')",
    ],
)
def test_imports_end_where_a_cell_may_change_them(tmp_path: Path, setting: str) -> None:
    """What a cell sets before an import is seen by that: so it is not imported ahead."""
    path = write_notebook(tmp_path / "a.ipynb", "import os\n!ls", setting, "import numpy")
    assert notebook.read(path).imports() == ["os"]


def test_imports_go_on_behind_what_changes_none(tmp_path: Path) -> None:
    """Paths are joined and pictures set up in the cells that import."""
    cells = (
        "import os",
        "%matplotlib inline\nx = os.path.join('a', 'b')\nprint(x)",
        "import numpy",
    )
    path = write_notebook(tmp_path / "a.ipynb", *cells)
    assert notebook.read(path).imports() == ["os", "numpy"]


def test_a_wrong_secret_is_not_told(tmp_path: Path) -> None:
    """Neither in the error nor in a remark: both go to logs."""
    path = write_notebook(tmp_path / "a.ipynb", "1", parameters="password: int = 0\npwd = 0")
    document = notebook.read(path)
    with pytest.raises(ConfigurationError, match=r"expected int, got str \('\*\*\*'\)"):
        document.check({"password": "s3cr3t"})
    assert "0.125" not in str(document.remarks({"pwd": 0.125}))


def test_an_unknown_name_gets_a_suggestion(document: notebook.Notebook) -> None:
    """A typing error is met with the name that was meant."""
    with pytest.raises(ConfigurationError, match="did you mean 'port'") as raised:
        document.check({"prot": 1})
    assert "port, share" in raised.value.hint


def test_a_notebook_without_the_tag_declares_nothing(tmp_path: Path) -> None:
    """Papermill would inject and warn; we say which tag is missing."""
    plain = notebook.read(write_notebook(tmp_path / "a.ipynb", "port = 1"))
    with pytest.raises(ConfigurationError, match="no cell is tagged `parameters`"):
        plain.check({"port": 2})


def test_a_broken_parameters_cell_is_named(tmp_path: Path) -> None:
    """Before any kernel starts, invalid Python is reported as what it is."""
    broken = notebook.read(write_notebook(tmp_path / "a.ipynb", "1", parameters="port: int ="))
    with pytest.raises(ConfigurationError, match="not valid Python"):
        broken.parameters()


def test_an_annotation_is_never_executed(tmp_path: Path) -> None:
    """Reading a notebook runs none of its code, not even in an annotation."""
    trap = tmp_path / "trap"
    text = f"port: __import__('pathlib').Path({str(trap)!r}).touch() = 1"
    read = notebook.read(write_notebook(tmp_path / "a.ipynb", "1", parameters=text))
    assert read.check({"port": "x"}) == {"port": "x"}
    assert not trap.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such notebook; did you mean"),
        (b"", "not a notebook: the file is empty"),
        (b"\xff\xfe", "not a notebook: it is not UTF-8"),
        (b"[]", "not a notebook of format 4: it is JSON without"),
        (b'{"worksheets": []}', "not a notebook of format 4, but of an older one"),
        (b"import os", "not a notebook: it is no JSON"),
        (b'{\n<<<<<<< HEAD\n"cells": []', "marks of a merge in git, from line 2 on"),
        (b"<!DOCTYPE html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS keeps it elsewhere"),
        (b'{"cells": [], "metadata": {}, "nbformat": 3}', "not a notebook of format 4"),
        (b'{"cells": [], "metadata": {}, "nbformat": 5}', "not a notebook of format 4"),
        (b'{"cells": [], "metadata": {}, "nbformat_minor": null}', "not a notebook of format 4"),
        (b'{"cells": []}', "its metadata have another form"),
        (b'{"cells": [{"cell_type": "code", "source": ""}]}', "cell 1: its metadata or tags"),
        (b'{"cells": [{"cell_type": null, "source": ""}]}', "cell 1: its type or id is not text"),
        (b"[" * 99_999, "not a notebook"),
        (b'{"cells": [], "metadata": []}', "its metadata have another form"),
        (b'{"cells": [], "metadata": {"kernelspec": 1}}', "its kernelspec has another form"),
        (b'{"cells": [{"cell_type": "code", "source": 1}]}', "cell 1: its source is not text"),
    ],
)
def test_what_is_no_notebook_is_refused(tmp_path: Path, content: bytes | None, said: str) -> None:
    """A missing or foreign file is one clear error."""
    write_notebook(tmp_path / "serve_asgi.ipynb", "1")
    path = tmp_path / "serve_agsi.ipynb"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        notebook.read(path)


def test_a_folder_is_no_notebook(tmp_path: Path) -> None:
    """Those that are in it are named."""
    write_notebook(tmp_path / "a.ipynb", "1")
    with pytest.raises(ConfigurationError, match="is a folder, not a notebook") as raised:
        notebook.read(tmp_path)
    assert str(tmp_path / "a.ipynb") in raised.value.hint


def test_a_script_is_no_notebook(tmp_path: Path) -> None:
    """How to make one of it is said."""
    (tmp_path / "a.py").write_text("import os")
    with pytest.raises(ConfigurationError, match=r"it is a \.py file") as raised:
        notebook.read(tmp_path / "a.py")
    assert "jupytext" in raised.value.hint


def test_imports_are_listed_up_to_where_the_environment_is_set(tmp_path: Path) -> None:
    """What is set there may be meant for the imports that follow."""
    cells = ("import os, a.b\nfrom c import d\nif x:\n    import e", "import os\nfrom . import f")
    path = write_notebook(tmp_path / "a.ipynb", *cells, "os.environ['X'] = '1'", "import g")
    assert notebook.read(path).imports() == ["os", "a.b", "c"]


def test_a_literal_default_is_known(tmp_path: Path) -> None:
    """An expression's is not."""
    path = write_notebook(tmp_path / "a.ipynb", "1", parameters="a: str = 'x'\nb = 1 + c")
    document = notebook.read(path)
    assert [document.default(name) for name in ("a", "b", "c")] == ["x", None, None]
