"""Models that another scikit-learn has pickled."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from support import RUNNER, read_record, text_of, until, write_notebook

from runner.serving import model_versions
from runner.serving.model_versions import sklearn_version

HERE = sklearn.__version__
OTHER = "0.24.2"


@pytest.fixture
def model() -> Any:
    rows = np.arange(40.0).reshape(20, 2)
    return make_pipeline(StandardScaler(), SVC()).fit(rows, np.arange(20) % 2)


@pytest.fixture
def watched() -> Iterator[None]:
    """Patch as the kernel is patched, and undo it."""
    originals = pickle.load, pickle.loads, joblib.load
    model_versions._watch_pickle(pickle)
    model_versions._watch_joblib(joblib)
    yield
    pickle.load, pickle.loads, joblib.load = originals
    model_versions.notices.clear()


def aged(content: bytes) -> bytes:
    """Make a pickle say that another scikit-learn made it: same length of the version, or not."""
    ours, other = HERE.encode(), OTHER.encode()
    for mark, size in ((b"\x8c", 1), (b"X", 4)):
        before = mark + len(ours).to_bytes(size, "little") + ours
        content = content.replace(before, mark + len(other).to_bytes(size, "little") + other)
    return content


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_the_version_is_read_from_any_protocol(model: Any, protocol: int) -> None:
    """The version is found without unpickling."""
    content = aged(pickle.dumps(model, protocol))
    assert sklearn_version(io.BytesIO(content)) == OTHER


@pytest.mark.parametrize(
    "compress", [bytes, gzip.compress, bz2.compress, lzma.compress, zlib.compress]
)
def test_the_version_is_read_from_compressed_files(
    model: Any, compress: Callable[[bytes], bytes]
) -> None:
    """Joblib compresses by any of these."""
    content = compress(aged(pickle.dumps(model)))
    assert sklearn_version(io.BytesIO(content)) == OTHER
    assert sklearn_version(io.BytesIO(content[: len(content) // 8])) == ""


def test_the_version_is_read_across_chunks(monkeypatch: pytest.MonkeyPatch, model: Any) -> None:
    """A version that lies on the border of two reads is found, wherever the border is."""
    content = aged(pickle.dumps(model))
    for size in range(100, 164):
        monkeypatch.setattr(model_versions, "_CHUNK", size)
        assert sklearn_version(io.BytesIO(content)) == OTHER


@pytest.mark.parametrize(
    "content", [b"", b"x", b"\x1f\x8b", b"_sklearn_version\x94\x8c\x05abc", b"\x78\x9c"]
)
def test_what_has_no_version_has_none(content: bytes) -> None:
    """Neither an empty file nor a broken one is an error here."""
    assert sklearn_version(io.BytesIO(content)) == ""


def test_joblib_files_with_arrays_are_read(tmp_path: Path, model: Any) -> None:
    """Joblib writes raw arrays between the opcodes."""
    joblib.dump(model, tmp_path / "model.joblib")
    with (tmp_path / "model.joblib").open("rb") as file:
        assert sklearn_version(file) == HERE


def save(path: Path, model: Any) -> Path:
    """Write a model as if another scikit-learn had."""
    path.write_bytes(aged(pickle.dumps(model)))
    return path


@pytest.mark.usefixtures("watched")
def test_an_old_model_is_told_of_once(tmp_path: Path, model: Any) -> None:
    """A pipeline of three estimators gives one warning, with file, versions and mend."""
    path = save(tmp_path / "old.pkl", model)
    with warnings.catch_warnings(record=True) as caught, path.open("rb") as file:
        warnings.simplefilter("default")
        pickle.load(file)
    said = [str(each.message) for each in caught]
    assert len(said) == 1
    assert f"old.pkl was made with scikit-learn {OTHER} and is read by {HERE}" in said[0]
    assert model_versions.notices == said
    assert caught[0].filename == __file__


@pytest.mark.usefixtures("watched")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_reading_it_again_adds_no_notice(tmp_path: Path, model: Any) -> None:
    """A notebook that loads its model a thousand times has one notice."""
    path = save(tmp_path / "old.pkl", model)
    for _ in range(3):
        joblib.load(path)
    assert len(model_versions.notices) == 1
    pickle.loads(path.read_bytes())
    assert model_versions.notices[1].startswith("a pickle was made with")


@pytest.mark.usefixtures("watched")
def test_other_warnings_pass(tmp_path: Path) -> None:
    """What unpickling warns of besides is not swallowed."""
    with pytest.warns(DeprecationWarning, match="old thing"):
        pickle.loads(pickle.dumps(Warns()))


class Warns:
    """Warn when it is unpickled."""

    def __reduce__(self) -> Any:
        return warnings.warn, ("old thing", DeprecationWarning)


@pytest.mark.usefixtures("watched")
def test_a_model_of_this_version_is_silent(tmp_path: Path, model: Any) -> None:
    """Warnings are errors here: there is none."""
    joblib.dump(model, tmp_path / "new.joblib")
    joblib.load(tmp_path / "new.joblib")
    assert not model_versions.notices


@pytest.mark.usefixtures("watched")
def test_an_unreadable_model_names_its_version(tmp_path: Path, model: Any) -> None:
    """The error keeps its type and says which version made the file."""
    content = save(tmp_path / "old.pkl", model).read_bytes()
    (tmp_path / "old.pkl").write_bytes(
        content.replace(b"sklearn.svm._classes", b"sklearn.svm._klasses")
    )
    with pytest.raises(
        ModuleNotFoundError,
        match=rf"No module named .*made with scikit-learn {OTHER}, and here is {HERE}",
    ):
        joblib.load(tmp_path / "old.pkl")
    with (
        (tmp_path / "old.pkl").open("rb") as file,
        pytest.raises(ModuleNotFoundError, match=f"made with scikit-learn {OTHER}"),
    ):
        pickle.load(file)


@pytest.mark.usefixtures("watched")
def test_an_error_that_is_no_matter_of_versions_stays(tmp_path: Path, model: Any) -> None:
    """A file that is cut off, or missing, says what Python says."""
    with pytest.raises(EOFError, match=r"^Ran out of input$"):
        pickle.loads(b"")
    with pytest.raises(FileNotFoundError) as raised:
        joblib.load(tmp_path / "none.joblib")
    assert raised.value.errno == 2


def test_watching_waits_for_the_import() -> None:
    """Joblib is not imported by watching it, and watched when it is."""
    code = (
        "import sys\nfrom runner.serving import model_versions\nmodel_versions.watch()\n"
        "assert 'joblib' not in sys.modules and 'sklearn' not in sys.modules\n"
        "import joblib, pickle\n"
        "print(hasattr(joblib.load, '__wrapped__'), hasattr(pickle.loads, '__wrapped__'))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout == "True True\n"


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
    save(tmp_path / "old.pkl", model)
    load = "import pickle\nwith open('old.pkl', 'rb') as file:\n    model = pickle.load(file)"
    write_notebook(tmp_path / "a.ipynb", load, APP)
    service = start("serve", "a.ipynb", "--port", str(port))
    said = f"old.pkl was made with scikit-learn {OTHER} and is read by {HERE}"
    until(lambda: " served after " in service.said() or service.process.poll() is not None, 60)
    assert service.process.poll() is None, service.said()
    assert service.said().count(said) == 1
    shown = subprocess.run(
        [*RUNNER, "status"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert f"warning:       {said}" in shown.stdout
    record = read_record(tmp_path / "runs/a/out.ipynb")
    assert said in next(text_of(cell) for cell in record["cells"] if cell["id"] == "cell-0")


def test_a_run_that_cannot_read_its_model_says_of_which_version(
    tmp_path: Path, model: Any, start: Any
) -> None:
    """The one line that the command ends with names file, versions and mend."""
    content = save(tmp_path / "old.pkl", model).read_bytes()
    (tmp_path / "old.pkl").write_bytes(content.replace(b"svm._classes", b"svm._klasses"))
    write_notebook(tmp_path / "a.ipynb", "import joblib\njoblib.load('old.pkl')")
    service = start("run", "a.ipynb")
    assert service.process.wait(60) == 3
    assert f"old.pkl was made with scikit-learn {OTHER}, and here is {HERE}" in service.said()
