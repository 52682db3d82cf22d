"""What no fork survives, and what forked workers must not share.

None of the libraries for GPUs is installed here: small modules stand in for them.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runner.serving import fork_hazards

CUDA = SimpleNamespace(is_initialized=lambda: True)
IDLE = SimpleNamespace(is_initialized=lambda: False)
LIBRARIES = {
    "torch": (SimpleNamespace(cuda=CUDA), SimpleNamespace(cuda=IDLE, xpu=IDLE), "CUDA (torch)"),
    "jax._src.xla_bridge": (
        SimpleNamespace(_backends={"cpu": 0}),
        SimpleNamespace(_backends={}),
        "JAX",
    ),
    "tensorflow.python.eager.context": (
        SimpleNamespace(context_safe=lambda: SimpleNamespace(_initialized=True)),
        SimpleNamespace(context_safe=lambda: None),
        "TensorFlow",
    ),
    "cupy.cuda.driver": (
        SimpleNamespace(ctxGetCurrent=lambda: 4096),
        SimpleNamespace(ctxGetCurrent=lambda: 0),
        "CUDA (CuPy)",
    ),
}


@pytest.mark.parametrize("module", LIBRARIES)
def test_a_library_that_has_begun_survives_no_fork(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is only imported does; so does one that does not say it as we ask."""
    used, unused, said = LIBRARIES[module]
    for stand_in, expected in ((used, said), (unused, ""), (SimpleNamespace(), "")):
        monkeypatch.setitem(sys.modules, module, stand_in)  # type: ignore[arg-type]  # on purpose
        assert fork_hazards.what_no_fork_survives(tmp_path) == expected


@pytest.mark.parametrize(
    ("target", "is_gpu"),
    [
        ("/dev/nvidia0", True),
        ("/dev/nvidiactl", True),
        ("/dev/nvidia-uvm", True),
        ("/dev/kfd", True),
        ("/dev/dri/renderD128", True),
        ("/dev/null", False),
        ("socket:[4711]", False),
        ("/home/me/dev/nvidia0", False),
    ],
)
def test_an_open_device_tells_whichever_library_opened_it(
    tmp_path: Path, target: str, is_gpu: bool
) -> None:
    """It stays open for as long as there is anything on the device."""
    (tmp_path / "3").symlink_to(target)
    found = fork_hazards.what_no_fork_survives(tmp_path)
    assert found == (f"the GPU ({target} is open)" if is_gpu else "")


def test_what_is_open_here_says_nothing() -> None:
    """This process has no GPU."""
    assert fork_hazards.what_no_fork_survives() == ""


def test_a_database_in_a_file_is_named_while_it_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in memory is copied with the memory, and a closed one is nobody's."""
    monkeypatch.chdir(tmp_path)
    memory, file = sqlite3.connect(":memory:"), sqlite3.connect("data.db")
    file.execute("CREATE TABLE a (b)")
    assert fork_hazards.shared_connections() == ["SQLite in data.db"]
    file.close()
    assert fork_hazards.shared_connections() == []
    memory.close()


def test_a_connection_that_a_thread_uses_is_not_waited_for(
    tmp_path: Path,
) -> None:
    """Its query may take hours, and the workers are forked meanwhile."""
    has_begun, may_end = threading.Event(), threading.Event()

    def wait() -> None:
        has_begun.set()
        may_end.wait(30)

    used = sqlite3.connect(tmp_path / "data.db", check_same_thread=False)
    used.execute("CREATE TABLE a (b)")
    used.create_function("wait", 0, wait)
    querying = threading.Thread(target=used.execute, args=["SELECT wait()"])
    querying.start()
    assert has_begun.wait(30)
    try:
        assert fork_hazards.shared_connections() == [
            f"SQLite in {os.path.relpath(tmp_path / 'data.db')}"
        ]
        assert querying.is_alive()
    finally:
        may_end.set()
        querying.join()
        used.close()


class Connection:
    """A stand-in for one of psycopg."""

    closed = False


class Engine:
    """A stand-in for one of SQLAlchemy, whose pool holds a connection."""

    checked_in = 1
    url = SimpleNamespace(render_as_string=lambda hide_password: "postgresql://me:***@db/x")

    @property
    def pool(self) -> Any:
        return SimpleNamespace(checkedin=lambda: self.checked_in, checkedout=lambda: 0)


def test_connections_of_other_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without their passwords, and not when nothing is open."""
    monkeypatch.setitem(sys.modules, "psycopg", SimpleNamespace(Connection=Connection))  # type: ignore[arg-type]  # on purpose
    monkeypatch.setitem(sys.modules, "sqlalchemy.engine", SimpleNamespace(Engine=Engine))  # type: ignore[arg-type]  # likewise
    connection, engine = Connection(), Engine()
    said = ["SQLAlchemy to postgresql://me:***@db/x", "psycopg"]
    assert fork_hazards.shared_connections() == said
    connection.closed, engine.checked_in = True, 0
    assert fork_hazards.shared_connections() == []
