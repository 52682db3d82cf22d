"""Which recorded requests are played."""

from __future__ import annotations

from typing import Any

from runner.rehearsal.choice import choose


def line(number: int, path: str = "/", status: int = 200, **more: Any) -> dict[str, Any]:
    """A recorded request; the greater its number, the older."""
    return {
        "id": number,
        "method": "POST",
        "path": path,
        "body": str(number),
        "status": status,
    } | more


def ids(lines: list[dict[str, Any]], most: int) -> list[int]:
    return [each["id"] for each in choose(lines, most)[0]]


def test_the_newest_of_each_endpoint_are_chosen_in_turn() -> None:
    """A busy endpoint leaves room for the others."""
    lines = [line(number) for number in range(8)] + [line(8, "/rare"), line(9, "/rarer")]
    assert ids(lines, 5) == [0, 8, 9, 1, 2]


def test_failures_come_first_and_are_half_of_all_at_most() -> None:
    """Unless there is too little else: a bad hour does not hide what is answered well."""
    lines = [line(number, status=500 if number < 6 else 200) for number in range(10)]
    assert ids(lines, 4) == [0, 1, 6, 7]
    assert ids(lines, 8) == [0, 1, 2, 3, 6, 7, 8, 9]
    assert ids(lines[:8], 8) == [0, 1, 2, 3, 4, 5, 6, 7]
    behind_its_head = line(9, failure={"error": "ValueError"})
    assert ids([*lines[6:9], line(7, status=501), behind_its_head], 2) == [9, 6]


def test_what_cannot_be_replayed_truthfully_is_counted() -> None:
    """Masked values, and what was cut; the same once more is left out without a word."""
    masked = [line(1, is_masked=True), line(2, is_masked=True)]
    chosen, left_out = choose([line(0), *masked, line(3, is_cut=True), line(0)], 10)
    assert [each["id"] for each in chosen] == [0]
    assert left_out == {"recorded with masked values": 2, "not recorded as a whole": 1}


def test_what_the_app_was_maybe_never_asked_is_counted() -> None:
    """Since its worker was busy; and a WebSocket is no request to be played."""
    lines = [line(1, status=503), line(2, status=101)]
    assert choose(lines, 9) == ([], {"maybe not answered by the app": 2})


def test_besides_all_there_are_as_many_that_are_safe() -> None:
    """An app of the author's own is asked only these."""
    lines = [line(number, method="POST" if number < 4 else "GET") for number in range(8)]
    assert ids(lines, 2) == [0, 4, 5]


def test_no_more_is_read_than_there_is_need_for() -> None:
    """A log of months is not read to its end."""
    read = []

    def recorded() -> Any:
        for number in range(10_000_000):
            read.append(number)
            yield line(number)

    assert len(choose(recorded(), 100)[0]) == 100
    assert len(read) < 3_000
    assert choose(recorded(), 0) == ([], {})


def test_what_cannot_be_asked_again_is_counted() -> None:
    """No client keeps a version from serving by what it has sent."""
    lines = [
        line(1, "*", method="OPTIONS"),
        line(2, method="foo"),
        line(3, headers={"content-type": "pl\xe4n"}),
        line(4, "/\udc80"),
    ]
    assert choose(lines, 9) == ([], {"cannot be asked again": 4})
