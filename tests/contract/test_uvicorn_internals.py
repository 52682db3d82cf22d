"""What we use of uvicorn that its documentation does not promise."""

from __future__ import annotations

import asyncio
from typing import Any

import httptools
import pytest
import uvicorn
import uvicorn.protocols.http.httptools_impl as implementation
from support.insides import require, require_in_source, require_parameters
from uvicorn.protocols.http import flow_control
from uvicorn.server import ServerState


@pytest.fixture
def protocol() -> Any:
    """One connection's protocol, without a connection."""

    async def make() -> Any:
        config = uvicorn.Config(print, http="httptools", log_config=None)
        config.load()
        return implementation.HttpToolsProtocol(
            config=config, server_state=ServerState(), app_state={}
        )

    return asyncio.run(make())


def test_the_protocol_has_the_methods_that_we_replace_or_call(protocol: Any) -> None:
    """`BoundedProtocol` is uvicorn's own class with limits between its callbacks."""
    require(
        protocol,
        "_should_upgrade",
        "_start_asgi_task",
        "_unset_keepalive_if_required",
        "_unsupported_upgrade_warning",
        "connection_lost",
        "connection_made",
        "data_received",
        "handle_websocket_upgrade",
        "on_body",
        "on_header",
        "on_headers_complete",
        "on_message_begin",
        "on_message_complete",
        "on_response_complete",
        "pause_writing",
        "resume_writing",
        "shutdown",
        "timeout_keep_alive_handler",
    )


def test_the_protocol_has_the_state_that_we_share(protocol: Any) -> None:
    """What our callbacks set, uvicorn's read, and the other way round."""
    require(
        protocol,
        "access_logger",
        "app",
        "app_state",
        "asgi_version",
        "client",
        "cycle",
        "expect_100_continue",
        "flow",
        "headers",
        "logger",
        "loop",
        "parser",
        "pipeline",
        "scheme",
        "scope",
        "server",
        "server_state",
        "tasks",
        "timeout_keep_alive",
        "timeout_keep_alive_task",
        "transport",
    )
    require(implementation, "STATUS_LINE")


def test_a_cycle_takes_and_keeps_what_we_give_it() -> None:
    """`LoggedCycle` is uvicorn's own class; a request on the fast route is a cycle to it."""
    cycle = implementation.RequestResponseCycle
    require_parameters(
        cycle.__init__,
        "scope",
        "transport",
        "flow",
        "logger",
        "access_logger",
        "access_log",
        "default_headers",
        "message_event",
        "expect_100_continue",
        "keep_alive",
        "on_response",
    )
    for name in ("body", "disconnected", "more_body", "response_complete", "response_started"):
        require_in_source(cycle.__init__, f"self.{name}")
    require_in_source(cycle.send, r'b"connection: close\r\n"')  # of its own, when it drains


def test_the_flow_control_and_the_states_are_known() -> None:
    """Reading pauses by uvicorn's flow control; connections and tasks stand in its state."""
    require(flow_control, "HIGH_WATER_LIMIT")
    require(flow_control.FlowControl, "pause_reading", "resume_reading")
    require_in_source(flow_control.FlowControl, "self.read_paused", "self.write_paused")
    require(ServerState(), "connections", "default_headers", "tasks", "total_requests")


def test_the_configuration_has_what_our_server_loads() -> None:
    """Our server stands in for uvicorn's, with its configuration."""
    config = uvicorn.Config(print, log_config=None)
    config.load()
    require(config, "encoded_headers", "lifespan_class", "loaded_app", "timeout_keep_alive")
    require(config.lifespan_class(config), "should_exit", "shutdown", "startup", "state")


def test_the_parser_tells_what_we_ask() -> None:
    """It is httptools'."""
    require(httptools, "HttpParserError", "HttpParserUpgrade", "parse_url")
    require(
        httptools.HttpRequestParser,
        "feed_data",
        "get_http_version",
        "get_method",
        "should_keep_alive",
        "should_upgrade",
    )
