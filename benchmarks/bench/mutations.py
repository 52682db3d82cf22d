"""Spoil a good body of JSON in every way that a client, or an enemy, might."""

from __future__ import annotations

import dataclasses
import gzip
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

JSON = "application/json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spoilt:
    """One request.

    Attributes:
        kind: How it was spoilt.
        body: What is sent.
        content_type: What it is said to be.
        encoding: Its Content-Encoding, if any.
        expected: What it may be answered; empty for anything below 500.
    """

    kind: str
    body: bytes
    content_type: str = JSON
    encoding: str = ""
    expected: tuple[int, ...] = ()


def spoil(example: dict[str, Any], seed: int) -> Iterator[Spoilt]:
    """Give requests without end, the same ones for the same seed.

    Args:
        example: A body that is answered, all of whose values are numbers.
        seed: Chooses them.
    """
    chance = random.Random(seed)
    kinds = list(KINDS.items())
    while True:
        kind, make = chance.choice(kinds)
        yield dataclasses.replace(make(example, chance), kind=kind)


def _is(body: bytes | str, *expected: int, **more: str) -> Spoilt:
    content = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    return Spoilt(kind="", body=content, expected=expected, **more)


def _good(example: dict[str, Any], chance: random.Random) -> Spoilt:
    fields = list(example)
    chance.shuffle(fields)
    values = {field: round(chance.uniform(0, 8), 2) for field in fields}
    return _is(json.dumps(values, indent=chance.choice([None, 2])), 200)


def _flipped(example: dict[str, Any], chance: random.Random) -> Spoilt:
    body = bytearray(json.dumps(example).encode())
    for _ in range(chance.randint(1, 4)):
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return _is(bytes(body))


def _truncated(example: dict[str, Any], chance: random.Random) -> Spoilt:
    body = json.dumps(example).encode()
    return _is(body[: chance.randrange(len(body))], 400)


def _inserted(example: dict[str, Any], chance: random.Random) -> Spoilt:
    body = json.dumps(example).encode()
    place = chance.randrange(len(body))
    return _is(body[:place] + chance.randbytes(chance.randint(1, 8)) + body[place:])


def _noise(example: dict[str, Any], chance: random.Random) -> Spoilt:
    return _is(b"\xff" + chance.randbytes(chance.randint(0, 500)), 400)


def _nested(example: dict[str, Any], chance: random.Random) -> Spoilt:
    depth = chance.choice([10, 1000, 20_000])
    opening, closing = chance.choice([("[", "]"), ('{"a":', "}")])
    inner = opening * depth + "1" + closing * depth
    return _is(chance.choice([inner, _with(example, chance, inner)]), 400, 413, 422)


def _huge(example: dict[str, Any], chance: random.Random) -> Spoilt:
    value = chance.choice(["1e400", "-1e400", "9" * 400, "1" + "0" * 5000])
    return _is(_with(example, chance, value), 400, 422)


def _extreme(example: dict[str, Any], chance: random.Random) -> Spoilt:
    values = ["1e308", "-1.7e308", "5e-324", "1e-400", "-0.0", str(2**63), str(-(2**64)), "0e99"]
    return _is(_with(example, chance, chance.choice(values)), 200, 422)


def _no_number(example: dict[str, Any], chance: random.Random) -> Spoilt:
    value = chance.choice(["NaN", "Infinity", "-Infinity", "nan", "0x1", "1_0", "+1", ".5", "01"])
    return _is(_with(example, chance, value), 400, 422)


def _wrong_type(example: dict[str, Any], chance: random.Random) -> Spoilt:
    values = ['"5.1"', "null", "true", "[5.1]", "{}", '""', '"NaN"', '"\\u0000"']
    return _is(_with(example, chance, chance.choice(values)), 422)


def _whole(example: dict[str, Any], chance: random.Random) -> Spoilt:
    return _is(chance.choice(["null", "1", '"a"', "true", "{}", '""']), 422)


