"""The cockpit of a bucket to which replicas write, on a real S3 server that goes and comes."""

from __future__ import annotations

import contextlib
import json
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from s3_server import S3Server
from support import RUNNER, Service, until, write_notebook
from support.cockpit import TOKEN, cockpit_of
from support.replicas import OLDER, RUN, bucket_of_replicas

from runner.errors import ConfigurationError
from runner.storage import remote

pytest.importorskip("s3fs")
pytestmark = pytest.mark.timeout(300)  # a server starts again in the middle of some

SERVE = "from runner import serve\ndef f(x: int) -> int:\n    return x\nserve(f, example={'x': 1})"


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all; who kills it starts it again."""
    with bucket_of_replicas(tmp_path_factory.mktemp("bucket")) as server:
        yield server


@pytest.fixture
def environ(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the commands find the server, as by a deployment's variables."""
    for name, value in s3.environ.items():
        monkeypatch.setenv(name, value)


@contextlib.contextmanager
def client_of(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=30, follow_redirects=True) as client:
        until(lambda: _signs_in(client))
        yield client


def _signs_in(client: httpx.Client) -> bool:
    with contextlib.suppress(httpx.ConnectError):
        return client.get("/", params={"token": TOKEN}).status_code == 200
    return False


def page_with(client: httpx.Client, path: str, *texts: str) -> str:
    """A page once it has all of some texts."""

    def page() -> str:
        found = client.get(path).text
        return found if all(text in found for text in texts) else ""

    return str(until(page, 60))


@pytest.mark.usefixtures("environ")
def test_what_is_in_a_bucket_is_shown_as_a_folder_is(tmp_path: Path) -> None:
    """Replicas, runs, two of them compared, a sweep, a record, what changed in a version."""
    with cockpit_of(tmp_path, "s3://bucket/runs") as url, client_of(url) as client:
        texts = (">iris on host-1</a>", ">iris on host-2</a>", ">serving</span>", "4,321")
        overview = page_with(client, "/", "below s3://bucket/runs", "As in", *texts)
        assert "as of <time" in overview
        service = page_with(
            client, "/services/host-1~iris", "serve.ipynb", "known by its records alone"
        )
        assert "<dialog" not in service
        difference = f"/services/host-1~iris/difference?older={OLDER}&newer={RUN}"
        assert "model = 2" in page_with(client, difference, "<ins>")
        page_with(client, "/runs?text=accuracy>0.1", "3 of 7 runs", "host-1/train/2.ipynb")
        compared = "/runs/compare?run=host-1/train/1.ipynb&run=host-1/train/2.ipynb"
        page_with(client, compared, "Two runs compared", "+0.1")
        page_with(client, "/sweeps/sweeps/train", "a=3", "0.3")
        page_with(client, "/records/host-1/train/1.ipynb", "accuracy")
        assert "seen 1" in client.get("/rendered/host-1/train/1.ipynb").text


@pytest.mark.usefixtures("environ")
def test_what_a_replica_writes_is_shown(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From its start to its end, by what it writes to the bucket alone; the bucket is named."""
    write_notebook(tmp_path / "own.ipynb", SERVE)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.setenv("RUNNER_REPLICA", "host-9")
    words = ["serve", "own.ipynb", "--port", "0", "--runs", "s3://bucket/runs", "--no-standby"]
    served = Service(*words, cwd=tmp_path)
    monkeypatch.delenv("RUNNER_REPLICA")
    try:
        served.bound_port(110)
        with cockpit_of(elsewhere, "s3://bucket") as url, client_of(url) as client:
            page_with(client, "/", ">own on host-9</a>")
            path = "/services/host-9~own"
            page_with(client, path, ">serving</span>", "as of <time", "<dt>requests</dt>")
            assert served.stop(seconds=60) == 0, served.said()
            page_with(client, path, ">stopped</span>")
    finally:
        assert served.end() == []
    facts = json.loads(s3.get("runs/host-9/own/out.ipynb"))["metadata"]["runner"]
    assert facts["traffic"]["requests"] == 0


@pytest.mark.usefixtures("environ")
def test_a_bucket_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """At once, and with the mend; so is what has no list."""
    for shown, said in (
        ("s3://none/runs", "there is no bucket none"),
        ("https://example.org/runs", "cannot be listed"),
        ("ftp://example.org/runs", "nothing is read or written by ftp://"),
    ):
        cockpit = Service("cockpit", shown, "--port", "0", cwd=tmp_path, program=RUNNER)
        assert cockpit.wait(60) == ConfigurationError.exit_code, cockpit.said()
        assert said in cockpit.said()
        assert cockpit.end() == []


@pytest.mark.usefixtures("environ")
def test_s3_is_asked_for_no_more_than_is_listed() -> None:
    """So a bucket of millions takes neither the time nor the memory; what is listed is known."""
    url, storage = "s3://bucket/runs", remote.Remote()
    found = storage._ask(url, 30, remote._find, {"max_items": 2})
    assert len(found) == 2
    assert found == storage.listed(url)[:2]
    assert all(each.size and each.stamp and each.modified for each in found)


@pytest.mark.usefixtures("environ")
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_no_copies_stay(
    tmp_path: Path, signum: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor a process: that of the storage has nobody to copy for when the cockpit is gone."""
    with tempfile.TemporaryDirectory() as place:  # where nobody else sweeps, by a short path
        monkeypatch.setenv("TMPDIR", place)
        words = ["cockpit", "s3://bucket/runs", "--port", "0"]
        cockpit = Service(*words, cwd=tmp_path, program=RUNNER)
        try:
            until(lambda: [*Path(place).glob("runner-*/**/out.ipynb")], 60)
            cockpit.process.send_signal(signum)
            until(lambda: not [*Path(place).glob("runner-*")], 60)
            until(lambda: not cockpit.family())
        finally:
            assert cockpit.end() == []


@pytest.mark.usefixtures("environ")
def test_a_storage_that_is_away_at_the_start_is_waited_for(s3: S3Server, tmp_path: Path) -> None:
    """The page says why there is nothing, and shows it when there is."""
    s3.kill()
    try:
        with cockpit_of(tmp_path, "s3://bucket/runs") as url, client_of(url) as client:
            page_with(client, "/", "does not answer", "No service was found")
            s3.start()
            page_with(client, "/", ">iris on host-1</a>", "As in s3://bucket/runs")
    finally:
        s3.kill()
        s3.start()
