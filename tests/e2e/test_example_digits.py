"""The example of handwritten digits as a service, its pictures, and its logs in TensorBoard."""

from __future__ import annotations

import io
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from support import Service, read_record, reserved_port, states, text_of, until
from support.gallery import served

FOLDER = "notebooks/examples/digits"
Ask = Any


@pytest.fixture(scope="module")
def url(digits: Path) -> Iterator[str]:
    """The example as the gallery serves it, which no test may harm."""
    with served("digits", digits) as port:
        yield f"http://127.0.0.1:{port}"


def status_of(url: str, process: Service) -> int:
    """The status of an answer; 0 if there is none yet."""
    assert process.process.poll() is None, process.said()
    try:
        return httpx.get(url, timeout=10).status_code
    except httpx.TransportError:
        return 0


@pytest.fixture
def ask(url: str) -> Ask:
    """Send a file as a form, as curl does: gives the whole answer."""
    return lambda file: httpx.post(f"{url}/predict", files={"file": ("digit", file)}, timeout=30)


@pytest.fixture
def three(digits: Path) -> Image.Image:
    return Image.open(digits / FOLDER / "three.png").convert("L")


def written(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    picture.save(file := io.BytesIO(), kind, **options)
    return file.getvalue()


def class_of(answer: httpx.Response) -> int:
    assert answer.status_code == 200, answer.text
    return int(answer.json()["class"])


def detail_of(answer: httpx.Response, status: int) -> str:
    """What a refusal says, which is a problem and no traceback."""
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text
    return str(answer.json()["detail"])


def test_the_model_is_good_and_its_card_says_how(digits: Path) -> None:
    """On digits that it has not seen; the record, the card and the text agree."""
    record = read_record(digits / "runs/examples-digits-train/out.ipynb")
    assert set(states(record).values()) == {"completed"}
    metrics = json.loads((digits / "model/digits.json").read_text())["metrics"]
    assert metrics["accuracy"] >= 0.97
    (judged,) = (cell for cell in record.cells if cell.id == "judge")
    assert text_of(judged) == f"{metrics['accuracy'] * 100:.1f} % of 360 held-out digits\n"


@pytest.mark.parametrize(("name", "digit"), [("three.png", 3), ("seven.jpg", 7), ("zero.png", 0)])
def test_the_samples_are_read(ask: Ask, digits: Path, name: str, digit: int) -> None:
    """A drawing, a dim photograph that lies on its side, and light on dark."""
    answer = ask((digits / FOLDER / name).read_bytes())
    assert class_of(answer) == digit
    shares = answer.json()["probabilities"]
    assert [*shares] == [str(number) for number in range(10)]
    assert max(shares, key=shares.get) == str(digit)
    assert sum(shares.values()) == pytest.approx(1, abs=0.001)


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("PNG", "1", {}),
        ("PNG", "L", {}),
        ("PNG", "P", {}),
        ("PNG", "LA", {}),
        ("PNG", "RGBA", {}),
        ("PNG", "I;16", {}),
        ("JPEG", "L", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "CMYK", {}),
        ("GIF", "P", {}),
        ("BMP", "RGB", {}),
        ("WEBP", "RGB", {}),
        ("WEBP", "RGBA", {"lossless": True}),
        ("TIFF", "CMYK", {}),
        ("TIFF", "I;16", {}),
        ("TIFF", "F", {}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ],
)
def test_every_common_format_is_read(
    ask: Ask, three: Image.Image, kind: str, mode: str, options: dict[str, Any]
) -> None:
    """In shades, in colours, with a palette, in 16 bits, for print."""
    picture = three if mode == "I;16" else three.convert("RGB")
    assert class_of(ask(written(picture.convert(mode), kind, **options))) == 3


@pytest.mark.parametrize("ink", ["black", "white", "navy"])
def test_what_is_transparent_is_paper(ask: Ask, three: Image.Image, ink: str) -> None:
    """Whatever the colour of the ink, white included."""
    picture = Image.new("RGBA", three.size, ink)
    picture.putalpha(ImageOps.invert(three))
    assert class_of(ask(written(picture))) == 3


