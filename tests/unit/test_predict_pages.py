"""The pages are whole, escaped, and of this host only."""

from __future__ import annotations

import dataclasses
import html.parser
import json
import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest
from support import ROOT
from support.prediction_apps import app_of, send
from support.service_surface import IDENTITY, Surface, price, species

from runner import UploadFile
from runner.identity import Identity
from runner.predict.command_line import curl
from runner.predict.endpoint_factory import endpoints_of
from runner.predict.http_messages import Response
from runner.predict.pages import own_page
from runner.predict.targets import EndpointOptions

STATIC = ROOT / "runner/predict/static"
EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&amp;$title${x}"


class Page(html.parser.HTMLParser):
    """Read a page: its elements, and its texts by the class of the element around."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(answer.body.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def service() -> Surface:
    return Surface(species(), price(description="The price of a house."))


def html_of(service: Surface, path: str = "/", **headers: str) -> Page:
    return Page(service.get(path, accept="text/html", **headers))


def headers_of(answer: Response) -> dict[bytes, bytes]:
    return dict(answer.headers)


def test_a_browser_gets_the_page(service: Surface) -> None:
    """The notebook's title, what is answered, a form for each endpoint, and the links."""
    page = html_of(service)
    assert "Serve it" in page.text
    assert "The price of a house." in page.text
    assert [section["data-path"] for section in page.all("section")] == ["/", "/price"]
    assert len(page.all("form")) == 2
    assert {"docs", "openapi.json", "metrics"} <= {link["href"] for link in page.all("a")}


def test_a_program_gets_json(service: Surface) -> None:
    """Who does not ask for HTML is told the same as JSON."""
    answer = service.get("/", accept="*/*")
    said = json.loads(answer.body)
    assert answer.content_type == b"application/json"
    assert [endpoint["path"] for endpoint in said["endpoints"]] == ["/", "/price"]
    assert (said["title"], said["run_id"]) == ("Serve it", "r1")


def test_what_a_notebook_says_is_text() -> None:
    """No title, description, name, path or example of a notebook becomes HTML."""
    endpoint = species(
        name=EVIL, path=f"/{EVIL}", title=EVIL, description=EVIL, example={EVIL: EVIL}
    )
    service = Surface(endpoint, identity=Identity(notebook_title=EVIL, run_id=EVIL))
    for path in ("/", "/docs"):
        page = html_of(service, path)
        assert EVIL in page.text
        assert [script.keys() for script in page.all("script")] == [{"type", "src"}]
        assert page.all("img") == []


def test_the_command_line_is_one(service: Surface) -> None:
    """The line for the shell has the example, quoted, and the host that the client named."""
    flower = species(example={"petal length (cm)": 1.5, "it's": "$HOME `x`"})
    page = html_of(Surface(flower), host="models.example:8123")
    (line,) = re.findall(r"^curl .*", page.text, re.MULTILINE)
    words = shlex.split(line)
    assert words[:3] == ["curl", "-X", "POST"]
    assert words[3] == "http://models.example:8123/"
    assert json.loads(words[-1]) == flower.example


def test_links_are_below_the_prefix_that_a_proxy_names() -> None:
    """Also where its own address has no slash at its end."""

    def twice(x: int) -> int:
        return 2 * x

    app = app_of(twice)

    def get(path: str, accept: str = "text/html") -> httpx.Response:
        return send(
            app, None, method="GET", path=f"/m{path}", root="/m", headers={"accept": accept}
        )

    for path in ("/", "/docs"):
        assert '<base href="/m/">' in get(path).text
    assert "curl -X POST http://test/m/" in get("/").text
    assert get("/openapi.json").json()["servers"] == [{"url": "/m"}]
    described = get("/", "*/*").json()
    assert described["links"]["docs"] == "/m/docs"
    assert [each["path"] for each in described["endpoints"]] == ["/m/"]
    assert get("/none").status_code == 404


@pytest.mark.parametrize("host", ["", "a b", "x'y", "<b>", "a/b", "a:b:c", "[::1"])
def test_a_host_that_is_none_is_not_repeated(service: Surface, host: str) -> None:
    """What a client sends as its host goes into a command line, so only a real one does."""
    assert "http://localhost:8000/price" in html_of(service, host=host).text


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_policy_forbids_what_is_not_needed(service: Surface, path: str) -> None:
    """No script in the page, nothing of another host, no other site's frame."""
    answer = service.get(path, accept="text/html")
    policy = headers_of(answer)[b"content-security-policy"].decode()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    page = Page(answer)
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
    assert page.all("style") == []


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_all_that_a_page_loads_is_there(service: Surface, path: str) -> None:
    """Scripts, styles and icons are served by the service itself, by relative addresses."""
    page = html_of(service, path)
    loaded = [script["src"] for script in page.all("script")]
    loaded += [link["href"] for link in page.all("link")]
    assert len(loaded) == 3
    for name in loaded:
        assert service.get(f"/{name}").status == 200


def test_a_script_loads_only_its_neighbours(service: Surface) -> None:
    """Every import of a script is a file beside it, and no file names another host."""
    for file in STATIC.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]", text), file.name
        for name in re.findall(r'from "\./(.*?)"', text):
            assert service.get(f"/static/{name}").content_type.startswith(b"text/javascript")


