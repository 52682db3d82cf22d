"""Models that another scikit-learn has pickled, noticed by its own warning."""

from __future__ import annotations

import pickle
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from support import RUNNER, read_record, text_of, until, write_notebook

from runner.serving import model_versions

HERE = sklearn.__version__
OTHER = "0.24.2"
SAID = (
    f"SVC, StandardScaler, Pipeline were made with scikit-learn {OTHER}, and read by {HERE}:"
    " answers may differ or fail; train it again"
)


@pytest.fixture
def model() -> Any:
    rows = np.arange(40.0).reshape(20, 2)
    return make_pipeline(StandardScaler(), SVC()).fit(rows, np.arange(20) % 2)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Listen as in a kernel; give what was shown, and undo it."""
    shown: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        monkeypatch.setattr(model_versions, "_seen", {})
        warnings.showwarning = lambda message, *_, **__: shown.append(str(message))
        model_versions.listen_to_warnings()
        yield shown


def aged(content: bytes) -> bytes:
    """Make a pickle say that another scikit-learn made it: same length of the version, or not."""
    ours, other = HERE.encode(), OTHER.encode()
    for mark, size in ((b"\x8c", 1), (b"X", 4)):
        before = mark + len(ours).to_bytes(size, "little") + ours
        content = content.replace(before, mark + len(other).to_bytes(size, "little") + other)
    return content


def names_in(notice: str) -> set[str]:
    return set(notice.partition(" were made")[0].split(", "))


@pytest.mark.parametrize("by", ["pickle.load", "pickle.loads", "joblib"])
def test_an_old_model_is_noticed_however_it_is_read(
    tmp_path: Path, model: Any, heard: list[str], by: str
) -> None:
    """One notice for a version, with all its estimators; each warning is shown as before."""
    path = tmp_path / "old.pkl"
    path.write_bytes(aged(pickle.dumps(model)))
    for _ in range(3):
        if by == "joblib":
            joblib.load(path)
        elif by == "pickle.loads":
            pickle.loads(path.read_bytes())
        else:
            with path.open("rb") as file:
                pickle.load(file)
    (notice,) = model_versions.notices()
    assert names_in(notice) == names_in(SAID)
    assert notice.partition(" were ")[2] == SAID.partition(" were ")[2]
    assert all("Trying to unpickle estimator" in each for each in heard)


def test_a_model_of_this_version_and_other_warnings_are_no_notices(
    model: Any, heard: list[str]
) -> None:
    """What is shown besides is shown, and says nothing of versions."""
    pickle.loads(pickle.dumps(model))
    warnings.warn("old thing", DeprecationWarning, stacklevel=1)
    assert (heard, model_versions.notices()) == (["old thing"], [])


def test_what_the_notebook_does_with_warnings_stays_its_own(model: Any, heard: list[str]) -> None:
    """Caught, silenced or raised, they are not ours."""
    content = aged(pickle.dumps(model))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pickle.loads(content)
    assert len(caught) >= 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pickle.loads(content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InconsistentVersionWarning):
            pickle.loads(content)
    assert (heard, model_versions.notices()) == ([], [])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty folder, where the command line runs."""
    return tmp_path


APP = """
from runner import serve

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})

serve(app)
"""


def test_log_and_status_tell_of_an_old_model(
    tmp_path: Path, model: Any, start: Any, port: int
) -> None:
    """It serves, and whoever looks sees it: in the log, in the status, in the record."""
    (tmp_path / "old.pkl").write_bytes(aged(pickle.dumps(model)))
    load = "import pickle\nwith open('old.pkl', 'rb') as file:\n    model = pickle.load(file)"
    load += "\nassert pickle.loads(pickle.dumps(pickle.loads)) is pickle.loads"  # nobody's patch
    write_notebook(tmp_path / "a.ipynb", load, APP)
    service = start("serve", "a.ipynb", "--port", str(port))
    said = SAID.partition(" were ")[2]
    until(lambda: " served after " in service.said() or service.process.poll() is not None, 60)
    assert service.process.poll() is None, service.said()
    assert service.said().count(said) == 1
    shown = subprocess.run(
        [*RUNNER, "status", "a.ipynb"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    (warning,) = (line for line in shown.stdout.splitlines() if line.startswith("warning:"))
    assert said in warning
    record = read_record(tmp_path / "runs/a/out.ipynb")
    loaded = next(text_of(cell) for cell in record["cells"] if cell["id"] == "cell-0")
    assert f"from version {OTHER}" in loaded