def test_light_on_dark_is_read(ask: Ask, three: Image.Image) -> None:
    """As on a blackboard."""
    assert class_of(ask(written(ImageOps.invert(three)))) == 3


@pytest.mark.parametrize("size", [(12, 12), (28, 28), (90, 60), (640, 480), (3000, 3000)])
def test_any_size_is_read(ask: Ask, three: Image.Image, size: tuple[int, int]) -> None:
    """Small as in the old collections, wide, or as a telephone's camera has it."""
    drawn = ImageOps.contain(three, size, Image.Resampling.BOX)
    assert class_of(ask(written(ImageOps.pad(drawn, size, color=255)))) == 3


@pytest.mark.parametrize("centre", [(0, 0), (1, 0), (0, 1), (1, 1), (0.5, 0.5)])
def test_it_may_lie_anywhere(ask: Ask, three: Image.Image, centre: tuple[float, float]) -> None:
    """Small in a corner of a large sheet."""
    sheet = ImageOps.pad(three, (700, 900), color=255, centering=centre)
    assert class_of(ask(written(sheet))) == 3


@pytest.mark.parametrize(("orientation", "turn"), [(3, 180), (6, 90), (8, 270)])
def test_a_camera_may_be_held_sideways(
    ask: Ask, three: Image.Image, orientation: int, turn: int
) -> None:
    """EXIF says how the picture is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert class_of(ask(written(three.rotate(turn, expand=True), "JPEG", exif=exif))) == 3


def test_dust_is_no_part_of_a_digit(ask: Ask, three: Image.Image) -> None:
    """A speck in a corner of the sheet does not make it smaller."""
    sheet = ImageOps.pad(three, (900, 900), color=255).resize((450, 450))
    sheet = ImageOps.expand(sheet, 225, fill=255)
    sheet.paste(0, (10, 10, 35, 35))
    assert class_of(ask(written(sheet))) == 3


def test_a_photograph_is_read(ask: Ask, three: Image.Image) -> None:
    """Dim light from one side, noise, dust and a blur."""
    rng = np.random.default_rng(0)
    sheet = np.asarray(ImageOps.pad(three, (640, 480), color=255), dtype=float) * 0.4 + 80
    light = np.linspace(1, 0.4, 640) + np.linspace(0.1, -0.1, 480)[:, None]
    seen = sheet * light + rng.normal(0, 6, sheet.shape)
    seen[rng.integers(0, 480, 40), rng.integers(0, 640, 40)] = 0
    picture = Image.fromarray(np.clip(seen, 0, 255).astype(np.uint8))
    assert class_of(ask(written(picture.filter(ImageFilter.GaussianBlur(1)), "JPEG"))) == 3


def test_held_out_digits_are_read_as_pictures(ask: Ask) -> None:
    """What is lost on the way from a picture to 8 x 8 dots is little."""
    data = load_digits()
    _, images, _, labels = train_test_split(
        data.images, data.target, test_size=0.2, random_state=0, stratify=data.target
    )
    pictures = [Image.fromarray(np.uint8(255 - image * 15)) for image in images[:100]]
    answers = [class_of(ask(written(each.resize((160, 160))))) for each in pictures]
    assert sum(np.equal(answers, labels[:100])) >= 93


def test_json_is_taken_too(url: str) -> None:
    """The file as base64, as the example has it, which both workers have answered."""
    (endpoint,) = httpx.get(url).json()["endpoints"]
    assert endpoint["path"] == "/predict"
    assert httpx.post(f"{url}/predict", json=endpoint["example"]).json()["class"] == 3


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"", "the file is empty"),
        (b"hello", "this is no picture"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "this is no picture"),
        (b"\x89PNG\r\n\x1a\n", "this is no picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "this is no picture"),
        (written(Image.new("L", (9, 9), 255)), "nothing is drawn"),
        (written(Image.new("RGBA", (9, 9), (0, 0, 0, 0))), "nothing is drawn"),
        (written(Image.new("L", (1, 1))), "nothing is drawn"),
        (written(Image.new("L", (9999, 1))), "too narrow"),
    ],
    ids=["empty", "text", "eps", "png-head", "jpeg-head", "white", "clear", "dot", "line"],
)
def test_what_is_no_drawing_is_422(ask: Ask, file: bytes, said: str) -> None:
    """And it says what it is."""
    assert said in detail_of(ask(file), 422)


def test_half_a_file_is_422(ask: Ask, three: Image.Image) -> None:
    """Of any format, wherever it was cut off."""
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        whole = written(three.convert("RGB"), kind)
        for share in (0.1, 0.5, 0.9):
            answer = ask(whole[: int(len(whole) * share)])
            assert answer.status_code == 422, (kind, share)


@pytest.mark.parametrize("size", [(5001, 5000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_not_unpacked(ask: Ask, size: tuple[int, int]) -> None:
    """The file's head says how large it is; there is nothing else in it."""
    head = struct.pack(">IIBBBBB", *size, 8, 0, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", b""), (b"IEND", b"")]
    chunks = [struct.pack(">I", len(body)) + kind + body for kind, body in parts]
    sums = [struct.pack(">I", zlib.crc32(kind + body)) for kind, body in parts]
    file = b"\x89PNG\r\n\x1a\n" + b"".join(map(bytes.__add__, chunks, sums))
    assert "more than 25,000,000 pixels" in detail_of(ask(file), 413)


def test_a_huge_file_is_413(ask: Ask) -> None:
    """Whatever is in it."""
    assert ask(bytes(16_777_217)).status_code == 413


def test_another_form_is_422(url: str) -> None:
    """The field is named."""
    url += "/predict"
    assert "/file" in detail_of(httpx.post(url, files={"picture": b"x"}), 422)
    assert "/file" in detail_of(httpx.post(url, json={"file": "not base64!"}), 422)
    assert detail_of(httpx.post(url, data={"file": "x"}), 415)
    assert detail_of(httpx.get(url), 405)


def test_browsers_get_the_page(url: str, digits: Path) -> None:
    """It is the file beside the notebook."""
    page = httpx.get(url, headers={"accept": "text/html"}).text
    assert page == (digits / FOLDER / "draw.html").read_text()


@pytest.fixture
def board(digits: Path) -> Iterator[str]:
    """Where TensorBoard shows the logs."""
    port = reserved_port()
    words = ["--logdir", "runs/logs", "--host", "127.0.0.1", "--port", str(port)]
    program = [sys.executable, "-m", "tensorboard.main"]
    found = Service(*words, cwd=digits, program=program)
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: status_of(url, found) == 200, 60)
        yield url
        found.stop()
        until(lambda: not found.family(), 10)
    finally:
        found.end()


