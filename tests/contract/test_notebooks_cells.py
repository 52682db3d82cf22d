"""The notebooks' cells, run one by one in a kernel by testbook."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import sklearn
from jupyter_client.manager import AsyncKernelManager, KernelManager
from support import EXAMPLE, is_serving, until
from testbook import testbook
from testbook.exceptions import TestbookRuntimeError

SERVING = ["serve_asgi", "serve_wsgi"]
ALL_SERVING = ["serve", *SERVING]
# A notebook in a kernel that the tests share.
with_app = pytest.mark.parametrize("book", SERVING, indirect=True, scope="module")
with_model = pytest.mark.parametrize("book", ALL_SERVING, indirect=True, scope="module")


@contextlib.contextmanager
def opened(name: str, project: Path) -> Iterator[Any]:
    """A notebook in a kernel that starts in ``notebooks/``, as JupyterLab's do.

    It speaks by files: a port could be another test's by then.
    """
    address = str(project / f"kernel-{name}")
    manager = AsyncKernelManager(kernel_name="python3", transport="ipc", ip=address)
    with (
        contextlib.chdir(project / "notebooks"),
        testbook(f"{name}.ipynb", timeout=60, km=manager) as book,
    ):
        yield book


@contextlib.contextmanager
def started_kernel(project: Path) -> Iterator[Any]:
    """A client of a kernel in JupyterLab's folder."""
    address = str(project / "kernel")
    manager = KernelManager(kernel_name="python3", transport="ipc", ip=address)
    manager.start_kernel(cwd=str(project / "notebooks"))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(book: Any, *, until: str, first: str = "imports") -> None:
    """Execute the code cells from one id to another."""
    ids = ids_of(book)
    for index in range(ids.index(first), ids.index(until) + 1):
        book.execute_cell(index)


def ids_of(book: Any) -> list[str]:
    return [cell.id for cell in book.cells]


def output_of(book: Any, cell_id: str) -> Any:
    return next(cell for cell in book.cells if cell.id == cell_id).outputs


def test_the_model_is_trained_in_the_kernel(project: Path) -> None:
    """The trained model is good, the pictures are there, and the artefacts are as described."""
    with opened("train", project) as book:
        run(book, until="verify")
        accuracy = book.value("accuracy")
    assert accuracy >= 0.95
    for cell_id in ("plot-data", "show-confusion"):
        assert any("image/png" in output.get("data", {}) for output in output_of(book, cell_id))
    card = json.loads((project / "model/iris.json").read_text())
    model = (project / "model/iris.joblib").read_bytes()
    assert card["sha256"] == hashlib.sha256(model).hexdigest()
    assert card["scikit-learn"] == sklearn.__version__
    assert card["feature_names"] == list(EXAMPLE)
    assert card["feature_ranges"]["petal width (cm)"] == [0.1, 2.5]
    assert card["class_names"] == ["setosa", "versicolor", "virginica"]
    assert card["metrics"]["accuracy"] == accuracy
    assert card["parameters"]["gamma"] == "scale"
    names = sorted(path.name for path in (project / "model").iterdir())
    assert names == ["iris.joblib", "iris.json"]


@pytest.fixture(scope="module")
def own_project(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of ``trained`` for these tests, which restore what they spoil."""
    folder = tmp_path_factory.mktemp("project")
    return shutil.copytree(trained, folder, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def book(request: pytest.FixtureRequest, own_project: Path) -> Iterator[Any]:
    """A serving notebook in a kernel; each test runs the cells that it asks about."""
    with opened(request.param, own_project) as book:
        yield book


@pytest.fixture
def model(own_project: Path) -> Iterator[Path]:
    """The folder of the model and its card, which is as before after the test."""
    folder = own_project / "model"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    yield folder
    for path, content in before.items():
        path.write_bytes(content)


@pytest.fixture
def tried(book: Any) -> Any:
    """The notebook when its cells before the last have run."""
    if not output_of(book, "try-app"):
        run(book, until="try-app")
    return book


@with_app
def test_the_predictor_answers_an_integer(tried: Any) -> None:
    """All three species are told apart, and numpy's integers become JSON's."""
    rows = [[5.1, 3.5, 1.4, 0.2], [6.0, 2.7, 4.5, 1.5], [6.3, 3.3, 6.0, 2.5]]
    fields = [dict(zip(EXAMPLE, row, strict=True)) for row in rows]
    answers = [tried.value(f"json.dumps(predict({row}))") for row in fields]
    assert answers == ['{"val": 0}', '{"val": 1}', '{"val": 2}']


@with_app
def test_bad_fields_are_named(tried: Any) -> None:
    """Missing, not a number, not finite: 422, and which field."""
    tried.inject(
        """
        def refused(value):
            try:
                predict(example | {"petal width (cm)": value})
            except RequestError as error:
                return [error.status, error.body["field"]]
        """,
        after=ids_of(tried).index("predict"),
    )
    values = ["None", "'1'", "True", "[]", "math.nan", "-math.inf", "10**400"]
    answers = [tried.value(f"refused({value})") for value in values]
    assert answers == [[422, "petal width (cm)"]] * len(values)


@with_app
def test_the_app_answers_without_a_server(tried: Any) -> None:
    """All cells before the last run in JupyterLab's folder too."""
    (output,) = output_of(tried, "try-app")
    assert '{"val": 0}' in output["data"]["text/plain"]


@pytest.mark.parametrize("name", ALL_SERVING)
def test_it_serves_in_jupyter_and_can_be_edited_on(project: Path, port: int, name: str) -> None:
    """Cell by cell in JupyterLab's folder; after the stop button, the kernel works on."""
    notebook = nbformat.read(project / f"notebooks/{name}.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    with started_kernel(project) as client:
        for cell in cells[:-1]:
            source = cell.source.replace("port: int = 8000", f"port: int = {port}")
            assert client.execute_interactive(source, timeout=60)["content"]["status"] == "ok"
        for _ in range(2):
            # Else ipykernel may abort what is asked soon after an interrupt.
            served = client.execute(cells[-1].source, stop_on_error=False)
            until(lambda: is_serving(port), 20)
            client.parent.interrupt_kernel()
            until(lambda asked=served: client.get_shell_msg(timeout=20) and asked, 20)
        answer = client.execute_interactive("assert example", timeout=20)
    assert answer["content"]["status"] == "ok"


@with_model
def test_another_version_than_the_models_is_warned_of(book: Any, model: Path) -> None:
    """A model of another scikit-learn is served, with a warning that names both versions."""
    card = model / "iris.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"scikit-learn": "0.1"}))
    cell = "check-version" if "check-version" in ids_of(book) else "load-model"
    run(book, until=cell)
    said = "".join(output["text"] for output in output_of(book, cell))
    assert "UserWarning" in said
    assert f"trained with scikit-learn 0.1 and is read by {sklearn.__version__}" in said


@with_model
def test_another_model_than_the_cards_is_refused(book: Any, model: Path, tmp_path: Path) -> None:
    """A model whose hash is wrong is never unpickled."""
    trap = tmp_path / "trap"
    pickled = b"cpathlib\nPath.touch\n(cpathlib\nPath\n(V" + str(trap).encode() + b"\ntRtR."
    (model / "iris.joblib").write_bytes(pickled)
    with pytest.raises(TestbookRuntimeError, match="is not the model of its card: refused"):
        run(book, until="load-model")
    assert not trap.exists()
