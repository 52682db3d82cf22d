"""Each rule of the doctor finds what breaks it, and keeps quiet about what does not."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from runner.doctor.examine import ALL_RULES, examine, files_to_examine
from runner.doctor.rules_run import RULES as RUN_RULES

HERE = ".".join(map(str, sys.version_info[:2]))
PICKLE = b"\x80\x04}."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder with one notebook, or with one other file that is examined."""

    cells: tuple[str, ...] = ()
    parameters: str = ""
    tags: tuple[str, ...] = ()
    files: dict[str, bytes | str] = dataclasses.field(default_factory=dict)
    examined: str = "a.ipynb"

    def write(self, at: Path) -> Path:
        for name, content in self.files.items():
            (at / name).parent.mkdir(parents=True, exist_ok=True)
            (at / name).write_bytes(content.encode() if isinstance(content, str) else content)
        if self.examined not in self.files:
            (at / self.examined).write_text(json.dumps(self.notebook(), indent=1) + "\n")
        return at / self.examined

    def notebook(self) -> dict[str, Any]:
        given = [(self.parameters, ("parameters",))] if self.parameters else []
        pairs = [*given, *((source, ()) for source in self.cells)]
        cells = [
            {
                "cell_type": "code",
                "id": "parameters" if tags else f"cell-{number - len(given)}",
                "metadata": {"tags": list(tags)} if tags else {},
                "execution_count": None,
                "outputs": [],
                "source": source.splitlines(keepends=True),
            }
            for number, (source, tags) in enumerate(pairs)
        ]
        if self.tags:
            cells[-1]["metadata"] = {"tags": list(self.tags)}
        return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def cells(*sources: str, **more: Any) -> Folder:
    return Folder(cells=sources, **more)


def record(value: str) -> Folder:
    """The record of a run with a masked value, which may have been edited since."""
    metadata = {"tags": ["injected-parameters"], "runner": {"masked": ["token"]}}
    cell = {"cell_type": "code", "source": f"token = {value!r}", "metadata": metadata}
    return cells(files={"a.ipynb": json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4})})


def kernel(name: str) -> Folder:
    document = {"cells": [], "metadata": {"kernelspec": {"name": name}}, "nbformat": 4}
    return cells(files={"a.ipynb": json.dumps(document)})


def docker(text: str) -> Folder:
    return Folder(files={"dockerfile": text}, examined="dockerfile")


def required(text: str) -> Folder:
    return Folder(files={"requirements.txt": text}, examined="requirements.txt")


def model(*, card: dict[str, Any] | None, source: str = "") -> Folder:
    files: dict[str, bytes | str] = {"model/m.joblib": PICKLE, "requirements.txt": "joblib\n"}
    if card is not None:
        files["model/m.json"] = json.dumps({"sha256": hashlib.sha256(PICKLE).hexdigest()} | card)
    return cells(f"import joblib\n{source}\njoblib.load('model/m.joblib')", files=files)


def asking(*lines: str, more: tuple[str, ...] = ()) -> Folder:
    """A notebook with a block of PEP 723."""
    return cells(
        "\n".join(["# /// script", *(f"# {line}".rstrip() for line in lines), "# ///"]), *more
    )