def test_tensorboard_shows_the_training(board: str, digits: Path) -> None:
    """A run of its own, with curves, histograms, the network, its description and pictures."""
    card = json.loads((digits / "model/digits.json").read_text())
    run = card["log"].removeprefix("runs/logs/")

    def told(path: str, **query: str) -> Any:
        answer = httpx.get(f"{board}/data/plugin/{path}", params=query, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json() if "json" in answer.headers["content-type"] else answer.text

    until(lambda: len(told("scalars/tags").get(run, ())) == 3, 60)
    assert {*told("scalars/tags")[run]} == {"loss", "accuracy/held-out", "loss/held-out"}
    right = told("scalars/scalars", run=run, tag="accuracy/held-out")
    assert len(right) == card["parameters"]["epochs"]
    assert right[-1][2] == pytest.approx(card["metrics"]["accuracy"])
    layers = {f"{name}/layer-{number}" for name in ("weights", "biases") for number in (0, 1)}
    until(lambda: {*told("histograms/tags").get(run, ())} == layers, 60)
    assert len(told("histograms/histograms", run=run, tag="weights/layer-0")) > 10
    assert "layer-1/Softmax" in told("graphs/graph", run=run)
    assert {*told("images/tags")[run]} == {"variations", "confusion"}
    assert "MLPClassifier" in json.dumps(told("text/text", run=run, tag="model/text_summary"))
