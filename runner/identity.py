"""Tell the kernel what it runs: the run, the notebook's hash and title, the model's hash.

The run writes them into the kernel's environment before any cell is executed; what is
served there reads them, for headers, pages and metrics. In plain Jupyter they are empty.

And say which of many replicas this is, so that what they leave in one place does not collide.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import os
import re
from collections.abc import Mapping, MutableMapping

from runner.config import setting, variable

_LONGEST_REPLICA = 32
_NOT_FOR_NAMES = re.compile(r"[^A-Za-z0-9]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """Say what is running; empty is what is not known.

    Attributes:
        run_id: The supervisor's name of the run.
        notebook_sha256: The hash of the notebook's file.
        notebook_title: Its first heading.
        notebook_introduction: Its first paragraph, as it was written: Markdown.
        model_sha256: The hash of the model that its parameter ``model_path`` names, or the first
            that it loads.
    """

    run_id: str = ""
    notebook_sha256: str = ""
    notebook_title: str = ""
    notebook_introduction: str = ""
    model_sha256: str = ""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Identity:
        """Take the ``RUNNER_*`` variables."""
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: environ.get(variable(name), "") for name in names})

    @classmethod
    def note_model(cls, sha256: str, environ: MutableMapping[str, str] = os.environ) -> None:
        """Say which model was read, in a run of which it is not known yet."""
        known = cls.from_environment(environ)
        if known.run_id and not known.model_sha256:
            environ[variable("model_sha256")] = sha256

    def setup_code(self) -> str:
        """Write the Python statement that puts this into a kernel's environment."""
        variables = {variable(name): value for name, value in dataclasses.asdict(self).items()}
        return f'__import__("os").environ.update({variables!r})'


def replica(environ: Mapping[str, str] = os.environ) -> str:
    """Name this machine among others, as what is left of its runs does: letters, digits and ``-``.

    It is ``RUNNER_REPLICA``, else the host's own name: in Kubernetes the pod's, in Docker the
    container's. Of a long name the end is kept, by which pods differ, and a digest of all of it.
    """
    import socket  # which takes longer than all else here, and most commands need none

    whole = setting("replica", "", environ) or socket.gethostname().partition(".")[0]
    name = _NOT_FOR_NAMES.sub("-", whole).strip("-") or "localhost"
    if len(name) <= _LONGEST_REPLICA:
        return name
    digest = hashlib.sha256(whole.encode()).hexdigest()[:6]
    return f"{digest}-{name[-(_LONGEST_REPLICA - 7) :].lstrip('-')}"


STAMP = "%Y%m%dT%H%M%S"
"""Write the start of a run, in UTC, as its id begins with it."""

_STAMP_LETTERS = 15

RUN_ID = r"\d{8}T\d{6}-(?:[A-Za-z0-9-]+-)?\d{4,}"
"""Match the id of a run, also one of before, which had no replica."""


def run_id(number: int, start: str) -> str:
    """Make the id of a run, so that ids sort by their starts, and no two replicas have the same.

    Args:
        number: Of the run in its service.
        start: When it was started, as ``20261129T000939``.
    """
    return f"{start}-{replica()}-{number:04d}"


def start_of(run: str) -> str:
    """Read from the id of a run when it was started, in ISO 8601; empty if it does not say so."""
    try:
        start = dt.datetime.strptime(run[:_STAMP_LETTERS], STAMP).replace(tzinfo=dt.UTC)
    except ValueError:
        return ""
    return start.isoformat(timespec="milliseconds")
