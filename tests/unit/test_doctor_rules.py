"""Each rule of the doctor finds what breaks it, and keeps quiet about what does not."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from runner.doctor.examine import ALL_RULES, examine, files_to_examine
from runner.doctor.rules_run import RULES as RUN_RULES

TOKEN = "ghp_" + "a1B2" * 9
UVICORN = "import uvicorn\nasync def app(scope, receive, send): ..."
WSGI = "from wsgiref.simple_server import make_server\ndef app(environ, start_response): ..."
PREDICTOR = """
import joblib, json
import numpy as np
class ModelPredictor:
    def __init__(self, path):
        self.model = joblib.load(path)
    def predict(self, X):
        return self.model.predict(X)
"""
SEVERAL = PREDICTOR.replace("self, X", "self, a, b").replace("(X)", "(rows(a, b))")
PICKLE = b"\x80\x04\x95\x00}(\x8c\x10_sklearn_version\x94\x8c\x051.0.2\x94ub."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder with one notebook, or with one other file that is examined."""

    cells: tuple[str, ...] = ()
    parameters: str = ""
    outputs: tuple[Any, ...] = ()
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
        if self.outputs:
            cells[-1]["outputs"] = list(self.outputs)
        if self.tags:
            cells[-1]["metadata"] = {"tags": list(self.tags)}
        return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def cells(*sources: str, **more: Any) -> Folder:
    return Folder(cells=sources, **more)


def printed(text: str) -> Folder:
    shown = {"output_type": "stream", "name": "stdout", "text": [text]}
    return cells("print(1)", outputs=(shown,))


def docker(text: str) -> Folder:
    return Folder(files={"dockerfile": text}, examined="dockerfile")


def required(text: str) -> Folder:
    return Folder(files={"requirements.txt": text}, examined="requirements.txt")


