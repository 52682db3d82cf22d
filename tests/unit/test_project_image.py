"""A printed dockerfile is sound, copies what is needed and no secret, and is known again."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support import write_notebook

from runner.doctor.dockerfile import Stage, read_dockerfile
from runner.doctor.examine import examine
from runner.errors import ConfigurationError
from runner.project import base_image
from runner.project.image import Image, Shown, image_of, write
from runner.project.sbom import sbom

LOADS = "from runner import load_model\nload_model('model/m.joblib')"
PYTHON_314 = "# /// script\n# requires-python = '>=3.14'\n# ///"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(base_image, "with_digest", lambda image: image)
    for name in ("model/m.joblib", "model/m.json", "nb/mine.py", "data/a b.csv", "data/.env"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()


def image(*cells: str, **given: Any) -> Image:
    source = cells or ("import numpy, mine", LOADS)
    return image_of([write_notebook(Path("nb/a.ipynb"), *source)], **given)


def stage(made: Image) -> Stage:
    Path("printed").mkdir(exist_ok=True)
    file = Path("printed/dockerfile")
    file.write_text(made.text(Shown.DOCKERFILE))
    (found,) = read_dockerfile(file).stages
    return found


def test_it_holds_the_doctors_rules() -> None:
    """And has a base by an argument, a user with a number, an init, a health check, a command."""
    found = stage(image())
    assert examine(Path("printed/dockerfile")) == []
    assert re.fullmatch(r"python:3\.\d+-slim", found.image)
    last = {word: one.value for word in ("USER", "CMD", "EXPOSE") if (one := found.last(word))}
    assert last == {"USER": "1000", "CMD": '["runner", "serve", "nb/a.ipynb"]', "EXPOSE": "8000"}
    assert {"HEALTHCHECK", "ENTRYPOINT"} <= {each.word for each in found.instructions}


def test_no_password_of_an_address_gets_into_an_image() -> None:
    """Neither into the dockerfile nor by a file that is copied; a variable in its place may."""
    asked = "mine @ git+https://bob:hunter2@example.org/mine.git"
    with pytest.raises(ConfigurationError, match=r"//\*\*\*@example") as told:
        image(f"# /// script\n# dependencies = ['{asked}']\n# ///\nimport mine")
    assert "hunter2" not in str(told.value)
    Path("requirements.txt").write_text("--index-url https://bob:hunter2@example.org/simple\n")
    with pytest.raises(ConfigurationError, match="the image would keep"):
        image()
    Path("requirements.txt").write_text("--index-url https://bob:${TOKEN}@example.org/simple\n")
    assert image()


def test_an_edited_notebook_makes_only_the_last_layer_anew() -> None:
    """It is copied last, and the packages are installed before anything of the project comes."""
    found = stage(image()).instructions
    assert found[-1].value == "--chown=1000:100 nb/a.ipynb nb/"
    words = [each.word for each in found if each.word in ("RUN", "COPY", "USER")]
    assert words == ["RUN", "RUN", "USER", "RUN", "COPY", "COPY", "COPY"]


def test_what_is_copied_is_let_in_and_nothing_else() -> None:
    """The .dockerignore begins with all, and ends with what is never let in."""
    made = image("import mine\nopen('data/a b.csv')", LOADS)
    copied = [each for each in stage(made).instructions if each.word == "COPY"]
    sources = {word for each in copied for word in each.words()[:-1]}
    assert sources == {"data/a b.csv", "model/m.joblib", "model/m.json", "nb/mine.py", "nb/a.ipynb"}
    lines = made.text(Shown.DOCKERIGNORE).splitlines()[1:]
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line[0] == "!"} == sources
    last = max(number for number, line in enumerate(lines) if line[0] == "!")
    assert {"**/.env", "**/*.pem", "**/*.key", "**/.git"} <= {*lines[last:]}


def test_a_job_neither_listens_nor_is_probed() -> None:
    """It executes its notebook once."""
    made = stage(image(serves=False))
    assert made.last("CMD").value == '["runner", "run", "nb/a.ipynb"]'  # type: ignore[union-attr] # there is one
    assert not {"HEALTHCHECK", "EXPOSE"} & {each.word for each in made.instructions}


def test_several_notebooks_share_an_image() -> None:
    """The first is served; what the others import is installed as well."""
    first = write_notebook(Path("nb/a.ipynb"), "import numpy")
    made = image_of([first, write_notebook(Path("nb/b.ipynb"), "import yaml")])
    assert made.contents.notebooks == ("nb/a.ipynb", "nb/b.ipynb")
    assert made.contents.warmed == ("numpy", "yaml")
    assert [each.value.split()[1] for each in stage(made).instructions[-2:]] == [
        "nb/b.ipynb",
        "nb/a.ipynb",
    ]


def test_wheels_are_taken_from_a_folder() -> None:
    """For what no index has."""
    Path("wheels").mkdir()
    Path("wheels/a-1-py3-none-any.whl").touch()
    made = image()
    assert "--find-links /tmp/wheels" in made.text(Shown.DOCKERFILE)
    assert "!wheels/*.whl" in made.text(Shown.DOCKERIGNORE)


def test_its_title_is_the_notebooks() -> None:
    """As a text, whatever stands in it."""
    path = write_notebook(Path("nb/a.ipynb"), "x = 1")
    document = json.loads(path.read_text())
    document["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": '# A "b" $C'})
    path.write_text(json.dumps(document))
    label = stage(image_of([path])).last("LABEL")
    assert label
    assert r'org.opencontainers.image.title="A \"b\" \$C"' in label.value


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ({"base": "python:3.12-alpine"}, "python:3.12-alpine"),
        ({"cells": (PYTHON_314,)}, "python:3.14-slim"),
    ],
)
def test_the_base_fits_what_is_asked_for(given: dict[str, Any], base: str) -> None:
    """One that is named, else the slim image of a Python that the notebook allows."""
    assert image(*given.pop("cells", ()), **given).contents.base == base


def test_a_digest_is_the_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is an engine, and a registry has given it; none is asked for a second one."""
    monkeypatch.undo()
    digest = f"@sha256:{'0' * 64}"

    def said(text: str) -> Any:
        return lambda *words, **options: subprocess.CompletedProcess(words, 0, stdout=text)

    monkeypatch.setattr(subprocess, "run", said(f"docker.io/python{digest}\n"))
    assert base_image.with_digest("python:3") == f"python:3{digest}"
    assert base_image.with_digest("a@b") == "a@b"
    monkeypatch.setattr(subprocess, "run", said("\n"))
    assert base_image.with_digest("python:3") == "python:3"

    def missing(*words: object, **options: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "run", missing)
    assert base_image.with_digest("python:3") == "python:3"


