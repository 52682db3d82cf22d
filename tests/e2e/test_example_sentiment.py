"""The sentiment example: its notebook learns, its notebook serves, HTTP asks."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import ROOT, post, read_record, send, text_of
from support.browser import Watch, expect
from support.gallery import served as gallery_served

from runner.config import PAGE_PATH

FOLDER = "notebooks/examples/sentiment"
NO_TEXT = (422, {"error": "no text was sent"})


@pytest.fixture(scope="module")
def learnt(gallery: Path, train_example: Callable[[str], Path]) -> Path:
    """A folder in which the train notebook has run, where a download would have failed."""
    train_example("sentiment")
    return gallery


@pytest.fixture(scope="module")
def served(learnt: Path) -> Iterator[int]:
    """The port on which two workers serve what was learnt, as the gallery serves it."""
    with gallery_served("sentiment", learnt) as port:
        yield port


def ask(port: int, body: Any) -> tuple[int, Any]:
    return post(port, json.dumps(body).encode(), path="/predict")


def printed(learnt: Path, cell_id: str) -> str:
    record = read_record(learnt / "runs/examples-sentiment-train/out.ipynb")
    return text_of(next(cell for cell in record.cells if cell.id == cell_id))


def tweets() -> list[dict[str, str]]:
    with (ROOT / FOLDER / "tweets.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize(
    ("text", "pred", "label"),
    [
        ("I hate twitter", 0, "Negative"),
        ("may the force be with you", 1, "Positive"),
        ("@bob SO happy!!! 😂 https://example.com/sad", 1, "Positive"),
        ("what a horrible, hated café", 0, "Negative"),
    ],
)
def test_a_text_is_positive_or_negative(served: int, text: str, pred: int, label: str) -> None:
    """The answer repeats the text as it came."""
    assert ask(served, {"text": text}) == (200, {"text": text, "pred": pred, "label": label})


@pytest.mark.parametrize("body", [{}, {"text": ""}, {"text": " \n"}, {"text": None}, {"txt": "x"}])
def test_no_text_is_said_so(served: int, body: Any) -> None:
    """Missing or empty is one and the same."""
    assert ask(served, body) == NO_TEXT


def test_an_empty_body_has_no_text(served: int) -> None:
    """As ``curl -X POST`` sends it."""
    assert post(served, b"", path="/predict") == NO_TEXT


@pytest.mark.parametrize("body", [{"text": 5}, {"text": ["a"]}, {"text": True}, {"text": {}}])
def test_a_text_of_another_type_is_refused(served: int, body: Any) -> None:
    """Nothing is made a string that was none."""
    assert ask(served, body) == (422, {"error": "text is not a string"})


@pytest.mark.parametrize("body", [["I hate twitter"], "I hate twitter", 5, None])
def test_a_body_that_is_no_object_is_refused(served: int, body: Any) -> None:
    """The answer shows what one looks like."""
    status, answer = ask(served, body)
    assert status == 422
    assert '{"text": "I hate twitter"}' in answer["error"]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"text=hello", b"[" * 100_000])
def test_what_is_not_json_is_refused(served: int, body: bytes) -> None:
    """Whatever it is instead."""
    status, answer = post(served, body, path="/predict")
    assert status == 400
    assert answer["error"].startswith("the body is not JSON: ")


def test_a_text_has_a_length(served: int) -> None:
    """A long one would keep others waiting."""
    assert ask(served, {"text": "x" * 5000})[0] == 200
    status, answer = ask(served, {"text": "x" * 5001})
    assert (status, answer) == (422, {"error": "text is longer than 5000 characters"})


def test_only_its_path_and_method_are_served(served: int) -> None:
    """Others learn where to ask."""
    assert post(served, path="/") == (404, {"error": "no such path: /; POST to /predict"})
    status, headers, page = send(served, method="GET", path="/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert page == (ROOT / FOLDER / "page.html").read_bytes()
    status, headers, _ = send(served, method="GET", path="/predict")
    assert (status, headers["Allow"]) == (405, "POST")


@pytest.mark.browser
def test_the_page_judges_when_one_pauses(browser: Any, served: int) -> None:
    """Without a button; what was judged stays in a list, as text."""
    page = browser.new_context(viewport={"width": 360, "height": 640}).new_page()
    watch = Watch(page, f"http://127.0.0.1:{served}")
    page.goto(f"http://127.0.0.1:{served}/")
    page.get_by_role("button", name="I hate twitter").click()
    expect(page.get_by_role("status")).to_have_text("Negative")
    evil = "<img src=x onerror='window.isHurt = true'> SO happy!!!"
    page.get_by_label("Text").fill(evil)
    expect(page.get_by_role("status")).to_have_text("Positive")
    expect(page.locator("li").first).to_contain_text(evil)
    assert page.evaluate("window.isHurt") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert (watch.elsewhere, watch.complaints) == ([], [])
    page.context.close()


@pytest.mark.browser
def test_an_app_can_be_asked_on_a_page_beside_it(browser: Any, served: int) -> None:
    """Its example by a form, and whatever else; the app itself answers."""
    page = browser.new_context(viewport={"width": 360, "height": 640}).new_page()
    watch = Watch(page, f"http://127.0.0.1:{served}")
    page.goto(f"http://127.0.0.1:{served}{PAGE_PATH}")
    page.get_by_label("text", exact=True).fill("what a horrible, hated café")
    page.get_by_role("button", name="Predict").click()
    known = page.get_by_role("region", name="/predict")
    expect(known.locator(".headline")).to_have_text("Negative")
    expect(known.locator(".curl code")).to_contain_text(f"127.0.0.1:{served}/predict")
    other = page.get_by_role("region", name="Any request")
    other.get_by_label("Method").select_option("POST")
    other.get_by_label("Path").fill("predict")
    other.get_by_label("Body").fill('{"text": "SO happy!!!"}')
    other.get_by_role("button", name="Send").click()
    expect(other.locator(".headline")).to_have_text("Positive")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert (watch.elsewhere, watch.complaints) == ([], [])
    page.context.close()


@pytest.mark.parametrize("text", ["😂", "\x00", "\ud800", "the", "@bob", "' '", "\u2028'"])
def test_a_text_without_a_word_is_answered(served: int, text: str) -> None:
    """Nothing is known of it, but it is a text."""
    status, answer = ask(served, {"text": text})
    assert (status, answer["text"]) == (200, text)


def test_the_model_is_chosen_by_a_table(learnt: Path) -> None:
    """Five classifiers by falling accuracy; the chosen one is within the error of the best."""
    rows = printed(learnt, "compare").splitlines()[1:]
    found = {row[:20].strip(): row[20:].split() for row in rows}
    accuracies = [float(figures[0]) for figures in found.values()]
    assert accuracies == sorted(accuracies, reverse=True)
    assert set(found) > {"BernoulliNB", "LogisticRegression", "LinearSVC", "always positive"}
    assert float(found["BernoulliNB"][0]) >= accuracies[0] - float(found["BernoulliNB"][2])


def test_the_accuracy_is_of_held_out_tweets(learnt: Path) -> None:
    """What the notebook says is on the card, and well above what a constant answer reaches."""
    card = json.loads((learnt / "model/sentiment.json").read_text())
    rows, accuracy = card["metrics"]["test_rows"], card["metrics"]["accuracy"]
    said = printed(learnt, "train")
    assert f"{accuracy * 100:.1f} % of {rows} held-out tweets" in said
    constant = float(re.findall(r"always positive: (\S+)", said)[0])
    assert constant + 0.1 < accuracy < 0.95


def test_the_model_is_one_object_that_needs_no_module_of_ours(learnt: Path) -> None:
    """It is small, and another process reads it and takes text as it comes."""
    path = learnt / "model/sentiment.joblib"
    assert path.stat().st_size < 200_000
    source = (
        "import sys, joblib; model = joblib.load(sys.argv[1]);"
        "print(*model.predict(['I HATED it, @bob :( http://x.y', 'lovely day']));"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'runner']"
    )
    words = [sys.executable, "-c", source, str(path)]
    done = subprocess.run(words, cwd=learnt, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["0", "1"]


def test_the_tweets_are_rated_and_name_nobody() -> None:
    """User names and addresses had been taken out by those who gathered them."""
    found = tweets()
    assert len({tweet["id"] for tweet in found}) == len(found) == 4191
    assert all(-4 <= float(tweet["rating"]) <= 4 for tweet in found)
    named = {name for tweet in found for name in re.findall(r"(?<!\w)@[A-Za-z]\w*", tweet["text"])}
    assert named == {"@anonymous"}
    addresses = {a for tweet in found for a in re.findall(r"https?://[\w.]+", tweet["text"])}
    assert addresses == {"http://url_removed"}


def test_the_licence_of_the_tweets_lies_beside_them() -> None:
    """The MIT licence asks for that."""
    text = (ROOT / FOLDER / "tweets.LICENSE.txt").read_text()
    assert "Copyright (c) 2014 cjhutto" in text
    assert "above copyright notice and this permission notice shall be included" in text


def test_the_question_is_not_among_the_sayings() -> None:
    """The sentence that a user may ask about is not learnt by heart."""
    sayings = (ROOT / FOLDER / "sayings.tsv").read_text().lower()
    assert "force" in sayings
    assert "force be with you" not in sayings