def model(*, card: dict[str, Any] | None, source: str = "") -> Folder:
    files: dict[str, bytes | str] = {"model/m.joblib": PICKLE, "requirements.txt": "joblib\n"}
    if card is not None:
        files["model/m.json"] = json.dumps({"sha256": hashlib.sha256(PICKLE).hexdigest()} | card)
    return cells(f"import joblib\n{source}\njoblib.load('model/m.joblib')", files=files)


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
    "syntax-error": [cells("x = ("), cells("%matplotlib inline\nx = = 1"), cells("\0")],
    "no-code": [cells(), cells("", " \n")],
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
    ],
    "changes-folder": [cells("%cd .."), cells("!cd x"), cells("import os\nos.chdir('..')")],
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
        cells("def f():\n    breakpoint()"),
    ],
    "secret-in-output": [
        printed(f"token {TOKEN}"),
        printed("AKIA" + "IOSFODNN7EXAMPLE"),
        printed("xoxb-" + "123456789012-abcdefABCDEF"),
        printed("-----BEGIN RSA " + "PRIVATE KEY-----\nMIIE"),
        printed(
            "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0NTY3ODkwIn0." + "dozjgNryP4J3jVmNHl0w5N"
        ),
        printed('{"api_key": "9f86d081884c7d65"}'),
        printed("postgres://me:" + "s3cret9@db.example.org/x"),
        cells("x", outputs=({"output_type": "error", "ename": "E", "evalue": TOKEN},)),
        cells("x", outputs=({"output_type": "display_data", "data": {"text/html": [TOKEN]}},)),
    ],
    "secret-in-source": [cells(f"token = '{TOKEN}'")],
    "server-in-background": [
        cells(
            UVICORN,
            "from threading import Thread\nThread(target=uvicorn.run, args=[app]).start()",
        ),
        cells(UVICORN, "from threading import Thread as T\nt = T(target=lambda: uvicorn.run(app))"),
        cells(
            UVICORN,
            "import asyncio\nserver = uvicorn.Server(uvicorn.Config(app))",
            "task = asyncio.create_task(server.serve())",
        ),
        cells(
            UVICORN,
            "import asyncio\nloop = asyncio.get_event_loop()\n"
            "loop.create_task(uvicorn.Server(uvicorn.Config(app)).serve())",
        ),
        cells("import subprocess\nsubprocess.Popen(['python', '-m', 'uvicorn', 'main:app'])"),
        cells("!uvicorn main:app &"),
        cells(
            WSGI,
            "import threading\nhttpd = make_server('', 0, app)",
            "t = threading.Thread(target=httpd.serve_forever)\nt.start()\nt.join(timeout=1)",
        ),
        cells(
            UVICORN,
            "import threading\ndef main():\n    uvicorn.run(app)\n"
            "def start():\n    threading.Thread(target=main).start()\nstart()",
        ),
        cells(
            WSGI,
            "import threading\nclass Served(threading.Thread):\n    def run(self):\n"
            "        make_server('', 0, app).serve_forever()\nServed().start()",
        ),
    ],
    "cell-never-runs": [
        cells(UVICORN, "uvicorn.run(app)", "print('never')"),
        cells(WSGI, "with make_server('', 0, app) as s:\n    s.serve_forever()", "x = 1"),
        cells(UVICORN, "await uvicorn.Server(uvicorn.Config(app)).serve()", "!ls"),
        cells("import runner\nrunner.serve(print)", "x = 1"),
        cells(UVICORN, "def main():\n    uvicorn.run(app)\nmain()", "x = 1"),
        cells(UVICORN, "if __name__ == '__main__':\n    uvicorn.run(app)", "x = 1"),
    ],
    "nested-loop": [
        cells("import nest_asyncio, uvicorn\nnest_asyncio.apply()", "uvicorn.run(None)"),
        cells("from nest_asyncio import apply\nimport uvicorn as u\napply()", "u.run(None)"),
    ],
    "hard-coded-port": [
        cells(UVICORN, "uvicorn.run(app, port=8000)"),
        cells(
            UVICORN, "PORT = 8000", "await uvicorn.Server(uvicorn.Config(app, port=PORT)).serve()"
        ),
        cells(WSGI, "make_server('', 8000, app).serve_forever()"),
        cells("from http.server import HTTPServer\nHTTPServer(('', 80), None).serve_forever()"),
        cells("from flask import Flask\ndef make():\n    return Flask('a')\nmake().run(port=5000)"),
        cells("import waitress\nwaitress.serve(print, port=8080)"),
        cells("import waitress\nwaitress.serve(print, listen='*:8080')"),
        cells("from hypercorn.config import Config\nc = Config()\nc.bind = ['0.0.0.0:8000']"),
    ],
    "dict-to-predict": [
        cells(PREDICTOR, "p = ModelPredictor('m')", "p.predict({'a': 1})"),
        cells(PREDICTOR, "row = {'a': 1}", "ModelPredictor('m').predict(X=row)"),
        cells(SEVERAL, "ModelPredictor('m').predict({'a': 1, 'b': 2})"),
        cells(PREDICTOR, "p = ModelPredictor('m')\np.predict(json.loads('{\"a\": 1}'))"),
        cells(PREDICTOR, "row = dict(a=1)\nprint(ModelPredictor('m').predict(row))"),
        cells(
            "import numpy as np, joblib\nclass P:\n    def __init__(self):\n"
            "        self.model = joblib.load('m')\n    def __call__(self, x):\n"
            "        X = np.asarray(x)\n        X = X.reshape(1, -1)\n"
            "        return self.model.predict(X)",
            "P()({'a': 1})",
        ),
        cells("def predict(rows):\n    return rows[:, 0]\npredict({'a': 1})"),
        cells("def predict(rows):\n    return rows[0][1]\npredict({'a': 1})"),
        cells("import joblib\nmodel = joblib.load('m')\nmodel.predict({'a': 1})"),
        cells("import numpy as np\ndef f(x):\n    return np.array(x).astype(float)\nf({'a': 1})"),
        cells("import numpy as np\ndef f(x):\n    return np.asarray(x, float)\nf({'a': 1})"),
        cells(PREDICTOR.replace("(X)", "(X=X)"), "ModelPredictor('m').predict({'a': 1})"),
        cells("def f(x):\n    return [float(value) for value in x]\nf({'a': 1})"),
        cells(PREDICTOR.replace("(X)", "([list(X)])"), "ModelPredictor('m').predict({'a': 1})"),
        cells(
            PREDICTOR.replace("predict(X)", "predict(np.array([X]))"),
            "ModelPredictor('m').predict({'a': 1})",
        ),
        cells(
            "import joblib\nm = joblib.load('m')\ndef inner(X):\n    return m.predict(X)\n"
            "def outer(fields):\n    return inner(fields)\nouter({'a': 1})"
        ),
    ],
    "import-absent": [
        cells("import surely_not_installed_anywhere"),
        cells("def f():\n    from surely_not_installed_anywhere.b import c"),
    ],
    "import-not-required": [
        cells("import uvicorn", files={"requirements.txt": "click==8.5.1\n"}),
        cells("import sklearn.svm", files={"requirements.txt": "sklearn\n"}),
    ],
    "model-without-card": [
        model(card=None),
        cells("import pickle\npickle.load(open('m.pkl', 'rb'))"),
    ],
    "model-not-its-card": [model(card={"sha256": "0" * 64})],
    "model-version": [model(card=None), model(card={"scikit-learn": "0.24.2"})],
    "sklearn-name": [
        required("sklearn\n"),
        required("numpy\nSklearn==0.0.post1  # old\n"),
        required("sklearn>=1.0; python_version > '3'"),
    ],
    "requirement-unreadable": [required("numpy=1.0\n"), required("import numpy\n")],
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
    "root-owned-copy": [
        docker("FROM quay.io/jupyter/base-notebook\nCOPY notebooks notebooks\n"),
        docker("FROM python:3.13\nCOPY a.ipynb /home/me/\nUSER 1000\n"),
        docker('FROM quay.io/jupyter/base-notebook\nUSER root\nADD ["a", "work/"]\nUSER jovyan\n'),
    ],
}