def _listed(example: dict[str, Any], chance: random.Random) -> Spoilt:
    return _is(json.dumps([example] * chance.choice([0, 1, 2, 100])))


def _surrogates(example: dict[str, Any], chance: random.Random) -> Spoilt:
    lone = chance.choice(['"\\ud800"', '"\\udc00\\ud800"', '"\ud800"'])
    key = {**example}
    body = json.dumps(key)[:-1] + f", {lone}: 1}}"
    return _is(chance.choice([body, _with(example, chance, lone)]), 400, 422)


def _unknown(example: dict[str, Any], chance: random.Random) -> Spoilt:
    name = "".join(chr(chance.randrange(32, 0x2FFF)) for _ in range(chance.randint(1, 30)))
    return _is(json.dumps({**example, name: 1}, ensure_ascii=chance.random() < 0.5), 422)


def _missing(example: dict[str, Any], chance: random.Random) -> Spoilt:
    left = dict(example)
    for field in chance.sample(list(left), chance.randint(1, len(left))):
        del left[field]
    return _is(json.dumps(left), 422)


def _repeated(example: dict[str, Any], chance: random.Random) -> Spoilt:
    field = chance.choice(list(example))
    value = chance.choice(["1", '"a"'])
    return _is(f"{json.dumps(example)[:-1]}, {json.dumps(field)}: {value}}}", 200, 400, 422)


def _bom(example: dict[str, Any], chance: random.Random) -> Spoilt:
    text = json.dumps(example)
    return _is(text.encode(chance.choice(["utf-8-sig", "utf-16", "utf-32", "utf-16-be"])), 200, 400)


def _trailing(example: dict[str, Any], chance: random.Random) -> Spoilt:
    return _is(json.dumps(example) + chance.choice(["x", "}", "\0", "{}", " null"]), 400)


def _other_type(example: dict[str, Any], chance: random.Random) -> Spoilt:
    types = ["text/plain", "application/xml", "multipart/form-data", "a", "image/png; a=b"]
    return _is(json.dumps(example), 415, 400, content_type=chance.choice(types))


def _many_rows(example: dict[str, Any], chance: random.Random) -> Spoilt:
    lines = [json.dumps(example)] * chance.randint(0, 5) + chance.choice([[], ["{"], ["null"]])
    types = ["application/x-ndjson", "application/jsonl", "application/vnd.apache.arrow.stream"]
    return _is("\n".join(lines), content_type=chance.choice(types))


def _parameters(example: dict[str, Any], chance: random.Random) -> Spoilt:
    types = [f"{JSON}; charset=utf-8", f"{JSON};charset=latin-1", "application/a+json", f"{JSON};"]
    return _is(json.dumps(example), content_type=chance.choice(types))


def _gzipped(example: dict[str, Any], chance: random.Random) -> Spoilt:
    body = gzip.compress(json.dumps(example).encode(), mtime=0)
    encoding = chance.choice(["gzip", "", "deflate", "br"])
    return _is(body, 200, 400, 415, encoding=encoding)


def _with(example: dict[str, Any], chance: random.Random, value: str) -> str:
    """Write the example with one value of our own, raw."""
    chosen = chance.choice(list(example))
    parts = [
        f"{json.dumps(field)}: {value if field == chosen else json.dumps(known)}"
        for field, known in example.items()
    ]
    return "{" + ", ".join(parts) + "}"


KINDS: dict[str, Callable[[dict[str, Any], random.Random], Spoilt]] = {
    make.__name__.strip("_").replace("_", " "): make
    for make in (
        _good,
        _flipped,
        _truncated,
        _inserted,
        _noise,
        _nested,
        _huge,
        _extreme,
        _no_number,
        _wrong_type,
        _whole,
        _listed,
        _surrogates,
        _unknown,
        _missing,
        _repeated,
        _bom,
        _trailing,
        _other_type,
        _many_rows,
        _parameters,
        _gzipped,
    )
}
