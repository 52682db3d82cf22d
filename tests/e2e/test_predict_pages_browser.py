"""What a browser shows of a served model, in headless Chromium without any other network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell
from support import ROOT, RUNNER, Service, reserved_port, write_notebook
from support.browser import Watch, expect

pytestmark = pytest.mark.browser

TITLE = 'Iris <script>window.isHurt = true</script> & "flowers" <img src=x onerror=alert(1)>'
FIELDS = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]
SETOSA, VIRGINICA = [5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]
MODEL = """from sklearn.datasets import load_iris
from sklearn.svm import SVC
data = load_iris()
model = SVC().fit(data.data, data.target)"""
SERVE = f"from runner import serve\nserve(model, example=dict(zip({FIELDS}, {SETOSA})))"
PHONE = {"width": 360, "height": 640}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a notebook with an evil title serves a model."""
    folder = tmp_path_factory.mktemp("served")
    path = write_notebook(folder / "a.ipynb", MODEL, SERVE)
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, new_markdown_cell(f"# {TITLE}", id="title"))
    nbformat.write(notebook, path)
    port = reserved_port()
    words = ["serve", "a.ipynb", "--port", str(port), "--no-standby"]
    service = Service(*words, cwd=folder, program=RUNNER)
    try:
        service.wait_ready(port, 60)
        yield f"http://127.0.0.1:{port}"
        service.stop()
    finally:
        assert service.end() == []


@pytest.fixture
def watch(page: Any) -> Watch:
    return page.watch  # type: ignore[no-any-return] # put there below


