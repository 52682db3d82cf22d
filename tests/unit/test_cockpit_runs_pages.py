"""The cockpit's pages of runs and sweeps, by Starlette's own client."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.records import cell, display, document, text_cell, write, write_sweep

from runner.cockpit.app import app_for
from runner.cockpit.sign_in import Token

TOKEN = "0123456789abcdef0123"
HOST = "http://127.0.0.1:8002"
EVIL = '"><img src=x onerror=alert(1)><script>alert(1)</script>'


class Client:
    """Asks the app as a browser that has signed in does, without a socket."""

    def __init__(self, folder: Path) -> None:
        self.token = Token(TOKEN)
        self.app = app_for(folder, self.token, 8002)
        self.headers = {"cookie": f"runner-cockpit-8002={self.token.cookie}"}

    def get(self, path: str, params: Any = None) -> httpx.Response:
        return asyncio.run(self._get(path, params))

    async def _get(self, path: str, params: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
            return await client.get(path, params=params, headers=self.headers)


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


def test_runs_are_listed_chosen_and_sorted_by_the_address(client: Client, tmp_path: Path) -> None:
    """With parameters, metrics and the state of each."""
    write(tmp_path / "runs/a/out.ipynb", document(parameters={"C": 1}, metrics={"loss": 0.5}))
    write(tmp_path / "runs/b/out.ipynb", document(parameters={"C": 2}, status="failed"))
    page = client.get("/runs").text
    assert "2 of 2 runs" in page
    assert "/records/runs/a/out.ipynb" in page
    assert "0.5" in page
    page = client.get("/runs", params={"text": "C=2", "sort": "metric:loss"}).text
    assert "1 of 2 runs" in page
    assert "/records/runs/a/out.ipynb" not in page


def test_a_long_list_has_pages(client: Client, tmp_path: Path) -> None:
    """A hundred runs each."""
    for number in range(101):
        write(tmp_path / f"{number}.ipynb", document())
    first, second = (client.get("/runs", params={"page": page}).text for page in ("1", "2"))
    assert first.count('type="checkbox"') == 100
    assert "page=2" in first
    assert second.count('type="checkbox"') == 1
    assert client.get("/runs", params={"page": "99999"}).status_code == 200


def test_a_record_shows_its_cells_and_a_frame(client: Client, tmp_path: Path) -> None:
    """While it runs, the page asks for itself anew."""
    cells = [text_cell("# A"), cell("a = 1", id="one"), cell("b", id="two", status="running")]
    write(tmp_path / "a b.ipynb", document(cells, status="running", duration=None))
    page = client.get("/records/a%20b.ipynb").text
    assert 'src="/rendered/a%20b.ipynb"' in page
    assert "1 of 2 cells" in page
    assert 'data-every="2.0"' in page
    write(tmp_path / "c.ipynb", document(cells, status="failed", reason="cell 3 failed"))


def test_two_runs_are_compared(client: Client, tmp_path: Path) -> None:
    """Two that are ticked; of less or more there is nothing to be compared."""
    for name, value in (("a", 1), ("b", 2)):
        write(tmp_path / f"{name}.ipynb", document([cell(f"x = {value}")], parameters={"C": value}))
    page = client.get("/runs/compare?run=a.ipynb&run=b.ipynb").text
    assert "x = 1" in page
    assert "x = 2" in page
    assert client.get("/runs/compare?run=a.ipynb").status_code == 404
    assert client.get("/runs/compare?run=a.ipynb&run=../b.ipynb").status_code == 404


def test_a_sweep_shows_its_points_best_first_and_a_picture_that_leads_to_them(
    client: Client, tmp_path: Path
) -> None:
    """Every dot of the picture is a link to a record."""
    points = {f"C={n}": ({"C": n}, n / 10) for n in (1, 2, 3)}
    write_sweep(tmp_path / "runs/sweeps/train", points)
    assert "/sweeps/runs/sweeps/train" in client.get("/sweeps").text
    page = client.get("/sweeps/runs/sweeps/train").text
    picture, table = page.split("The points")
    for name in points:
        assert f"/records/runs/sweeps/train/points/C%3D{name[2:]}/out.ipynb" in picture
    assert table.index("C=3") < table.index("C=2") < table.index("C=1")


@pytest.mark.parametrize(
    "path",
    [
        "/records/no.ipynb",
        "/rendered/no.ipynb",
        "/rendered/..%2fa.ipynb",
        "/sweeps/no",
        "/records/",
    ],
)
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    """Whatever a path says, only what was listed is shown."""
    assert client.get(path).status_code == 404


def test_a_record_that_has_gone_since_it_was_listed_is_not_shown(
    client: Client, tmp_path: Path
) -> None:
    """Between a look and the next one, a record may be pruned."""
    path = write(tmp_path / "a.ipynb", document())
    assert client.get("/runs").status_code == 200
    path.unlink()
    assert client.get("/rendered/a.ipynb").status_code in (404, 422)


def test_without_the_token_no_run_is_shown(client: Client, tmp_path: Path) -> None:
    """Nor a record, nor a sweep."""
    write(tmp_path / "a.ipynb", document())
    client.headers = {}
    for path in ("/runs", "/runs/compare", "/records/a.ipynb", "/rendered/a.ipynb", "/sweeps"):
        assert client.get(path).status_code == 401


def test_whatever_a_record_says_is_escaped(client: Client, tmp_path: Path) -> None:
    """Names, values, states, cells and paths are texts to every page."""
    cells = [cell(EVIL, id=EVIL, outputs=[display(text_plain=EVIL)], status=EVIL)]
    name = EVIL.replace("/", "")
    for number in range(2):
        found = document(
            [*cells, cell(f"{EVIL}{number}")],
            notebook=EVIL,
            status=EVIL,
            reason=EVIL,
            parameters={EVIL: EVIL, "n": number},
            metrics={EVIL: 1},
            sweep_point=EVIL,
            started="2026-11-29T05:52:11+00:00",
        )
        write(tmp_path / name / "points" / f"{name}{number}" / f"{name}.ipynb", found)
    address = client.get("/runs").text
    assert "2 of 2 runs" in address
    paths = [run.path for run in client.app.state.cockpit.runs.runs().all]
    for page in (
        client.get("/runs", params={"text": EVIL, "sort": EVIL, "status": EVIL}),
        client.get("/runs"),
        client.get(f"/records/{paths[0]}"),
        client.get("/runs/compare", params={"run": paths}),
        client.get("/sweeps"),
        client.get(f"/sweeps/{name}"),
    ):
        assert page.status_code == 200
        assert "<img src=x" not in page.text
        assert "<script>alert" not in page.text
