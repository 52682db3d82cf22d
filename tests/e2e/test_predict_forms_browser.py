"""What a browser can give and is given: files, ranges, dates, tables, histories, programs."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support import RUNNER, Service, is_ready, reserved_port, until, write_notebook
from support.browser import Watch, expect

pytestmark = pytest.mark.browser

MODEL = """import io
from datetime import date, datetime
from typing import Annotated, Any, Literal

from msgspec import Meta
from PIL import Image
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from runner import Response, UploadFile, endpoint, load_model, save_model, serve

data = load_iris(as_frame=True)
fitted = LogisticRegression(max_iter=500).fit(data.data, data.target)
save_model(fitted, "model/iris.joblib", data=data.data)
model, card = load_model("model/iris.joblib")"""
FUNCTIONS = """def flat(
    area: Annotated[float, Meta(gt=0, le=500, description="Square metres")],
    city: Literal["Rome", "Oslo"],
    since: date,
    seen: datetime | None = None,
    rooms: int | None = 2,
    is_new: bool = False,
) -> dict[str, Any]:
    return {"area": area, "city": city, "since": since, "seen": seen, "rooms": rooms, "new": is_new}


def size(file: UploadFile, times: int = 1) -> dict[str, Any]:
    return {"size": len(file.data) * times, "name": file.filename}


def ten_of(file: bytes) -> str:
    return file[:10].decode()


def dot(grey: int = 0) -> Response:
    file = io.BytesIO()
    Image.new("L", (7, 5), grey).save(file, "PNG")
    return Response(file.getvalue(), media_type="image/png")"""
SERVE = """serve({
    "iris": endpoint(model, probabilities=True, class_names=["setosa", "versicolor", "virginica"]),
    "flat": endpoint(flat, example={"area": 50, "city": "Oslo", "since": "2026-11-30"}),
    "size": size,
    "ten": endpoint(ten_of, example={"file": b"an example of a file"}),
    "dot": dot,
})"""
IRIS, FLAT, SIZE, TEN, DOT = (f"#endpoint-{number}" for number in range(5))
SETOSA = {"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where one notebook serves a model with its card and functions of many types."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "model").mkdir()
    write_notebook(folder / "a.ipynb", MODEL, FUNCTIONS, SERVE)
    port = reserved_port()
    service = Service(
        "serve", "a.ipynb", "--port", str(port), "--no-standby", cwd=folder, program=RUNNER
    )
    try:
        until(lambda: is_ready(port, service), 60)
        yield f"http://127.0.0.1:{port}"
        service.stop()
    finally:
        assert service.end() == []


@pytest.fixture
def page(browser: Any, url: str) -> Iterator[Any]:
    """The page, which has to behave until the test has ended."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(10_000)
    watch = Watch(opened, url)
    opened.goto(url)
    expect(opened.locator(f"{DOT} .field")).to_be_attached()
    yield opened
    context.close()
    assert watch.elsewhere == [], "asked another host"
    assert watch.complaints == []


def field(section: Any, name: str) -> Any:
    return section.get_by_label(name, exact=True)


def predict(section: Any) -> Any:
    """Ask, and give what shows the answer."""
    section.get_by_role("button", name="Predict").click()
    shown = section.locator(".trial .result")
    expect(shown.locator(".status")).to_be_visible()
    return shown


def sent_by(section: Any) -> Any:
    """What the curl line would send as JSON."""
    return json.loads(shlex.split(section.locator(".curl code").inner_text())[-1])


