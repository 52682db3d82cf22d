"""Make out what an image of notebooks consists of, and show it as files."""

from __future__ import annotations

import dataclasses
import enum
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path, PurePath

from runner.errors import ConfigurationError
from runner.files import write_atomically
from runner.masking.values import without_passwords
from runner.notebook import document as notebook
from runner.notebook import script_metadata
from runner.notebook.document import Notebook
from runner.project import base_image, needs, signature
from runner.project.dockerfile import WHEELS, Contents, dockerfile, dockerignore
from runner.project.packages import Packages, packages_of
from runner.project.pins import environment
from runner.record.facts import title

_DOCKERFILES = ("Dockerfile", "dockerfile")  # in the order in which Docker looks
IGNORED = ".dockerignore"
_OF_A_VARIABLE = re.compile(r":\$\{\w+\}@")  # which pip replaces


class Shown(enum.StrEnum):
    """Tell what is shown of an image."""

    DOCKERFILE = "dockerfile"
    DOCKERIGNORE = "dockerignore"
    REQUIREMENTS = "requirements"
    SBOM = "sbom"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image:
    """Hold the contents of an image, and what is to be said of them."""

    contents: Contents
    remarks: tuple[str, ...]

    def text(self, what: Shown) -> str:
        """Show a part of it."""
        if what is Shown.DOCKERFILE:
            return signature.signed(dockerfile(self.contents))
        if what is Shown.DOCKERIGNORE:
            return signature.signed(dockerignore(self.contents))
        return self._requirements()

    def _requirements(self) -> str:
        """Show the pins in the form of requirements.txt."""
        found = self.contents.packages
        lines = [f"# From {found.source}."]
        if found.file:
            lines += [Path(found.file).read_text(encoding="utf-8", errors="replace").rstrip("\n")]
        lines += found.pins.asked
        lines += ["# What these need.", *found.pins.needed] if found.pins.needed else []
        return "\n".join(lines) + "\n"


def image_of(paths: Sequence[Path], *, base: str = "", serves: bool = True) -> Image:
    """Make out what an image of notebooks in the working folder consists of.

    Args:
        paths: The notebooks; the first is served, or executed, and the others are there as well.
        base: The image to build on; the slim one of Python unless given.
        serves: Whether it serves.

    Raises:
        ConfigurationError: Something is no notebook of Python in the working folder.
    """
    documents = [_read(path) for path in paths]
    first = documents[0]
    found = [needs.needs_of(each) for each in documents]
    blocks = [block for each in documents if (block := script_metadata.read(each))]
    python = base_image.python_of(base) or base_image.python_for(
        block.requires_python for block in blocks
    )
    packages = packages_of(
        documents,
        {name for each in found for name in each.imports},
        environment(python),
        serves=serves,
    )
    _refuse_passwords(packages)
    notebooks = tuple(dict.fromkeys(os.path.normpath(each.path) for each in documents))
    data = {path for each in found for path in each.data} - set(notebooks)
    modules = {path for each in found for path in each.modules}
    contents = Contents(
        base=base_image.with_digest(base or base_image.slim(python)),
        notebooks=notebooks,
        title=title(first) or first.path.stem,
        packages=packages,
        data=tuple(sorted(data)),
        modules=tuple(sorted(modules)),
        warmed=_warmed(documents, {PurePath(path).stem for path in modules}),
        has_wheels=any(Path(WHEELS).glob("*.whl")),
        kernel=first.kernel_name,
        serves=serves,
    )
    said = [remark for each in found for remark in each.remarks]
    return Image(contents=contents, remarks=tuple(dict.fromkeys((*said, *packages.pins.remarks))))


def _refuse_passwords(packages: Packages) -> None:
    """Let no password get into a dockerfile, or a file that an image keeps.

    Raises:
        ConfigurationError: The address of a package has one, and no variable in its place.
    """
    file = packages.file
    lines = Path(file).read_text("utf-8", "replace").splitlines() if file else []
    for line in (*packages.pins.asked, *packages.pins.needed, *lines):
        plain = _OF_A_VARIABLE.sub("@", line)
        if (shown := without_passwords(plain)) != plain:
            raise ConfigurationError(
                f"{shown.strip()}: the image would keep the secret in this address",
                hint="leave it out: pip finds it in a .netrc, which a build can mount as a secret",
            )


def _read(path: Path) -> Notebook:
    found = notebook.read(path)
    if not found.is_python:
        raise ConfigurationError(f"{path}: its language is {found.language}: only Python is known")
    if not path.resolve().is_relative_to(Path.cwd().resolve()):
        raise ConfigurationError(
            f"{path}: is outside of the working folder, which an image is built from",
            hint="start in the project's folder",
        )
    return dataclasses.replace(found, path=Path(os.path.relpath(path)))


def _warmed(documents: Sequence[Notebook], own: set[str]) -> tuple[str, ...]:
    """List what to import at the build: what each run imports first, but for one's own modules."""
    names = dict.fromkeys(name for each in documents for name in each.imports())
    left_out = {*own, *sys.stdlib_module_names, "runner"}
    return tuple(name for name in names if name.partition(".")[0] not in left_out)


def dockerfile_here() -> str:
    """Name the dockerfile of the working folder: the one that is there, or is to be."""
    there = {each.name for each in Path().iterdir()}
    return next((each for each in _DOCKERFILES if each in there), "dockerfile")


def write(image: Image, *, replaces: bool) -> list[str]:
    """Write the dockerfile and the .dockerignore into the working folder.

    Args:
        image: What they are for.
        replaces: Whether files that are not ours may be replaced.

    Returns:
        The files.

    Raises:
        ConfigurationError: One of them is there, is not ours, and may not be replaced.
    """
    texts = {
        dockerfile_here(): image.text(Shown.DOCKERFILE),
        IGNORED: image.text(Shown.DOCKERIGNORE),
    }
    for each in texts if not replaces else ():
        if Path(each).exists() and not signature.is_ours(Path(each)):
            raise ConfigurationError(
                f"{each}: is there, and is not as `runner image` has written it",
                hint="--force replaces it; without --write, what would be written is printed",
            )
    for each, text in texts.items():
        write_atomically(Path(each), text)
    return [*texts]
