"""What we use of jupyter_client that its documentation does not promise."""

from __future__ import annotations

import inspect

import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.connect import write_connection_file
from jupyter_client.launcher import launch_kernel
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_client.session import Session
from support.insides import require, require_in_source, require_parameters


def test_a_manager_can_be_given_a_process_that_we_have_forked() -> None:
    """A kernel that was forked is put into the provisioner, as if it had been launched."""
    provisioner = LocalProvisioner(parent=KernelManager())
    require(provisioner, "process", "kernel_spec")
    require(KernelManager(), "provisioner", "cleanup_resources", "load_connection_file")
    require_parameters(write_connection_file, "fname", "transport", "ip", "key", "kernel_name")


def test_a_launch_takes_what_popen_takes() -> None:
    """Open files, and what has the kernel die with us, go through to ``subprocess``."""
    kinds = [given.kind for given in inspect.signature(launch_kernel).parameters.values()]
    assert inspect.Parameter.VAR_KEYWORD in kinds, "launch_kernel takes no pass_fds any more"
    require_in_source(LocalProvisioner.pre_launch, "extra_arguments")


def test_a_channel_shows_its_socket_and_session() -> None:
    """Messages are read past nbclient's one at a time, from the channel's own socket."""
    client = AsyncKernelClient()
    with zmq.asyncio.Context() as context, context.socket(zmq.SUB) as socket:
        require(client.iopub_channel_class(socket, Session(), None), "socket", "session")
    require(Session, "feed_identities", "deserialize")
    require_parameters(BlockingKernelClient.start_channels, "iopub", "stdin", "hb", "control")


def test_messages_are_numbered() -> None:
    """Lost messages are known by the gap in the numbers at the end of their ids."""
    session = Session()
    numbers = [session.msg("status")["header"]["msg_id"].rpartition("_") for _ in range(3)]
    assert len({sender for sender, _, _ in numbers}) == 1, numbers
    first = int(numbers[0][2])
    assert [int(number) for _, _, number in numbers] == [first, first + 1, first + 2]
