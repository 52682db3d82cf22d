"""The contracts of platforms that run containers, each played with a real process."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from support import ROOT, RUNNER, Service, reserved_port
from support.platforms import CONTRACTS, Start, write_service


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Where the service is started: elsewhere than its notebook."""
    write_service(tmp_path / "brought")
    (tmp_path / "started").mkdir()
    return tmp_path / "started"


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.__name__)
def test_a_platform_s_contract_is_kept(
    contract: Callable[[Start], None],
    start: type[Service],
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It asks as the platform does, at the address that it has named, and ends it by SIGTERM."""
    programs = {
        "runner": RUNNER,
        "serve": ["sh", str(ROOT / "deploy/sagemaker/serve")],
    }
    brought, port = project.parent / "brought", reserved_port()

    def here(text: str, folder: str) -> str:
        return text.format(folder=brought).replace(folder, str(brought)).replace("8080", str(port))

    @contextlib.contextmanager
    def begin(words: list[str], variables: Mapping[str, str], folder: str, _: int) -> Iterator[int]:
        for name, text in variables.items():
            monkeypatch.setenv(name, here(text, folder))
        if words == ["serve"]:
            monkeypatch.setenv("RUNNER_MODEL_FOLDER", str(brought))
        program, *rest = words
        given = [here(word, folder) for word in rest]
        service = start(*given, "--no-standby", program=programs[program])
        yield port
        assert service.stop(signal.SIGTERM) == 0, service.said()

    monkeypatch.setenv("PATH", f"{Path(RUNNER[0]).parent}{os.pathsep}{os.environ['PATH']}")
    contract(begin)
