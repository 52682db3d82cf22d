"""Whose word on the port, the paths and the model counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.cli import clouds
from runner.config import variable
from runner.errors import ConfigurationError


def adopted(**environ: str) -> dict[str, str]:
    """Give what is ours after a platform has set these."""
    clouds.adopt(environ)
    ours = {variable(name): name for name in ("port", "ready-path", "predict-path")}
    return {ours[name]: text for name, text in environ.items() if name in ours}


def test_a_platform_s_port_means_all_addresses() -> None:
    """It sends from outside; without it nobody else is let in."""
    assert adopted(PORT="8080") == {"port": "8080"}
    assert clouds.host_for(8080, {"PORT": "8080"}) == "0.0.0.0"
    assert clouds.host_for(8081, {"PORT": "8080"}) == "127.0.0.1"
    assert adopted() == {}


def test_what_kubernetes_says_of_a_service_is_no_port() -> None:
    """Of one called `runner`, by what would be our own variable."""
    assert adopted(RUNNER_PORT="tcp://10.0.0.1:80") == {}
    assert adopted(RUNNER_PORT="tcp://10.0.0.1:80", PORT="8080") == {"port": "8080"}


def test_what_was_told_by_our_own_name_comes_first() -> None:
    """Then the platform that has a name of its own, then ``PORT``."""
    assert adopted(PORT="1", AIP_HTTP_PORT="2")["port"] == "2"
    assert adopted(PORT="1", RUNNER_PORT="3") == {"port": "3"}
    paths = {"AIP_HEALTH_ROUTE": "/h", "AIP_PREDICT_ROUTE": "/p", "RUNNER_READY_PATH": "/r"}
    assert adopted(**paths) == {"ready-path": "/r", "predict-path": "/p"}


@pytest.mark.parametrize("port", ["", "127.0.0.1:8000", "0", "65536", "tcp", "²"])
def test_a_port_that_no_platform_says_is_none(port: str) -> None:
    """The name is a common one, and means something else on many machines."""
    assert adopted(PORT=port) == {}


def test_instances_of_cloud_run_get_names_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """All their hosts are called alike."""
    monkeypatch.setattr("socket.gethostname", lambda: "localhost")
    environs = [{"K_SERVICE": "price", "K_REVISION": "price-00001"} for _ in range(2)]
    for environ in environs:
        clouds.adopt(environ)
    first, second = (environ[variable("replica")] for environ in environs)
    assert first != second
    assert first.startswith("price-00001-")


def test_a_folder_is_its_serve_ipynb_and_its_model(tmp_path: Path) -> None:
    """Unless the model's folder was told; a file is itself."""
    assert clouds.found(tmp_path, "") == (tmp_path / "serve.ipynb", str(tmp_path))
    assert clouds.found(tmp_path, "/m") == (tmp_path / "serve.ipynb", "/m")
    assert clouds.found(tmp_path / "a.ipynb", "") == (tmp_path / "a.ipynb", "")


def test_a_protocol_that_nobody_speaks_is_refused() -> None:
    """Before clients of it are sent here; another platform's word of that name is none."""
    with pytest.raises(ConfigurationError, match="grpc-v2"):
        clouds.refuse_grpc({"PROTOCOL": "grpc-v2"})
    for said in ("v1", "v2", "https", ""):
        clouds.refuse_grpc({"PROTOCOL": said})