SOUND: dict[str, list[Folder]] = {
    "not-a-notebook": [cells("print(1)")],
    "syntax-error": [
        cells("%matplotlib inline\n!ls \\\n  -l\nfiles = !ls\nx?\n?x\nawait f()\nx = %time 3"),
        cells("%%bash\nfor x in a; do echo $x; done"),
        cells("\n%%time\nx = 1"),
        cells("x = (10\n  % 3)"),
    ],
    "no-code": [cells("x = 1")],
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
    "changes-folder": [cells("import os\nos.getcwd()\n!ls")],
    "absolute-path": [
        cells("open('data/iris.csv')\nroute = '/predict'\nurl = 'http://a/home/b.csv'"),
        cells("'''/home/alice/ is where it was'''\nopen('/dev/null')\npath = '/tmp/x.csv'"),
        cells("path == '/static/app.js' or path == '/v1/health.json'"),
        cells("@app.get('/users/{name}')\ndef f(name): ..."),
    ],
    "asks-a-person": [cells("def input(x):\n    return x\ninput(1)"), cells("model.input(1)")],
    "secret-in-output": [
        printed("accuracy 0.967, password=*** token: none key=value"),
        printed(
            "password: correcthorsebatterystaple secret=passwordpassword\nhttps://localhost:8888/lab?x=1"
        ),
        cells("x", outputs=({"output_type": "display_data", "data": {"image/png": TOKEN}},)),
    ],
    "secret-in-source": [cells("import os\ntoken = os.environ['GITHUB_TOKEN']")],
    "server-in-background": [
        cells(UVICORN, "uvicorn.run(app)"),
        cells(UVICORN, "await uvicorn.Server(uvicorn.Config(app)).serve()"),
        cells("import threading\nthreading.Thread(target=print).start()"),
        cells(
            UVICORN,
            "import asyncio\nserver = uvicorn.Server(uvicorn.Config(app))",
            "task = asyncio.create_task(server.serve())\nawait task",
        ),
        cells(
            UVICORN,
            "import threading\nt = threading.Thread(target=uvicorn.run, args=(app,))",
            "t.start()\nt.join()",
        ),
        cells("import subprocess\nsubprocess.Popen(['ls'])"),
        cells("!uvicorn main:app"),
    ],
    "cell-never-runs": [
        cells(UVICORN, "uvicorn.run(app)", "# done", ""),
        cells(UVICORN, "def main():\n    uvicorn.run(app)", "x = 1"),
        cells(UVICORN, "if debug:\n    uvicorn.run(app)", "x = 1"),
        cells("import runner\nhandle = runner.serve(print, block=False)", "handle.stop()"),
        cells("train = 1", "print(train)"),
    ],
    "nested-loop": [
        cells(
            "import nest_asyncio, uvicorn\nnest_asyncio.apply()",
            "uvicorn.run(None)",
            files={"requirements.txt": "uvicorn==0.35.0\nnest_asyncio"},
        ),
        cells(
            "import nest_asyncio, uvicorn\nnest_asyncio.apply()", "await uvicorn.Server(c).serve()"
        ),
        cells("import uvicorn\nuvicorn.run(None)"),
    ],
    "hard-coded-port": [
        cells(UVICORN, "uvicorn.run(app, port=port)", parameters="port: int = 8000"),
        cells(WSGI, "make_server('', 0, app).serve_forever()"),
        cells(UVICORN, "import os\nuvicorn.run(app, port=int(os.environ['PORT']))"),
        cells("connect(port=5432)\na.bind = 'b:80'"),
        cells("import waitress\nwaitress.serve(print, listen=f'*:{port}')"),
    ],
    "dict-to-predict": [
        cells(PREDICTOR, "ModelPredictor('m').predict([[1, 2]])"),
        cells(SEVERAL, "row = {'a': 1, 'b': 2}\nModelPredictor('m').predict(**row)"),
        cells(SEVERAL, "ModelPredictor('m').predict({'a': 1}, 2)"),
        cells(SEVERAL.replace("b)", "b=2)"), "ModelPredictor('m').predict({'a': 1})"),
        cells(SEVERAL.replace("def", "@spread\n    def"), "ModelPredictor('m').predict({})"),
        cells(PREDICTOR, "fields = load()\nModelPredictor('m').predict(fields)"),
        cells(PREDICTOR, "try:\n    ModelPredictor('m').predict({})\nexcept ValueError:\n    pass"),
        cells(PREDICTOR, "with pytest.raises(ValueError):\n    ModelPredictor('m').predict({})"),
        cells(PREDICTOR, "ModelPredictor('m').predict({})", tags=("raises-exception",)),
        cells(
            "from sklearn.feature_extraction import DictVectorizer",
            PREDICTOR,
            "ModelPredictor('m').predict({})",
        ),
        *(
            cells(
                PREDICTOR.replace("return", f"{line}\n        return"),
                "ModelPredictor('m').predict({})",
            )
            for line in (
                "X = pd.DataFrame([X])",
                "X = [[X[name] for name in names]]",
                "X = np.array([list(X.values())])",
                "if isinstance(X, dict): X = rows(X)",
                "if isinstance(X, dict): return self.model.predict(rows(X))",
                "first = X['a']",
                "X = rows(X)",
                "X = np.array([[X['a'], X['b']]])",
            )
        ),
        cells("def f(x):\n    return x[0]\nf({0: 'a'})"),
        cells("import keras\nmodel = keras.models.load_model('m')\nmodel.predict({'a': [1]})"),
        cells(
            "class Fields:\n    def predict(self, X):\n        return X['a']\n"
            "class P:\n    def __init__(self):\n        self.model = Fields()\n"
            "    def predict(self, X):\n        return self.model.predict(X)\nP().predict({'a': 1})"
        ),
    ],
    "import-absent": [
        cells("import os, numpy, sklearn.svm\nfrom . import x"),
        cells("try:\n    import surely_not_installed_anywhere\nexcept ImportError:\n    pass"),
        cells("import beside", files={"beside.py": ""}),
    ],
    "import-not-required": [
        cells("import uvicorn, json", files={"requirements.txt": "Uvicorn[standard]>=0.30\n"}),
        cells("import click", files={"requirements.txt": "uvicorn\n"}),  # uvicorn brings it
        cells("import uvicorn", files={"requirements.txt": "-r b.txt\n", "b.txt": "uvicorn"}),
        cells("import uvicorn"),
        cells("import runner, beside", files={"requirements.txt": "", "beside.py": ""}),
    ],
    "model-without-card": [
        model(card={}),
        cells("import hashlib, pickle\nhashlib.sha256(b)\npickle.loads(b)"),
        cells("import json\njson.load(open('m.json'))"),
    ],
    "model-not-its-card": [model(card={}), model(card=None)],
    "model-version": [model(card={"scikit-learn": __import__("sklearn").__version__})],
    "sklearn-name": [required("scikit-learn==1.9.1\n# sklearn\nsklearn-pandas\n")],
    "requirement-unreadable": [
        required("-r b.txt\n--index-url https://a/\nnumpy==2.0 \\\n    --hash=sha256:00\n"),
        required(
            "a @ https://a/b.whl\n./local.whl\ngit+https://a/b\nx>=1,<2; python_version>'3'\n"
        ),
    ],
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
    "root-owned-copy": [
        docker("FROM quay.io/jupyter/base-notebook\nCOPY --chown=1000:100 a b\nCOPY r.txt /tmp/\n"),
        docker(
            "FROM quay.io/jupyter/base-notebook\nCOPY a b\nUSER root\nRUN chown -R 1 b\nUSER 1\n"
        ),
        docker("FROM python:3.13\nCOPY a b\nRUN <<EOF\nCOPY x y\nEOF\n"),
    ],
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
    """The author is led to the very line, also below magics."""
    sources = ["x = 1"] * number + ["%matplotlib inline\n\n!ls \\\n -l\nopen('/home/alice/a.csv')"]
    (found,) = [
        finding.spot
        for finding in examine(cells(*sources, parameters="a = 1").write(tmp_path))
        if finding.rule.name == "absolute-path"
    ]
    assert (found.cell, found.line) == (f"cell-{number}", 5)


def test_the_cell_that_is_given_a_dict_is_named(tmp_path: Path) -> None:
    """Not the class, not the right call before it: the one call that fails."""
    given = ("print(p.predict([[1, 2]]))", "row = {'a': 1}\nprint(p.predict(row))")
    folder = cells(PREDICTOR, "p = ModelPredictor('m')", *given)
    found = [one for one in examine(folder.write(tmp_path)) if one.rule.name == "dict-to-predict"]
    assert [(one.spot.cell, one.spot.line) for one in found] == [("cell-3", 2)]


def test_cells_without_ids_are_numbered(tmp_path: Path) -> None:
    """Format 4.4 has no ids: a cell is named by its place among all cells."""
    document = cells("x = 1", "input()").notebook()
    for cell in document["cells"]:
        del cell["id"]
    document["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "# A"})
    (tmp_path / "a.ipynb").write_text(json.dumps(document | {"nbformat_minor": 4}))
    found = {one.rule.name: one.spot.cell for one in examine(tmp_path / "a.ipynb")}
    assert found["asks-a-person"] == "3"


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    """A finding goes to logs: it shows as much of a secret as lets its owner know it."""
    found = examine(printed(f"token {TOKEN} password=9f86d081884c").write(tmp_path))
    shown = [one.spot.what for one in found if one.rule.name == "secret-in-output"]
    assert len(shown) == 2
    assert all(TOKEN[:9] not in what and "9f8" not in what for what in shown)


def test_another_language_is_not_parsed(tmp_path: Path) -> None:
    """Cells of R are not Python, and that is no fault."""
    document = cells("x <- 1").notebook()
    document["metadata"] = {"kernelspec": {"name": "ir", "language": "R"}}
    (tmp_path / "a.ipynb").write_text(json.dumps(document))
    assert examine(tmp_path / "a.ipynb") == []
