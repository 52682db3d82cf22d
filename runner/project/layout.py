"""Lay out a project: notebooks that train and serve, and what makes a container of them."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

from runner.project.image import IGNORED, Shown, dockerfile_here, image_of

_TEMPLATE = Path(__file__).with_name("template")
_FILES = {
    "train.ipynb": "train.ipynb",
    "serve.ipynb": "serve.ipynb",
    "README.md": "README.md",
    "gitignore": ".gitignore",
    "docker-compose.yml": "docker-compose.yml",
}
_NOTEBOOKS = (Path("serve.ipynb"), Path("train.ipynb"))
_REQUIREMENTS = "requirements.txt"


@dataclasses.dataclass(kw_only=True)
class Layout:
    """Hold what came of laying out a project.

    Attributes:
        written: The files that were written.
        kept: Those that were there, and stay as they are.
        remarks: What is to be said of the packages.
    """

    written: list[str] = dataclasses.field(default_factory=list)
    kept: list[str] = dataclasses.field(default_factory=list)
    remarks: tuple[str, ...] = ()

    def put(self, name: str, text: str) -> None:
        """Write a file of the working folder, unless something of its name is there."""
        try:
            with Path(name).open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            self.kept.append(name)
        else:
            self.written.append(name)


def lay_out(folder: Path) -> Layout:
    """Write a project's files into a folder; those that are there stay.

    Args:
        folder: The folder, which is made if it is not there.

    Raises:
        ConfigurationError: A notebook that is there cannot be put into an image.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = Layout()
    with contextlib.chdir(folder):
        for source, name in _FILES.items():
            found.put(name, (_TEMPLATE / source).read_text(encoding="utf-8"))
        before = image_of(_NOTEBOOKS)
        found.remarks = before.contents.packages.pins.remarks
        found.put(_REQUIREMENTS, before.text(Shown.REQUIREMENTS))
        image = image_of(_NOTEBOOKS)  # now by requirements.txt
        found.put(dockerfile_here(), image.text(Shown.DOCKERFILE))
        found.put(IGNORED, image.text(Shown.DOCKERIGNORE))
    return found