def test_a_file_is_sent_as_such(page: Any, tmp_path: Path) -> None:
    """By the form, and by the curl line just as well."""
    section = page.locator(SIZE)
    file = tmp_path / "it's; a, file"
    file.write_bytes(b"\x00\xff" * 50)
    field(section, "file").set_input_files(file)
    field(section, "times").fill("3")
    expect(predict(section).locator(".headline")).to_have_text("300")
    expect(section.locator(".result dd")).to_have_text("it's; a, file")
    line = section.locator(".curl code").inner_text()
    done = subprocess.run(
        [*shlex.split(line), "-sS"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"size": 300, "name": "it's; a, file"}


def test_a_form_without_its_file_says_so_beside_it(page: Any) -> None:
    """As of any other field that is missing."""
    section = page.locator(SIZE)
    predict(section)
    expect(field(section, "file")).to_have_attribute("aria-invalid", "true")


def test_the_file_of_an_example_is_there(page: Any) -> None:
    """Whoever tries need not have one at hand."""
    expect(predict(page.locator(TEN)).locator(".headline")).to_have_text("an example")


def test_a_slider_goes_as_far_as_the_training_data(page: Any) -> None:
    """It and the number beside it move each other; what lies outside is said."""
    section = page.locator(IRIS)
    number = field(section, "sepal length (cm)")
    slider = section.locator("input[type=range]").first
    assert (slider.get_attribute("min"), slider.get_attribute("max")) == ("4.3", "7.9")
    slider.fill("6")
    expect(number).to_have_value("6")
    number.fill("5.05")
    expect(slider).to_have_js_property("value", "5.05")
    note = section.locator(".outside").first
    expect(note).to_be_hidden()
    number.fill("9")
    expect(note).to_contain_text("4.3 to 7.9")


def test_each_type_has_its_control(page: Any) -> None:
    """Choices, dates and null are sent as JSON has them; bounds and descriptions are told."""
    section = page.locator(FLAT)
    assert sent_by(section) == {"area": 50, "city": "Oslo", "since": "2026-11-30"} | {
        "seen": None, "rooms": 2, "is_new": False,
    }  # fmt: skip
    expect(section).to_contain_text("Square metres")
    expect(section).to_contain_text("> 0, ≤ 500")
    field(section, "city").select_option("Rome")
    field(section, "since").fill("2020-02-29")
    field(section, "seen").fill("2026-01-02T03:04")
    section.get_by_label("time zone").select_option("Z")
    section.get_by_role("switch", name="rooms: null").check()
    field(section, "is_new").check()
    shown = predict(section)
    shown.locator("summary").click()
    assert json.loads(shown.locator("pre").inner_text()) == {
        "area": 50, "city": "Rome", "since": "2020-02-29", "seen": "2026-01-02T03:04:00Z",
        "rooms": None, "new": True,
    }  # fmt: skip
    field(section, "rooms").fill("3")
    expect(section.get_by_role("switch", name="rooms: null")).not_to_be_checked()


def test_the_answer_is_large_and_its_probabilities_are_bars(page: Any) -> None:
    """The class is the headline; the longest bar is its own."""
    shown = predict(page.locator(IRIS))
    name = shown.locator(".headline").inner_text()
    best = shown.locator("tr.best")
    expect(best.locator("th")).to_have_text(name)
    widths = "bars => bars.map(bar => bar.getBoundingClientRect().width)"
    bars = shown.locator(".bar div").evaluate_all(widths)
    least, middle, most = sorted(bars)
    assert [most] == best.locator(".bar div").evaluate_all(widths)
    assert least <= middle < most / 2


def test_a_picture_is_shown(page: Any) -> None:
    """As it is, and not as text."""
    picture = predict(page.locator(DOT)).get_by_role("img")
    expect(picture).to_have_js_property("naturalWidth", 7)


def test_a_tab_knows_what_it_has_asked(page: Any) -> None:
    """Also when it is loaded again; a click fills the form with it."""
    section = page.locator(FLAT)
    field(section, "area").fill("77")
    predict(section)
    field(section, "area").fill("-1")
    predict(section)
    page.reload()
    section.locator(".history summary").click()
    expect(section.locator(".history li")).to_have_count(2)
    section.locator(".history li button").last.click()
    expect(field(section, "area")).to_have_value("77")
    section.get_by_role("button", name="Clear").click()
    expect(section.locator(".history li")).to_have_count(0)


DROP = """([section, name, text]) => {
  const given = new DataTransfer();
  const content = typeof text === "string" ? text : Uint8Array.from(text);
  given.items.add(new File([content], name, { type: "text/csv" }));
  for (const type of ["dragover", "drop"]) {
    const event = new DragEvent(type, { dataTransfer: given, bubbles: true, cancelable: true });
    document.querySelector(section).dispatchEvent(event);
  }
}"""


def test_a_csv_becomes_a_table_of_predictions(page: Any, tmp_path: Path) -> None:
    """More rows than one request takes; columns of others stay, wrong rows say what is wrong."""
    names = [*SETOSA, "petal width (cm)"]
    lines = [";".join(["id", *names]), *(f'"n;{n}";5.1;3.5;1.4;{n / 1000}' for n in range(1200))]
    lines[700] = "wrong;5.1;3.5;much;0.2"
    page.evaluate(DROP, [IRIS, "flowers.csv", "\ufeff" + "\n".join(lines)])
    rows = page.locator(f"{IRIS} .rows")
    expect(rows.get_by_role("status")).to_contain_text("1200 rows")
    expect(rows.get_by_role("status")).to_contain_text("1 of them")
    with page.expect_download() as saved:
        rows.get_by_role("button", name="Save as CSV").click()
    assert saved.value.suggested_filename == "flowers-predictions.csv"
    saved.value.save_as(tmp_path / "found.csv")
    with (tmp_path / "found.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert len(found) == 1200
    assert found[0]["id"] == "n;0"
    assert (found[0]["class"], found[0]["error"]) == ("setosa", "")
    assert float(found[0]["probabilities.setosa"]) > 0.9
    assert found[699]["class"] == ""
    assert "petal length" in found[699]["error"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "windows-1252"])
def test_a_csv_may_be_as_a_spreadsheet_writes_it(page: Any, tmp_path: Path, encoding: str) -> None:
    """In a country with umlauts, where a number has a comma; numbers that have none count too."""
    names = [*SETOSA, "petal width (cm)", "Größe"]
    text = "\r\n".join([";".join(names), "5,1;3,5;1,4;0.2;über 1,5"])
    page.evaluate(DROP, [IRIS, "flowers.csv", [*text.encode(encoding)]])
    rows = page.locator(f"{IRIS} .rows")
    expect(rows.get_by_role("status")).to_contain_text("1 rows")
    with page.expect_download() as saved:
        rows.get_by_role("button", name="Save as CSV").click()
    saved.value.save_as(tmp_path / "found.csv")
    with (tmp_path / "found.csv").open(newline="", encoding="utf-8") as file:
        (found,) = csv.DictReader(file)
    assert (found["class"], found["Größe"]) == ("setosa", "über 1,5")
    assert found["sepal length (cm)"] == "5,1"


_SHOWN = """async () => {
  const { showAnswer } = await import("./static/answer.js");
  const place = document.createElement("div");
  const text = '{"id": 12345678901234567890, "near": -9007199254740993, "big": 1e300}';
  const about = { status: 200, reason: "", milliseconds: 1, timing: "", kind: "application/json" };
  await showAnswer(place, { ok: true, ...about, text });
  return place.textContent;
}"""


def test_no_digit_of_a_whole_number_is_lost(page: Any) -> None:
    """JavaScript would round it: an id of 64 bits would be another's."""
    shown = page.evaluate(_SHOWN)
    assert shown.startswith("id12345678901234567890near-9007199254740993big1e+300")


@pytest.mark.parametrize(
    ("text", "fault"),
    [("", "no rows"), ("a,b\n1,2\n", "no column"), ('a,"b\n1,2\n', "a quote is not closed")],
)
def test_what_is_no_table_is_said(page: Any, text: str, fault: str) -> None:
    """And nothing is sent."""
    page.evaluate(DROP, [IRIS, "x.csv", text])
    expect(page.locator(f"{IRIS} .rows").get_by_role("status")).to_contain_text(fault)


def test_the_programs_send_what_the_form_sends(page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python and JavaScript, chosen by the keyboard too, with texts that need an escape."""
    section = page.locator(FLAT)
    section.get_by_role("switch", name="rooms: null").check()
    wanted = sent_by(section)
    section.get_by_role("tab", name="curl").press("ArrowRight")
    expect(section.get_by_role("tab", name="Python")).to_be_focused()
    expect(section.locator(".curl code")).to_contain_text("import requests")
    asked: list[Any] = []
    requests = types.SimpleNamespace(post=lambda url, **how: asked.append(how["json"]) or Answer())
    monkeypatch.setitem(sys.modules, "requests", requests)
    exec(section.locator(".curl code").inner_text(), {})
    section.get_by_role("tab", name="Python").press("ArrowRight")
    script = section.locator(".curl code")
    expect(script).to_contain_text("await fetch")
    said = script.inner_text().replace("console.log(", "return (")
    assert asked == [wanted]
    assert page.evaluate(f"async () => {{ {said} }}")["rooms"] is None


class Answer:
    """Be what a program is given."""

    def raise_for_status(self) -> None:
        """Be no error."""

    def json(self) -> Any:
        return {}


def test_the_documentation_begins_with_ones_own_endpoints(page: Any, url: str) -> None:
    """With the form of an answer; protocols are folded into a line each."""
    page.goto(f"{url}/docs")
    first = page.locator("main > *").first
    expect(first.locator(".operation")).to_have_count(5)
    own = first.locator(".operation").first
    expect(own).to_contain_text('"class"')
    expect(own).to_contain_text("trained on 4.3 to 7.9")
    expect(page.locator("main > .protocol")).to_have_count(4)
    assert page.locator("main > .protocol[open]").count() == 0


def test_the_documentation_is_searched(page: Any, url: str) -> None:
    """By path, field or word; what has none of it is not shown."""
    page.goto(f"{url}/docs")
    sought = page.get_by_label("Search")
    sought.fill("petal")
    expect(page.locator(".operation:visible")).to_have_count(1)
    sought.fill("infer flat")
    expect(page.locator(".operation:visible").first).to_contain_text("/v2/models/flat")
    sought.fill("no such thing")
    expect(page.locator("#hits")).to_have_text(re.compile("^0 of"))
    sought.fill("")
    expect(page.locator("main > .protocol")).to_have_count(4)


def test_a_file_is_sent_from_the_documentation_too(page: Any, url: str, tmp_path: Path) -> None:
    """By a form, since JSON has no files."""
    (tmp_path / "a").write_bytes(b"123")
    page.goto(f"{url}/docs")
    own = page.locator("#predict_size")
    own.locator("summary").first.click()
    own.get_by_label("file", exact=True).set_input_files(tmp_path / "a")
    own.get_by_role("button", name="Send").click()
    expect(own.get_by_role("status")).to_contain_text('"size": 3')


def test_a_name_is_only_text(page: Any) -> None:
    """A hostile file name and cell do nothing but stand there."""
    evil = "<img src=x onerror='window.isHurt = true'>"
    names = [*SETOSA, "petal width (cm)"]
    text = ",".join([*names, evil]) + f'\n5.1,3.5,1.4,0.2,"{evil}"\n'
    page.evaluate(DROP, [IRIS, f"{evil}.csv", text])
    expect(page.locator(f"{IRIS} .rows td").last).to_have_text(evil)
    assert page.evaluate("window.isHurt") is None