BROKEN: dict[str, list[Folder]] = {
    "not-a-notebook": [
        Folder(files={"a.ipynb": text})
        for text in (
            *("", "{", "[]", '{"cells": 1}', "\xff", "[" * 99999, '{"cells": [], "metadata": []}'),
            '{"cells": [{"cell_type": "code", "source": 1}]}',
            '{"cells": [{"cell_type": "code", "source": "", "metadata": {"tags": 1}}]}',
            '{"cells": [{"cell_type": "code", "source": "", "metadata": null}]}',
            '{"cells": [{"cell_type": "code", "source": "", "outputs": [1]}]}',
        )
    ],
    "masked-record": [record("***")],
    "no-kernel": [kernel("of-another-machine")],
    "script-metadata": [
        cells("# /// script\n# dependencies = []"),
        cells("# /// script\n#dependencies = []\n# ///"),
        asking("dependencies = ["),
        asking("dependencies = ['numpy=1']"),
        asking("requires-python = '3,11'"),
        asking("dependency = []"),
        asking("dependencies = 'numpy'"),
        asking("dependencies = []", more=("# /// script\n# dependencies = []\n# ///",)),
        cells("# /// script\n# dependencies = []\n# ///\n\n# /// script\n# a = 1\n# ///"),
    ],
    "missing-package": [
        asking("dependencies = ['no-such-package']"),
        asking("dependencies = ['numpy<1']"),
    ],
    "python-version": [
        asking("requires-python = '<3.11'"),
        asking(f"requires-python = '!={HERE}.*'"),
    ],
    "syntax-error": [
        cells("x = ("),
        cells("%matplotlib inline\nx = = 1"),
        cells("\0"),
        cells("x = 1\nreturn x"),
        cells("%time\nbreak"),
    ],
    "no-parameters": [cells("print(1)"), cells("import os", "port = 8000", "print(port)")],
    "parameters-twice": [cells("b = 2", parameters="a = 1", tags=("parameters",))],
    "parameter-reassigned": [
        cells("port = 9", parameters="port = 8000"),
        cells("for port in range(3):\n    pass", parameters="port = 8000"),
        cells("port: int = 9", parameters="port: int = 8000"),
        cells("%time\nif True:\n    port = 9", parameters="port = 8000"),
        cells("with open('a') as path:\n    pass", parameters="path = 'x'"),
        cells("import numpy as path", parameters="path = 'x'"),
        cells("def path(): ...", parameters="path = 'x'"),
    ],
    "installs-packages": [
        cells("!pip install numpy"),
        cells("import os\n%pip install -q numpy \\\n    pandas"),
        cells("if True:\n    !python -m pip install numpy"),
        cells("!conda install -y numpy"),
        cells("pip install numpy"),
        cells("%%bash\nls", "%%time\n!pip install numpy"),
    ],
    "changes-folder": [cells("%cd .."), cells("cd .."), cells("from os import chdir\nchdir('..')")],
    "absolute-path": [
        cells("open('/models/iris.pkl')"),
        cells("open('/home/alice/iris.csv')"),
        cells("path = 'C:\\\\data\\\\iris.csv'"),
        cells("path = '~/iris.csv'"),
        cells("path = '/data/models/iris.joblib'"),
        cells("", parameters="path = '/Users/alice/iris.csv'"),
    ],
    "asks-a-person": [
        cells("name = input('who? ')"),
        cells("from getpass import getpass as ask\nask()"),
        cells("%%time\nprint(input())"),
    ],
    "no-sign-of-serving": [
        cells("print(port)", parameters="port = 8000"),
        cells("model.fit()", parameters="host: str = 'a'"),
        cells("import uvicorn", tags=("serve",)),
    ],
    "shadowed-runner": [
        cells("from runner import serve\nserve(model)", files={"runner.py": "x = 1"}),
        cells("from runner import save_model", files={"runner/__init__.py": ""}),
    ],
    "model-without-card": [
        model(card=None),
        cells("import pickle\npickle.load(open('m.pkl', 'rb'))"),
    ],
    "model-not-its-card": [model(card={"sha256": "0" * 64})],
    "model-version": [model(card={"scikit-learn": "0.24.2"})],
    "sklearn-name": [
        required("sklearn\n"),
        required("numpy\nSklearn==0.0.post1  # old\n"),
        required("sklearn>=1.0; python_version > '3'"),
    ],
    "entrypoint-without-init": [
        docker('FROM quay.io/jupyter/base-notebook\nENTRYPOINT ["papermill", "a.ipynb"]\n'),
        docker("FROM quay.io/jupyter/base-notebook\nENTRYPOINT []\n"),
        docker("from python:3.13 as a\nentrypoint papermill \\\n  a.ipynb\n"),
        docker('FROM a AS b\nENTRYPOINT ["tini", "--"]\nFROM b\nENTRYPOINT ["runner"]\n'),
    ],
    "inherited-healthcheck": [
        docker('FROM quay.io/jupyter/base-notebook\nCMD ["runner", "serve", "a.ipynb"]\n'),
        docker(
            "ARG BASE=jupyter/scipy-notebook\nFROM ${BASE} AS a\nFROM a\nCMD runner serve a.ipynb\n"
        ),
    ],
    "frozen-base-image": [
        docker("FROM jupyter/datascience-notebook:latest\n"),
        docker("ARG BASE=docker.io/jupyter/minimal-notebook\nFROM --platform=x $BASE as b\n"),
        docker("FROM ${BASE:-jupyter/base-notebook}\n"),
    ],
}

