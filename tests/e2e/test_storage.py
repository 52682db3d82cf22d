"""Notebooks, records, models and sweeps by URL, against a real S3 server that goes and comes."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import signal
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import nbformat
import pytest
from s3_server import KEY, SECRET, S3Server, s3_server
from sklearn.dummy import DummyClassifier
from support import Service, reserved_port, states, text_of, until, write_notebook

from runner import load_model, save_model
from runner.identity import replica
from runner.model import by_url
from runner.model.artefacts import CardError
from runner.storage.client import StorageProcess
from runner.storage.faults import MissingError, StorageError

pytest.importorskip("s3fs")
pytestmark = pytest.mark.timeout(300)  # a server starts again in the middle of each


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all; who kills it starts it again."""
    with s3_server(tmp_path_factory.mktemp("s3"), reserved_port) as server:
        yield server


@pytest.fixture
def environ(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the commands find the server, as by a deployment's variables."""
    for name, value in s3.environ.items():
        monkeypatch.setenv(name, value)


def record_in(s3: S3Server, name: str) -> Any:
    return nbformat.reads(s3.get(name).decode(), as_version=4)


def put_notebook(s3: S3Server, name: str, folder: Path, *cells: str, **given: str) -> None:
    path = write_notebook(folder / "written.ipynb", *cells, **given)
    s3.put(name, path.read_bytes())


@pytest.mark.usefixtures("environ")
def test_a_run_goes_on_while_its_storage_is_gone(s3: S3Server, tmp_path: Path) -> None:
    """It catches up: the record over there is whole, and says what was done meanwhile."""
    wait = "import pathlib, time\nprint('began')\nwhile not pathlib.Path('go').exists():"
    wait += "\n    time.sleep(0.05)\nprint('went on')"
    put_notebook(s3, "a/train.ipynb", tmp_path, wait, "print(x)", parameters="x: int = 1")
    words = ["run", "s3://bucket/a/train.ipynb", "s3://bucket/a/out_{x}.ipynb", "-p", "x", "7"]
    service = Service(*words, cwd=tmp_path)
    try:
        local = tmp_path / "runs/storage/s3/bucket/a/out_7.ipynb"
        until(lambda: local.exists() and s3.has("a/out_7.ipynb"), 110)
        assert record_in(s3, "a/out_7.ipynb").metadata.runner.status == "running"
        s3.kill()
        (tmp_path / "go").touch()
        until(lambda: "completed; see" in service.said(), 110)
        until(lambda: "tried again" in service.said(), 60)
        s3.start()
        assert service.wait(110) == 0, service.said()
    finally:
        assert service.end() == []
    record = record_in(s3, "a/out_7.ipynb")
    assert set(states(record).values()) == {"completed"}
    assert text_of(record.cells[-1]) == "7\n"
    assert record.metadata.runner.notebook_url == "s3://bucket/a/train.ipynb"
    assert local.read_bytes() == s3.get("a/out_7.ipynb")
    for said in (service.said(), local.read_text()):
        assert SECRET not in said
        assert KEY not in said


SERVE = """from runner import load_model, serve
model, card = load_model(model_path)
serve(model, example={"x": 1}, answer="val")"""
MODEL = "s3://bucket/model/m.joblib"


def save(answer: int) -> None:
    """Train a model that always answers the same."""
    model = DummyClassifier(strategy="constant", constant=answer).fit([[0], [1]], [1, 2])
    save_model(model, MODEL, feature_names=["x"])


@pytest.mark.usefixtures("environ")
def test_what_is_served_follows_notebook_and_model(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By ETag, also once the storage has been gone."""
    monkeypatch.chdir(tmp_path)
    save(1)
    put_notebook(s3, "serve.ipynb", tmp_path, SERVE, parameters=f"model_path: str = {MODEL!r}")
    words = ["serve", "s3://bucket/serve.ipynb", "--port", "0", "--reload"]
    words += ["--runs", "s3://bucket/runs", "--reload-every", "0.3"]
    service = Service(*words, cwd=tmp_path)
    try:
        port = service.bound_port(110)
        until(lambda: val_of(port) == 1, 110)
        s3.kill()
        until(lambda: service.said().count("stays until") == 2, 110)
        assert val_of(port) == 1
        s3.start()
        save(2)
        until(lambda: val_of(port) == 2, 110)
        changed = SERVE.replace("val", "value")
        put_notebook(s3, "serve.ipynb", tmp_path, changed, parameters=f"model_path = {MODEL!r}")
        until(lambda: val_of(port, "value") == 2, 110)
        assert service.stop(seconds=60) == 0, service.said()
    finally:
        assert service.end() == []
    name = f"runs/{replica()}/s3-bucket-serve/out.ipynb"
    record = record_in(s3, name)
    assert record.metadata.runner.notebook_url == "s3://bucket/serve.ipynb"
    assert record.metadata.runner.status == "stopped"


def val_of(port: int, name: str = "val") -> Any:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(client), contextlib.suppress(OSError, KeyError):
        client.request("POST", "/", b'{"x": 1}', {"Content-Type": "application/json"})
        return json.loads(client.getresponse().read())[name]
    return None


@pytest.mark.usefixtures("environ")
def test_another_model_is_never_unpickled_by_url_either(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one without a card; and where the storage is gone, the copy of before is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(by_url, "_SETTLING", 0.0)
    url = "s3://bucket/m/x.joblib"
    card = save_model({"a": 1}, url)
    assert load_model(url, sha256=card["sha256"]) == ({"a": 1}, card)
    assert s3.has("m/x.json")
    with monkeypatch.context() as gone:
        gone.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{reserved_port()}")
        with pytest.warns(UserWarning, match="the copy of before is read"):
            assert load_model(url)[1] == card
    s3.put("m/x.joblib", b"cposix\nsystem\n(Vtouch trap\ntR.")
    with pytest.raises(CardError, match=r"s3://bucket/m/x\.joblib is not the model of its card"):
        load_model(url)
    s3.system().rm("bucket/m/x.json")
    with pytest.raises(FileNotFoundError, match=r"has no card x\.json beside it"):
        load_model(url)
    assert not (tmp_path / "trap").exists()


POINT = """import os, pathlib, time
pathlib.Path(marks, f"{b}-{os.getpid()}").touch()
while b == 1 and not pathlib.Path(marks, "go").exists():
    time.sleep(0.05)
from runner import record_metrics, save_model
record_metrics(score=b)
save_model({"b": b}, model_path)"""


@pytest.mark.usefixtures("environ")
def test_machines_that_share_a_bucket_run_each_point_once(s3: S3Server, tmp_path: Path) -> None:
    """Also if the storage is gone meanwhile; who comes later finds all of it done."""
    (marks := tmp_path / "marks").mkdir()
    parameters = f'b: int = 1\nmarks: str = {str(marks)!r}\nmodel_path: str = "m.joblib"'
    put_notebook(s3, "s/train.ipynb", tmp_path, POINT, parameters=parameters)
    words = ["sweep", "s3://bucket/s/train.ipynb", "--out", "s3://bucket/s/all/", "-j", "1"]
    words += ["--grid", "b=1,2,3"]
    sweeps = []
    for name, waits_for in (("first", "1-*"), ("second", "2-*")):
        (folder := tmp_path / name).mkdir()
        sweeps.append(Service(*words, cwd=folder))
        until(functools.partial(found, marks, waits_for), 110)
    try:
        s3.kill()
        (marks / "go").touch()
        until(lambda: "no point begins until" in sweeps[0].said(), 110)
        s3.start()
        for sweep in sweeps:
            assert sweep.wait(110) == 0, sweep.said()
    finally:
        assert [sweep.end() for sweep in sweeps] == [[], []]
    assert sorted(path.name.partition("-")[0] for path in marks.glob("*-*")) == ["1", "2", "3"]
    for point in (f"s/all/points/b={b}" for b in (1, 2, 3)):
        assert record_in(s3, f"{point}/out.ipynb").metadata.runner.status == "completed"
        assert s3.has(f"{point}/m.joblib")
    assert s3.has("s/all/results.csv")
    assert not any("/." in name for name in s3.names())
    again = Service(*words, "--dry-run", cwd=tmp_path)
    try:
        assert again.wait(110) == 0, again.said()
        assert "3 points, 0 of them to run" in again.said()
    finally:
        assert again.end() == []


TRIAL = """import os, pathlib, time
name = f"{x}-{os.getpid()}"
pathlib.Path(marks, f"began-{name}").touch()
while not pathlib.Path(marks, f"go-{pathlib.Path.cwd().name}").exists():
    time.sleep(0.05)
from runner import record_metrics
record_metrics(score=x)
pathlib.Path(marks, f"ended-{name}").touch()"""


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("has_shards", [True, False])
def test_machines_search_together_in_a_bucket(
    s3: S3Server, tmp_path: Path, has_shards: bool
) -> None:
    """By one journal there. A driver that was killed is gone on from on another machine."""
    pytest.importorskip("optuna")
    first, second = (("--shard", f"{index}/2") if has_shards else () for index in (1, 2))
    out = f"o/{has_shards}"
    (marks := tmp_path / "marks").mkdir()
    parameters = f"x: float = 1.0\nmarks: str = {str(marks)!r}"
    put_notebook(s3, "o/train.ipynb", tmp_path, TRIAL, parameters=parameters)
    words = ["sweep", "s3://bucket/o/train.ipynb", "--out", f"s3://bucket/{out}", "-j", "1"]
    words += ["--grid", "x=0..1", "--search", "optuna", "--trials", "5", "--goal", "max"]
    sweeps = []

    def count(what: str) -> int:
        return len(list(marks.glob(f"{what}-*")))

    def begin(name: str, *more: str) -> Service:
        (tmp_path / name).mkdir(exist_ok=True)
        sweeps.append(Service(*words, *more, cwd=tmp_path / name))
        return sweeps[-1]

    try:
        killed, other = begin("killed", *first), begin("other", *second)
        until(lambda: count("began") == 2, 110)
        killed.stop(signal.SIGKILL)
        until(lambda: not killed.family(), 60)
        s3.kill()
        (marks / "go-other").touch()
        until(lambda: "no point begins until" in other.said(), 110)
        (marks / "go-other").unlink()
        s3.start()
        again = begin("again", *first)
        until(lambda: count("began") == 4, 110)
        (marks / "go-other").touch()
        if has_shards:
            assert other.wait(110) == 0, other.said()
        (marks / "go-again").touch()
        for sweep in (other, again):
            assert sweep.wait(110) == 0, sweep.said()
        shown = begin("shown", "--dry-run")
        assert shown.wait(110) == 0, shown.said()
        late = begin("killed", "--report-only")  # what it has here is older
        assert late.wait(110) == 0, late.said()
    finally:
        assert [sweep.end() for sweep in sweeps] == [[] for _ in sweeps]
    assert "best of 5" in late.said()
    assert "5 points, 0 of them to run" in shown.said()
    ended = [path.name.split("-")[1] for path in marks.glob("ended-*")]
    assert len(ended) == len(set(ended)) == 5
    (journal := tmp_path / "journal").write_bytes(s3.get(f"{out}/search/optuna-journal.log"))
    assert trials_in(journal) == {"COMPLETE": {float(x) for x in ended}}
    assert len(s3.get(f"{out}/results.csv").splitlines()) == 6
    if has_shards:
        assert "other shards are not done" in other.said()
        assert "all shards are done" in again.said()
    else:
        assert all("best of 5" in sweep.said() for sweep in (other, again))


def trials_in(journal: Path) -> dict[str, set[float]]:
    """What Optuna reads in a journal: the values that were told, by the states."""
    import optuna

    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    study = optuna.load_study(study_name=None, storage=optuna.storages.JournalStorage(backend))
    found: dict[str, set[float]] = {}
    for trial in study.trials:
        found.setdefault(trial.state.name, set()).update(trial.values or ())
    return found


@pytest.mark.usefixtures("environ")
def test_locks_outlive_the_process_that_keeps_them(s3: S3Server, tmp_path: Path) -> None:
    """The one that comes anew knows them for its own: it keeps them, and gives them back."""
    order = {"do": "claim", "lock": "s3://bucket/l/.locks/p.lock", "word": "", "owner": "driver"}
    order |= {"url": "s3://bucket/l", "path": str(tmp_path), "folder": "", "newest": ""}
    with StorageProcess({"RUNNER_LOG_LEVEL": "error"}) as process:
        assert process.ask(**order)["held"]
        assert process.ask(**order | {"lock": "s3://bucket/l/.locks/q.lock"})["held"]
        first = process._process
        assert first
        first.kill()
        until(lambda: process._process is not first, 60)
        process.tell(do="release", lock=order["lock"])
        until(lambda: not s3.has("l/.locks/p.lock"), 60)
        assert s3.has("l/.locks/q.lock")


@pytest.mark.usefixtures("environ")
def test_what_is_saved_while_no_process_copies_it_is_copied_later(
    s3: S3Server, tmp_path: Path
) -> None:
    """Though it had come from there before: the process that comes anew takes nothing for known."""
    name, record = "k/points/x=1/out.ipynb", tmp_path / "points/x=1/out.ipynb"
    s3.put(name, saved_record("2026-01-01"))
    order = {"url": "s3://bucket/k", "path": str(tmp_path)}
    with StorageProcess({"RUNNER_LOG_LEVEL": "error"}) as process:
        fetched = process.ask(do="fetch all", names=["out.ipynb"], **order)["fetched"]
        assert fetched == ["points/x=1/out.ipynb"]
        process.ask(do="mirror", every=0.1, known=fetched, is_shared=True, **order)
        assert process._process
        process._process.kill()
        record.write_bytes(saved_record("2026-01-02"))
        until(lambda: s3.get(name) == saved_record("2026-01-02"), 60)


def saved_record(when: str) -> bytes:
    return json.dumps({"metadata": {"runner": {"saved": when}}}).encode()


def found(folder: Path, pattern: str) -> bool:
    return any(folder.glob(pattern))


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[str]:
    """A web server's address, which shows a folder."""
    (folder := tmp_path / "pages").mkdir()
    show = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), show) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://me:s3cr3t@127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_page_is_read_and_followed_by_a_process_that_may_be_killed(
    pages: str, tmp_path: Path
) -> None:
    """What is too large or not there is refused, in words that have no password."""
    there, here = tmp_path / "pages/a.ipynb", tmp_path / "copies/a.ipynb"
    there.write_text("1")
    order = {"url": f"{pages}a.ipynb", "path": str(here)}
    with StorageProcess({"RUNNER_LOG_LEVEL": "error"}) as process:
        process.ask(do="fetch", **order)
        assert here.read_text() == "1"
        with pytest.raises(StorageError, match="at most 0 are read"):
            process.ask(do="fetch", **order | {"path": f"{here}.other", "most": 0})
        with pytest.raises(MissingError, match="there is no such file") as refused:
            process.ask(do="fetch", **order | {"url": f"{pages}b.ipynb"})
        assert "s3cr3t" not in str(refused.value)
        process.ask(do="follow", every=0.1, **order)
        there.write_text("22")
        until(lambda: here.read_text() == "22")
        assert process._process
        process._process.kill()
        process._process.wait()
        process.tell(do="release", lock="of a point that ends just now")
        there.write_text("333")
        until(lambda: here.read_text() == "333", 60)