def test_what_somebody_has_changed_is_not_overwritten() -> None:
    """Ours is replaced; with one line more it is not ours, nor is a stranger's, and it stays."""
    made = image()
    assert write(made, replaces=False) == ["dockerfile", ".dockerignore"]
    assert write(made, replaces=False) == ["dockerfile", ".dockerignore"]
    with Path(".dockerignore").open("a") as file:
        file.write("!more\n")
    Path("dockerfile").unlink()
    with pytest.raises(ConfigurationError, match=r"\.dockerignore: is there"):
        write(made, replaces=False)
    assert not Path("dockerfile").exists()
    write(made, replaces=True)
    assert "!more" not in Path(".dockerignore").read_text()


def test_the_name_that_is_there_is_taken() -> None:
    """Docker reads Dockerfile first, so that another beside it would not be seen."""
    Path("Dockerfile").write_text("FROM mine\n")
    with pytest.raises(ConfigurationError, match="Dockerfile: is there"):
        write(image(), replaces=False)
    assert write(image(), replaces=True)[0] == "Dockerfile"


def test_only_python_of_this_folder() -> None:
    """The folder is what the engine gets."""
    write_notebook(Path("nb/a.ipynb"), "x = 1")
    outside = write_notebook(Path("../outside.ipynb"), "x = 1")
    with pytest.raises(ConfigurationError, match="outside of the working folder"):
        image_of([outside])
    document = json.loads(Path("nb/a.ipynb").read_text())
    document["metadata"]["kernelspec"]["language"] = "R"
    Path("nb/r.ipynb").write_text(json.dumps(document))
    with pytest.raises(ConfigurationError, match="only Python"):
        image_of([Path("nb/r.ipynb")])


def test_pins_alone_are_a_requirements_file() -> None:
    """One that this command itself then takes up."""
    text = image().text(Shown.REQUIREMENTS)
    Path("requirements.txt").write_text(text)
    again = image()
    assert again.contents.packages.source == "requirements.txt"
    assert again.contents.packages.pins.asked == ()
    assert again.remarks == ()
    assert text in again.text(Shown.REQUIREMENTS)


def test_the_sbom_lists_what_is_installed() -> None:
    """In CycloneDX's form: each with its version and address, once."""
    found = json.loads(sbom())
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    names = [each["purl"] for each in found["components"]]
    assert len(names) == len(set(names))
    assert any(name.startswith("pkg:pypi/scikit-learn@") for name in names)