def test_scripts_set_text_never_html() -> None:
    """Field names come from notebooks: nothing that parses HTML is used."""
    for file in STATIC.glob("*.js"):
        text = file.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/static/page.js"])
def test_what_has_not_changed_is_not_sent_again(service: Surface, path: str) -> None:
    """An ETag that is still right gets 304 and no body; another gets the whole."""
    first = service.get(path)
    tag = headers_of(first)[b"etag"].decode()
    for known in (tag, f'W/{tag}, "x"', "*"):
        again = service.get(path, if_none_match=known)
        assert (again.status, again.body) == (304, b"")
        assert headers_of(again)[b"etag"] == tag.encode()
    assert service.get(path, if_none_match='"x"').status == 200


def test_page_and_json_are_told_apart_by_caches(service: Surface) -> None:
    """The same address has two forms: Vary says so, and their tags differ."""
    shown, said = service.get("/", accept="text/html"), service.get("/")
    assert b"accept" in headers_of(shown)[b"vary"]
    assert headers_of(shown)[b"etag"] != headers_of(said)[b"etag"]


def test_the_page_says_what_is_running(service: Surface) -> None:
    """Run, notebook and model stand at the foot of the page."""
    text = html_of(service).text
    assert "run r1 · notebook aaaaaaaaaaaa · model bbbbbbbbbbbb" in text


def test_an_own_page_takes_the_place_of_ours(tmp_path: Path, monkeypatch: Any) -> None:
    """Browsers get it as it is, from a file above too; programs still get JSON."""
    (tmp_path / "below").mkdir()
    (tmp_path / "draw.html").write_text("<p>$title")
    monkeypatch.chdir(tmp_path / "below")
    for page in ("<p>$title", Path("draw.html")):
        app = app_of(len_of, page=own_page(page))
        shown = send(app, None, method="GET", headers={"accept": "text/html"})
        assert (shown.text, shown.headers["vary"]) == ("<p>$title", "accept, host")
        said = send(app, None, method="GET", headers={"accept": "*/*"}).json()
        assert [each["path"] for each in said["endpoints"]] == ["/"]


def test_an_own_page_loads_nothing_of_another_host() -> None:
    """Its scripts may stand in it, but they ask only this service."""
    app = app_of(len_of, page=b"<p>")
    shown = send(app, None, method="GET", headers={"accept": "text/html"})
    policy = shown.headers["content-security-policy"]
    assert policy.startswith("default-src 'self' 'unsafe-inline' data: blob:;")
    assert "http" not in policy
    assert shown.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("page", "error"), [(Path("none.html"), OSError), (b"<p>", TypeError)])
def test_a_page_that_is_none_is_an_error(page: Any, error: type[Exception]) -> None:
    """Before anything is served."""
    with pytest.raises(error, match=r"^page="):
        own_page(page)


def len_of(text: str) -> int:
    return len(text)


def test_fields_are_announced() -> None:
    """Answers are read out, and the section is called by its heading."""
    page = html_of(Surface(species()))
    assert {"role": "status", "aria-live": "polite"}.items() <= next(
        attributes for attributes in page.all("div") if attributes.get("class") == "result"
    ).items()
    (section,) = page.all("section")
    assert section["aria-labelledby"] in {heading.get("id") for heading in page.all("h2")}
    assert IDENTITY.notebook_title in page.text


def test_the_files_are_packaged() -> None:
    """An installed runner has them: they are package data."""
    import tomllib

    settings: Any = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    for room in ("access", "predict"):
        assert settings["package-data"][f"runner.{room}"] == ["static/*"]


def test_the_page_begins_with_the_notebooks_first_paragraph() -> None:
    """Code and emphasis are kept, of links the words; nothing else of it becomes HTML."""
    said = "Tells `POST /<b>` and *which* _one_, a*b*c, by [the card](javascript:alert(1)). <i>&"
    identity = Identity(notebook_title="T", notebook_introduction=said)
    page = Surface(species(), identity=identity).get("/", accept="text/html").body.decode()
    wanted = (
        "Tells <code>POST /&lt;b&gt;</code> and <em>which</em> <em>one</em>, a*b*c,"
        " by the card. &lt;i&gt;&amp;"
    )
    assert f'<p class="introduction">{wanted}</p>' in page


def test_the_command_line_of_a_file_is_a_form() -> None:
    """The reader names the file; a text that begins as a file's name does stays a text."""

    def read(file: UploadFile, name: str = "", n: int = 1, other: UploadFile | None = None) -> int:
        return n

    (plain,) = endpoints_of(read, "", EndpointOptions())
    assert (
        curl(plain, "http://h", is_keyed=True)
        == 'curl http://h/ -H "x-api-key: $KEY" -F file=@FILE'
    )
    given = dataclasses.replace(plain, example={"name": "@it's", "n": 2})
    words = shlex.split(curl(given, "http://h", is_keyed=False))
    assert words[2:] == ["-F", "file=@FILE", "--form-string", "name=@it's", "--form-string", "n=2"]