SOUND: dict[str, list[Folder]] = {
    "not-a-notebook": [cells("print(1)")],
    "masked-record": [record("edited")],
    "no-kernel": [kernel("python3")],
    "script-metadata": [
        asking(
            "requires-python = '>=3.11'",
            "dependencies = [",
            "  'numpy>1',",
            "]",
            "[tool.x]",
            "y = 1",
        ),
        cells("# /// other\n# x"),
        cells("x = 1"),
    ],
    "missing-package": [
        asking("dependencies = ['NumPy>1', 'pywin32; sys_platform == \"win32\"']"),
        asking("dependencies = ['"),
    ],
    "python-version": [asking(f"requires-python = '=={HERE}.*'"), asking("dependencies = []")],
    "syntax-error": [
        cells("%matplotlib inline\n!ls \\\n  -l\nfiles = !ls\nx?\n?x\nawait f()\nx = %time 3"),
        cells("%%bash\nfor x in a; do echo $x; done"),
        cells("async with f() as x:\n    pass\n[await y async for y in x]"),
        cells("\n%%time\nx = 1"),
        cells("x = (10\n  % 3)"),
        cells("pip install numpy"),
        cells("x = (", tags=("raises-exception",)),
    ],
    "no-parameters": [cells("print(1)", parameters="a = 1"), cells(), cells("# a comment")],
    "parameters-twice": [cells("print(1)", parameters="a = 1")],
    "parameter-reassigned": [
        cells("port = int(port)", parameters="port = 8000"),
        cells("if port is None:\n    port = 9", parameters="port = None"),
        cells("port += 1", parameters="port = 8000"),
        cells("def f(port):\n    port = 1\n[port for port in ()]", parameters="port = 8000"),
        cells("other = port", parameters="port = 8000"),
        cells("port = 9", parameters="port = 8000", tags=("injected-parameters",)),
    ],
    "installs-packages": [cells("!pip list\n# !pip install x"), cells("s = '!pip install x'")],
    "changes-folder": [cells("import os\nos.getcwd()\n!cd a")],
    "absolute-path": [
        cells("open('data/iris.csv')\nroute = '/predict'\nurl = 'http://a/home/b.csv'"),
        cells("'''/home/alice/ is where it was'''\nopen('/dev/null')\npath = '/tmp/x.csv'"),
        cells("path == '/static/app.js' or path == '/v1/health.json'"),
        cells("@app.get('/users/{name}')\ndef f(name): ..."),
    ],
    "asks-a-person": [
        cells("def input(x):\n    return x\ninput(1)"),
        cells("model.input(1)"),
        cells("def f():\n    breakpoint()"),  # which may never be called
        cells("if debug:\n    breakpoint()\ntry:\n    input()\nexcept Exception:\n    pass"),
        cells("input()", tags=("raises-exception",)),
    ],
    "no-sign-of-serving": [
        cells("model.fit()", parameters="alpha = 1"),
        *(
            cells(source, parameters="port = 8000")
            for source in (
                "from runner import serve\nserve(model)",
                "import threading, uvicorn\nt = threading.Thread(target=uvicorn.run)\nt.start()",
                "app = make()",
                "from mine import made as application",
                "def app(environ, start_response): ...",
                "# GET /hello\nprint('hello')",
                "!uvicorn main:app",
                "%run serve.py",
                "import asyncio\nawait asyncio.start_server(f, port=port)",
                "x = (",
            )
        ),
        cells("import beside", parameters="port = 8000", files={"beside.py": ""}),
    ],
    "shadowed-runner": [
        cells("from runner import VALUE", files={"runner.py": "VALUE = 1"}),
        cells("from runner import serve\nserve(model)", files={"runner/data.csv": ""}),
    ],
    "model-without-card": [
        model(card={}),
        cells("import hashlib, pickle\nhashlib.sha256(b)\npickle.loads(b)"),
        cells("import json\njson.load(open('m.json'))"),
    ],
    "model-not-its-card": [model(card={}), model(card=None)],
    "model-version": [model(card={"scikit-learn": __import__("sklearn").__version__})],
    "sklearn-name": [required("scikit-learn==1.9.1\n# sklearn\nsklearn-pandas\n")],
    "entrypoint-without-init": [
        docker('FROM quay.io/jupyter/base-notebook\nCMD ["runner", "serve", "a.ipynb"]\n'),
        docker('FROM python:3.13\nENTRYPOINT ["/usr/bin/tini", "-g", "--"]\n'),
        docker('FROM python:3.13\nENTRYPOINT ["runner"]\n'),  # which handles SIGTERM
    ],
    "inherited-healthcheck": [
        docker("FROM quay.io/jupyter/base-notebook\nHEALTHCHECK NONE\nCMD runner serve a.ipynb\n"),
        docker("FROM quay.io/jupyter/base-notebook\nRUN true\n"),
        docker('FROM quay.io/jupyter/base-notebook\nCMD ["start-notebook.py"]\n'),
        docker("FROM python:3.13\nCMD runner serve a.ipynb\n"),
        docker(
            "FROM quay.io/jupyter/base-notebook AS a\nHEALTHCHECK CMD runner probe\n"
            "FROM a\nCMD runner serve a.ipynb\n"
        ),
    ],
    "frozen-base-image": [docker("FROM quay.io/jupyter/base-notebook:2026-08-24\nFROM python:3\n")],
}


