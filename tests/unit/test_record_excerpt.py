"""The first and the last of a text are kept, and what lay between is counted exactly."""

from __future__ import annotations

import random
import re
import tracemalloc

import pytest

from runner.record.excerpt import Excerpt, ExcerptBounds, dropped_notice, shorten

SMALL = ExcerptBounds(lines=3, text_bytes=24)
NOTICE = re.compile(r"\n?… (?:([\d,]+) lines? \()?([\d,]+) bytes\)? dropped here …\n")


def excerpt_of(*chunks: str, bounds: ExcerptBounds = SMALL) -> Excerpt:
    excerpt = Excerpt.within(bounds)
    for chunk in chunks:
        excerpt.write(chunk)
    return excerpt


def as_a_terminal_shows(text: str) -> str:
    """The whole text after its carriage returns, the slow and plain way."""
    lines = []
    for line in text.split("\n"):
        typed = line.rstrip("\r")
        lines.append(typed.split("\r")[-1] + "\r" * (len(typed) < len(line)))
    return "\n".join(lines)


def test_a_short_text_is_kept_as_it_is() -> None:
    """Nothing is changed or added while the text is within the bounds of both halves."""
    text = "a\nb\r\nc\n\nd\ne"
    assert excerpt_of(*text).text() == text


def test_the_middle_is_dropped_and_counted() -> None:
    """A line between the halves says how many lines and bytes are missing."""
    text = "".join(f"{number}\n" for number in range(10))
    assert excerpt_of(text).text() == "0\n1\n2\n… 4 lines (8 bytes) dropped here …\n7\n8\n9\n"


def test_a_line_without_end_is_bounded_too() -> None:
    """Of one gigantic line the first and last bytes are kept."""
    excerpt = excerpt_of(*["x" * 50] * 40)
    assert excerpt.text() == f"{'x' * 24}\n… 1,952 bytes dropped here …\n{'x' * 24}"
    assert (excerpt.dropped_lines, excerpt.dropped_bytes) == (0, 1952)


def test_characters_are_never_cut_in_half() -> None:
    """A bound that falls inside a character of several bytes gives way to it."""
    kept = excerpt_of("aé€😀" * 20).text()
    assert "\ufffd" not in kept
    first, last = NOTICE.split(kept)[0], NOTICE.split(kept)[-1]
    assert ("aé€😀" * 20).startswith(first)
    assert ("aé€😀" * 20).endswith(last)


def test_a_progress_bar_is_one_line() -> None:
    """Thousands of overwrites leave what the terminal shows, and use up nothing."""
    bar = [f"\r{number}%|{'#' * 10}" for number in range(1000)]
    excerpt = excerpt_of("start\n", *bar, "\ndone\n")
    assert excerpt.text() == "start\n999%|##########\ndone\n"
    assert excerpt.dropped_bytes == 0


def test_a_carriage_return_takes_back_only_what_follows_it() -> None:
    """A line that ends in a carriage return is shown until something is written over it."""
    excerpt = excerpt_of("50%\r")
    assert excerpt.text() == "50%\r"
    excerpt.write("100%")
    assert excerpt.text() == "100%"


def test_what_was_taken_back_was_not_dropped() -> None:
    """An overwritten line counts for nothing, even if it was too long to be kept."""
    excerpt = excerpt_of("x" * 1000, "\ry")
    assert (excerpt.text(), excerpt.dropped_bytes) == ("y", 0)


@pytest.mark.parametrize("seed", range(300))
def test_the_count_is_exact_however_the_text_is_split(seed: int) -> None:
    """First half, what is counted, and last half are together the whole text."""
    dice = random.Random(seed)
    alphabet = dice.choice(["ab\n", "a\r\n", "aé😀\n\n", "ab\r", "abcdefgh\n"])
    text = "".join(dice.choices(alphabet, k=dice.randrange(400)))
    cuts = sorted(dice.choices(range(len(text) + 1), k=dice.randrange(30)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    excerpt, whole = excerpt_of(*chunks), as_a_terminal_shows(text)
    found = NOTICE.search(excerpt.text())
    if not found:
        assert excerpt.text() == whole
        return
    last = excerpt.text()[found.end() :]
    size = len(whole.encode()) - excerpt.dropped_bytes - len(last.encode())
    first = whole.encode()[:size].decode()
    assert excerpt.text().startswith(first)
    assert whole.endswith(last)
    assert len(first.encode()) <= 24 + 1
    assert len(last.encode()) <= 24 + 1
    assert first.count("\n") <= 3
    assert last.count("\n") <= 3
    middle = whole.removeprefix(first).removesuffix(last) if last else whole.removeprefix(first)
    assert int((found[1] or "0").replace(",", "")) == middle.count("\n")
    assert int(found[2].replace(",", "")) == len(middle.encode())


def test_memory_stays_at_what_is_kept() -> None:
    """However many lines came before."""
    excerpt = Excerpt.within(ExcerptBounds())
    chunk = "".join(f"line {number}\n" for number in range(10_000))
    tracemalloc.start()
    for _ in range(100):
        excerpt.write(chunk)
    for _ in range(10_000):
        excerpt.write("one more line\n")
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert excerpt.dropped_lines == 1_010_000 - 400
    assert kept < 500_000
    assert peak < 3_000_000


def test_a_long_message_is_cut_in_the_middle() -> None:
    """A message within the bounds is left alone, another loses its middle."""
    assert shorten("ValueError: no", SMALL) == "ValueError: no"
    assert "952 bytes dropped" in shorten("x" * 1000, SMALL)


def test_the_notice_is_in_plain_words() -> None:
    """One of a thing has no plural, and none is not mentioned."""
    assert dropped_notice(1, "line", 2) == "… 1 line (2 bytes) dropped here …"
    assert dropped_notice(0, "line", 2) == "… 2 bytes dropped here …"
