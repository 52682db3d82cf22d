"""Write the dockerfile of an image, and its .dockerignore.

What seldom changes comes first, and the notebook last: an edited notebook makes one layer anew.
What is the same in the repository's own dockerfile is held to it by a test.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Iterable
from pathlib import PurePath

from runner.masking.file_names import SECRETS
from runner.project.needs import LEFT_OUT
from runner.project.packages import Packages

HOME = "/home/jovyan"
SBOM = "/usr/local/share/sbom/python.cdx.json"
WHEELS = "wheels"
_REQUIREMENTS = "/tmp/requirements.txt"  # noqa: S108 - of an image that is being built
_PREPARED = f"""\
RUN apt-get update && apt-get install -y --no-install-recommends tini \\
    && apt-get clean && rm -rf /var/lib/apt/lists/* \\
    && useradd --create-home --uid 1000 --gid users jovyan && chmod 755 {HOME}"""
_PIP = "pip install --no-cache-dir --disable-pip-version-check"
_PROBED = 'HEALTHCHECK --interval=5s --timeout=3s --start-period=60s CMD ["runner", "probe"]'
_ENTERED = 'ENTRYPOINT ["tini", "-g", "--"]'
# A slim image's Python has no bytecode of its own modules, and its user may not write any.
_COMPILED = """\
python -m compileall -q -x '(site|dist)-packages|/test/' \\
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')\""""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contents:
    """Hold what an image is made of; paths are as seen from the folder that it is built in.

    Attributes:
        base: The image that it is built on.
        notebooks: The notebooks; the first is served, or executed.
        title: What it is called.
        packages: What is installed.
        data: Files and folders that the notebooks need.
        modules: Likewise, of code.
        warmed: Modules that are imported once while it is built.
        has_wheels: Whether a folder of wheels is there, for packages that no index has.
        kernel: The name of the kernel that the notebook asks for.
        serves: Whether it serves the notebook, and does not only execute it.
    """

    base: str
    notebooks: tuple[str, ...]
    title: str
    packages: Packages
    data: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    warmed: tuple[str, ...] = ()
    has_wheels: bool = False
    kernel: str = "python3"
    serves: bool = True


def dockerfile(contents: Contents) -> str:
    """Write the dockerfile."""
    parts = [
        *_begin(contents),
        *_installed(contents),
        *_user(contents),
        *_copied(contents.data, "What the notebook names that is here: models, data."),
        *_copied(contents.modules, "What it imports of your own."),
        *_end(contents),
    ]
    return "\n".join(parts) + "\n"


def _begin(contents: Contents) -> list[str]:
    name = PurePath(contents.notebooks[0]).stem.lower()
    port = " --publish 127.0.0.1:8000:8000" if contents.serves else ""
    return [
        f'#   docker build --tag {name} --build-arg REVISION="$(git rev-parse HEAD)" .',
        f"#   docker run{port} {name}",
        f"ARG BASE_IMAGE={contents.base}",
        "FROM ${BASE_IMAGE}",
        "# hadolint ignore=DL3008",
        f"{_PREPARED} \\",
        f"    && {_COMPILED}",
        f"WORKDIR {HOME}",
    ]


def _installed(contents: Contents) -> list[str]:
    packages = contents.packages
    lines = [f"# From {packages.source}."]
    words = _PIP
    if contents.has_wheels:
        lines.append(f"COPY {WHEELS} /tmp/{WHEELS}/")
        words += f" --find-links /tmp/{WHEELS}"
    commands = []
    if packages.file:
        lines.append(f"COPY {_json([packages.file, _REQUIREMENTS])}")
        commands.append(f"{words} --requirement {_REQUIREMENTS}")
    if names := (*packages.pins.asked, *packages.pins.needed):
        commands.append(" \\\n        ".join([words, *map(shlex.quote, names)]))
    commands += [
        f"mkdir -p {PurePath(SBOM).parent}",
        f"runner image --show sbom >{SBOM}",
        *(_kernel(contents.kernel)),
    ]
    return [*lines, "RUN " + " \\\n    && ".join(commands)]


def _kernel(name: str) -> Iterable[str]:
    if name != "python3":
        yield f"python -m ipykernel install --sys-prefix --name {shlex.quote(name)}"


def _user(contents: Contents) -> list[str]:
    commands = ["mkdir -p model runs"]
    if contents.warmed:
        imported = f"import {', '.join(contents.warmed)}"
        commands.append(f"python -c {shlex.quote(imported)}")
    return [
        "USER 1000",
        "# What is imported is imported once, so that a fault shows here and caches are filled.",
        "RUN " + " \\\n    && ".join(commands),
    ]


def _copied(paths: tuple[str, ...], said: str) -> list[str]:
    """Copy folders, and the files of each folder at once."""
    files: dict[str, list[str]] = {}
    for path in (path for path in paths if not path.endswith("/")):
        files.setdefault(f"{PurePath(path).parent}/", []).append(path)
    folders = [_copy(path, path) for path in paths if path.endswith("/")]
    copies = [*folders, *(_copy(*each, folder) for folder, each in files.items())]
    return [f"# {said}", *copies] if copies else []


def _copy(*words: str) -> str:
    return f"COPY --chown=1000:100 {_json(words)}"


def _json(words: Iterable[str]) -> str:
    plain = [*words]
    is_plain = all(shlex.quote(word) == word for word in plain)
    return " ".join(plain) if is_plain else json.dumps(plain, ensure_ascii=False)


def _end(contents: Contents) -> list[str]:
    name, _, digest = contents.base.partition("@")
    labels = {
        "org.opencontainers.image.title": contents.title,
        "org.opencontainers.image.base.name": name,
        **({"org.opencontainers.image.base.digest": digest} if digest else {}),
        "runner.sbom": SBOM,
    }
    shown = [f"{key}={_quoted(value)}" for key, value in labels.items()]
    shown.append('org.opencontainers.image.revision="${REVISION}"')
    first, *others = contents.notebooks
    command = ["runner", "serve" if contents.serves else "run", first]
    served = ["ENV RUNNER_HOST=0.0.0.0", "EXPOSE 8000", _PROBED] if contents.serves else []
    return [
        *served,
        _ENTERED,
        f"CMD {json.dumps(command, ensure_ascii=False)}",
        "ARG REVISION=",
        "LABEL " + " \\\n    ".join(shown),
        "# Last, since it changes most: nothing above is built anew for it.",
        *(_copy(each, f"{PurePath(each).parent}/") for each in (*others, first)),
    ]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("$", "\\$")


def dockerignore(contents: Contents) -> str:
    """Write the .dockerignore: nothing is sent to the engine but what the dockerfile copies."""
    let_in = [*contents.data, *contents.modules, *contents.notebooks]
    let_in += [contents.packages.file] if contents.packages.file else []
    let_in += [f"{WHEELS}/*.whl"] if contents.has_wheels else []
    kept_out = [*SECRETS, *LEFT_OUT, "*.py[co]"]
    return "\n".join(
        [
            "*",
            *(f"!{path.rstrip('/')}" for path in let_in),
            "# Never, whatever is let in above: secrets, and what is made anew.",
            *(f"**/{name}" for name in kept_out),
            "",
        ]
    )
