"""A Jupyter server of its own over a folder, asked as JupyterLab asks it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

from support import Service, reserved_port, until
from support.lab_client import TOKEN, ask

PATH = "/notebook-runner/service"
VERSIONS = "/notebook-runner/versions"
COCKPIT = "/notebook-runner/cockpit"


class JupyterServer(Service):
    """Jupyter's server, or JupyterLab, with what is installed in this environment."""

    def __init__(self, folder: Path, program: str = "jupyter_server") -> None:
        self.port = reserved_port()
        words = (
            *("--allow-root", "--no-browser", f"--port={self.port}", "--ServerApp.port_retries=0"),
            *(f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={TOKEN}"),
        )
        if program == "jupyterlab":  # nobody's settings are read or written
            words += tuple(f"--LabApp.{name}_dir=.lab" for name in ("user_settings", "workspaces"))
        super().__init__(*words, cwd=folder, program=[sys.executable, "-m", program])

    def wait_up(self) -> None:
        """Wait until it answers."""

        def answers() -> bool:
            assert self.process.poll() is None, self.said()
            return ask(self.port, "/api", token=TOKEN)[0] == 200

        until(answers, 60)

    def state(self, notebook: str) -> dict[str, Any]:
        """What it says of a notebook."""
        status, state = ask(self.port, f"{PATH}?path={quote(notebook)}", token=TOKEN)
        assert status == 200, state
        return dict(state)

    def wait_for(self, notebook: str, state: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until it says that, and give what else it says then."""
        return dict(
            until(
                lambda: found if (found := self.state(notebook))["state"] == state else None,
                seconds,
            )
        )