def broken_by(folder: Folder, at: Path) -> set[str]:
    return {finding.rule.name for finding in examine(folder.write(at))}


def pairs(cases: dict[str, list[Folder]]) -> list[Any]:
    return [
        pytest.param(name, folder, id=f"{name}-{number}")
        for name, folders in cases.items()
        for number, folder in enumerate(folders)
    ]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("rule", "folder"), pairs(BROKEN))
def test_a_breach_is_found(rule: str, folder: Folder, tmp_path: Path) -> None:
    """What breaks a rule is a finding of that rule."""
    assert rule in broken_by(folder, tmp_path)


@pytest.mark.parametrize(("rule", "folder"), pairs(SOUND))
def test_what_is_sound_is_no_finding(rule: str, folder: Folder, tmp_path: Path) -> None:
    """What looks like a breach and is none is passed over."""
    assert rule not in broken_by(folder, tmp_path)


def test_every_rule_has_both_cases() -> None:
    """A rule cannot be added without a case that breaks it and one that does not."""
    names = [rule.name for rule in ALL_RULES if rule not in RUN_RULES]
    assert list(BROKEN) == names
    assert list(SOUND) == names


def test_rules_have_names_of_their_own() -> None:
    """A name silences one rule, not two."""
    names = [rule.name for rule in ALL_RULES]
    assert len(set(names)) == len(names)


def test_our_own_files_are_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    """What we publish holds our own rules: notebooks, requirements, dockerfile."""
    monkeypatch.chdir(ROOT)
    files = files_to_examine([])
    assert {path.name for path in files} >= {"train.ipynb", "requirements.txt", "dockerfile"}
    assert [finding for path in files for finding in examine(path)] == []


@pytest.mark.parametrize("number", [0, 3])
def test_a_finding_names_cell_and_line(number: int, tmp_path: Path) -> None:
    """The author is led to the very line, also below magics; cells are counted from 1."""
    sources = ["x = 1"] * number + ["%matplotlib inline\n\n!ls \\\n -l\nopen('/home/alice/a.csv')"]
    (found,) = [
        finding.place()
        for finding in examine(cells(*sources, parameters="a = 1").write(tmp_path))
        if finding.rule.name == "absolute-path"
    ]
    assert found == f"{tmp_path}/a.ipynb [cell {number + 2} (cell-{number}), line 5]"


def test_cells_of_text_are_counted_too(tmp_path: Path) -> None:
    """As a reader counts them; format 4.4 has no ids besides."""
    document = cells("x = 1", "input()").notebook()
    for cell in document["cells"]:
        del cell["id"]
    document["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "# A"})
    (tmp_path / "a.ipynb").write_text(json.dumps(document | {"nbformat_minor": 4}))
    found = {one.rule.name: one.breach for one in examine(tmp_path / "a.ipynb")}
    assert (found["asks-a-person"].cell, found["asks-a-person"].cell_id) == (3, "")


def test_another_language_is_not_parsed(tmp_path: Path) -> None:
    """Cells of R are not Python, and that is no fault."""
    document = cells("x <- 1").notebook()
    document["metadata"] = {"kernelspec": {"name": "ir", "language": "R"}}
    (tmp_path / "a.ipynb").write_text(json.dumps(document))
    assert {found.rule.name for found in examine(tmp_path / "a.ipynb")} <= {"no-kernel"}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{", "cannot be read"),
        (
            json.dumps({"argv": ["no-such-program"], "display_name": "", "language": ""}),
            "no program",
        ),
    ],
)
def test_a_kernel_that_a_run_refuses_is_noticed(
    spec: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the words of the run; a broken kernelspec ends no examination."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    (tmp_path / "kernels/odd").mkdir(parents=True)
    (tmp_path / "kernels/odd/kernel.json").write_text(spec)
    (tmp_path / "a.ipynb").write_text(kernel("odd").files["a.ipynb"])
    found = {one.rule.name: one.breach.what for one in examine(tmp_path / "a.ipynb")}
    assert said in found["no-kernel"]


def test_a_text_tagged_parameters_is_noticed(tmp_path: Path) -> None:
    """It declares nothing, though papermill finds its tag."""
    document = cells("x = 1").notebook()
    text = {"cell_type": "markdown", "metadata": {"tags": ["parameters"]}, "source": "# A"}
    document["cells"].insert(0, text)
    (tmp_path / "a.ipynb").write_text(json.dumps(document))
    (found,) = examine(tmp_path / "a.ipynb")
    assert found.breach.what == "what is tagged `parameters` is a text, no code"
