"""Show in JupyterLab what becomes of the notebooks that are open there, and take orders for them.

In come questions of JupyterLab's extension, whose sources are in `labextension/` and which lies
built in `data/`; out go questions on the control sockets of supervisors, and `runner serve`, which
goes on when Jupyter ends. It is imported by Jupyter's server, and by nothing of ours.
A change must not break: who asks has passed Jupyter's own checks; a path leads nowhere but below
the server's root folder; Jupyter's loop waits for no disk, no process and no socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jupyter_server.serverapp import ServerApp


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Say what Jupyter's server is to load; it asks by this name."""
    return [{"module": "runner.lab"}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Add our paths to Jupyter's server, which calls this by its name."""
    from runner.lab.routes import add_to

    add_to(server)
