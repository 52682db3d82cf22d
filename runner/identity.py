"""Tell the kernel what it runs: the run, the notebook's hash and title, the model's hash.

The run writes them into the kernel's environment before any cell is executed; what is
served there reads them, for headers, pages and metrics. In plain Jupyter they are empty.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, MutableMapping

from runner.config import variable


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identity:
    """Say what is running; empty is what is not known.

    Attributes:
        run_id: The supervisor's name of the run.
        notebook_sha256: The hash of the notebook's file.
        notebook_title: Its first heading.
        model_sha256: The hash of the model that its parameter ``model_path`` names, or the first
            that it loads.
    """

    run_id: str = ""
    notebook_sha256: str = ""
    notebook_title: str = ""
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