@pytest.fixture
def page(browser: Any, url: str) -> Iterator[Any]:
    """A page that has to behave until the test has ended."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    opened.watch = Watch(opened, url)
    yield opened
    context.close()
    assert opened.watch.elsewhere == [], "asked another host"
    assert opened.watch.complaints == []


def field(page: Any, name: str) -> Any:
    return page.get_by_label(name, exact=True)


def answer(page: Any) -> Any:
    return page.get_by_role("status").first


def predict(page: Any) -> None:
    page.get_by_role("button", name="Predict").click()


def faults_of(page: Any, name: str) -> str:
    """All that is said about a field to who does not see the page."""
    numbers = (field(page, name).get_attribute("aria-describedby") or "").split()
    return " ".join(page.locator(f"[id='{number}']").inner_text() for number in numbers)


def test_the_form_holds_the_example(page: Any, url: str) -> None:
    """A newcomer sees at once what a request looks like."""
    page.goto(url)
    for name, value in zip(FIELDS, SETOSA, strict=True):
        expect(field(page, name)).to_have_value(str(value))


def test_who_presses_too_early_loses_nothing(page: Any, url: str) -> None:
    """Until its script is there a form would have the browser load the page anew, and be empty."""
    page.route("**/static/page.js", lambda route: None)  # never answered
    page.goto(url, wait_until="commit")
    expect(page.get_by_role("button", name="Predict")).to_be_disabled()


def test_predict_shows_the_answer(page: Any, url: str) -> None:
    """The button asks the very service, with what stands in the form."""
    page.goto(url)
    predict(page)
    expect(answer(page)).to_contain_text('"prediction": 0')
    for name, value in zip(FIELDS, VIRGINICA, strict=True):
        field(page, name).fill(str(value))
    predict(page)
    expect(answer(page)).to_contain_text('"prediction": 2')


def test_what_is_no_number_is_said_beside_its_field(page: Any, url: str) -> None:
    """Whoever mistypes sees which field it was, and the cursor stands in it."""
    page.goto(url)
    wrong = field(page, "petal width (cm)")
    expect(wrong).to_have_value("0.2")
    wrong.press("End")
    wrong.press_sequentially("e")
    predict(page)
    expect(wrong).to_have_attribute("aria-invalid", "true")
    expect(wrong).to_be_focused()
    assert "expected a number" in faults_of(page, "petal width (cm)")


def test_what_the_service_refuses_is_said_beside_its_field(page: Any, url: str) -> None:
    """A fault that only the service sees is shown at its field, and is gone when it is mended."""
    page.goto(url)
    left_out = field(page, "petal width (cm)")
    left_out.fill("")
    predict(page)
    expect(left_out).to_have_attribute("aria-invalid", "true")
    assert len(faults_of(page, "petal width (cm)")) > len(faults_of(page, "petal length (cm)"))
    expect(field(page, "petal length (cm)")).not_to_have_attribute("aria-invalid", "true")
    left_out.fill("0.2")
    predict(page)
    expect(answer(page)).to_contain_text('"prediction": 0')
    expect(left_out).not_to_have_attribute("aria-invalid", "true")


def test_the_keyboard_suffices(page: Any, url: str) -> None:
    """Tab goes through the fields in their order to the button; Enter sends."""
    page.goto(url)
    field(page, FIELDS[0]).focus()
    for name in FIELDS[1:]:
        page.keyboard.press("Tab")
        expect(field(page, name)).to_be_focused()
    page.keyboard.press("Enter")
    expect(answer(page)).to_contain_text('"prediction": 0')
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Predict")).to_be_focused()


@pytest.mark.parametrize(
    ("types", "name"),
    [
        (["integer", "number"], "number"),
        (["integer", "string"], "integer or string"),
        (["integer", "string", "null"], "integer or string or null"),
        (["integer", "null"], "integer or null"),
    ],
)
def test_a_choice_of_types_is_named(page: Any, url: str, types: list[str], name: str) -> None:
    """As the fault says it that the service answers."""
    page.goto(url)
    ask = "async (schema) => (await import('./static/asking.js')).typeName(schema, {})"
    assert page.evaluate(ask, {"anyOf": [{"type": one} for one in types]}) == name


def test_the_documentation_is_a_link_away(page: Any, url: str) -> None:
    """From the page to the documentation, where the first operation can be tried."""
    page.goto(url)
    page.get_by_role("link", name=re.compile("documentation", re.IGNORECASE)).click()
    expect(page).to_have_url(f"{url}/docs")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Iris")
    first = page.locator("details").first
    expect(first.locator("summary").first).to_contain_text("POST /")
    expect(first).to_contain_text("sepal length (cm)")
    first.get_by_role("button", name="Send").click()
    expect(first.get_by_role("status")).to_contain_text('"prediction": 0')


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_it_fits_on_a_phone(page: Any, url: str, path: str) -> None:
    """Nobody scrolls sideways, with all that can be unfolded unfolded."""
    page.set_viewport_size(PHONE)
    page.goto(f"{url}{path}")
    page.wait_for_selector("form")
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_an_evil_title_is_only_text(page: Any, url: str, path: str) -> None:
    """What a notebook calls itself is shown as it is, and does nothing."""
    page.goto(f"{url}{path}")
    page.wait_for_selector("form")
    expect(page.get_by_role("heading", level=1)).to_contain_text(TITLE)
    assert TITLE in page.title()
    assert page.evaluate("window.isHurt") is None


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_every_input_has_a_name(page: Any, url: str, path: str) -> None:
    """A screen reader can say of each input what it is."""
    page.goto(f"{url}{path}")
    page.wait_for_selector("form")
    unnamed = "inputs => inputs.filter(input => !input.labels.length).map(input => input.outerHTML)"
    assert page.eval_on_selector_all("input, textarea, select", unnamed) == []


def test_the_watch_sees(page: Any, url: str, watch: Watch) -> None:
    """The checks on every page would be empty if they saw nothing."""
    page.goto(url)
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {text: 1}))"
    )
    page.evaluate("fetch('http://example.invalid/').catch(() => 0)")
    page.evaluate("new Promise(done => setTimeout(done))")
    assert any("Content Security Policy" in each for each in watch.complaints)
    watch.complaints.clear()
    watch.elsewhere.clear()


def test_the_folder_of_the_package_has_what_pages_load() -> None:
    """No file of the pages names another host."""
    static = ROOT / "runner/predict/static"
    texts = {path.name: path.read_text() for path in static.iterdir()}
    assert texts
    named = {n: re.findall(r"https?://(?!www\.w3\.org/)\S+", text) for n, text in texts.items()}
    assert {name: found for name, found in named.items() if found} == {}
