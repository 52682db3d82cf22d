"""Start a Jupyter kernel, see at once when it dies, and end it without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jupyter_client.connect import write_connection_file
from jupyter_client.manager import KernelManager

from runner.errors import ConfigurationError, RunnerError
from runner.processes import signal_name, wait_ended
from runner.run import jupyter_client_internals, kernelspecs
from runner.run.last_words import LastWords
from runner.run.private_folder import PrivateFolder
from runner.run.pulse import Pulse

if TYPE_CHECKING:
    from jupyter_client.asynchronous.client import AsyncKernelClient
    from jupyter_client.blocking.client import BlockingKernelClient
    from jupyter_client.kernelspec import KernelSpec

    from runner.processes import ForkedChild

log = logging.getLogger(__name__)

# Nothing of a run belongs in the user's IPython history. The session has its own in lists; a
# database in memory beside them, which nbclient has made, would take a MB and a thread. A notebook
# may ask for its name.
KERNEL_OPTIONS = {"HistoryManager": {"enabled": False, "hist_file": ":memory:"}}
_KERNEL_ARGUMENTS = [
    f"--{owner}.{name}={value}"
    for owner, values in KERNEL_OPTIONS.items()
    for name, value in values.items()
]
_CONFIGURATION = Path(__file__).with_name("output_pipe.py")
# A kernel reads one such file; one that its kernelspec names counts.
_EXTRA_CONFIGURATION = (
    "--config",
    "--BaseIPythonApplication.extra_config_file",
    "--IPKernelApp.extra_config_file",
)
_SHUTDOWN_WAIT = 2.0
_ANSWER_WAIT = 0.5
_ASK_EVERY = 0.1
# Seconds that the first message of output may come after the first answer; some kernels send none.
_OUTPUT_WAIT = 3.0
# Messages that may wait on our side of the output channel, and on the kernel's; the channel
# drops what is beyond. ZeroMQ has 1,000 for both, and a cell that flushes every line sends
# 10,000 in a second. On our side each may cost 8 KB, ZeroMQ's buffer; on the kernel's, 1 KB.
_RECEIVE_QUEUE = 4_000
SEND_QUEUE = 20_000
# An interrupt in a cell's first moments can get lost and the cell never reply.
_INTERRUPT_NOT_BEFORE = 0.05
_PR_SET_PDEATHSIG = 1  # from linux/prctl.h


class Kernel:
    """Own one kernel process from its start to its end.

    ``Kernel.start`` returns as soon as the process exists: the caller can import
    papermill while it boots. All else runs on the event loop that calls ``connect``.

    Attributes:
        pulse: Tells, of one that has something to do once it is up, whether it is there.
        setup_code: Code that is executed before all cells and leaves no trace in the record.
    """

    def __init__(
        self, manager: KernelManager, folder: PrivateFolder, words: LastWords | None = None
    ) -> None:
        self.manager = manager
        self._folder = folder
        self._words = words
        self.client = cast("AsyncKernelClient", manager.client())
        self.process: subprocess.Popen[bytes] | ForkedChild = jupyter_client_internals.process_of(
            manager
        )
        self.info: dict[str, Any] = {}
        self.busy_since = time.monotonic()
        self.setup_code = ""
        self._early_client: BlockingKernelClient | None = None
        self.pulse: Pulse | None = None
        self._oom_kills = _count_oom_kills()
        self._is_closed = self._was_interrupted = False

    @classmethod
    def start(
        cls,
        name: str,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
    ) -> Kernel:
        """Launch the process of a kernel, which ends with us at the latest.

        Args:
            name: A kernelspec's name, such as ``python3``.
            cwd: Its working folder; ours by default.
            env: Variables that it gets besides ours.
            pass_fds: Open files that it gets under their numbers.

        Raises:
            ConfigurationError: No kernel of this name is installed, or it cannot be started.
        """
        spec, words, folder = kernelspecs.read(name), LastWords(), PrivateFolder()
        manager = _manager(name, folder.path)
        manager.transport, manager.ip = kernelspecs.endpoint(spec, folder.path)
        with contextlib.ExitStack() as unless_started:
            unless_started.callback(folder.close)
            try:
                manager.start_kernel(
                    extra_arguments=_arguments(spec),
                    cwd=str(cwd or Path.cwd()),
                    env={**os.environ, **(env or {})},
                    pass_fds=tuple(pass_fds),
                    stdout=words.fd,
                    stderr=words.fd,
                    **_killed_with_us(),
                )
            except (OSError, ValueError) as error:  # such as a character that no argument may have
                raise ConfigurationError(f"kernel {name!r} cannot be started: {error}") from error
            finally:
                words.listen()
            unless_started.pop_all()
        return cls(manager, folder, words)

    @classmethod
    def from_fork(cls, name: str, folder: PrivateFolder, process: ForkedChild) -> Kernel:
        """Take over a kernel that was forked to listen in a folder of `prepare_fork`."""
        manager = _manager(name, folder.path)
        manager.load_connection_file()
        jupyter_client_internals.put_process(manager, process)
        return cls(manager, folder)

    @property
    def is_reachable(self) -> bool:
        """Tell whether one that nobody has connected to yet can be: its sockets may be swept."""
        return Path(self.manager.connection_file).exists()

    @property
    def pid(self) -> int:
        """The process's number, which is its process group's too."""
        return self.process.pid

    @property
    def has_our_python(self) -> bool:
        """Tell whether its Python is the one, and the environment, that we run in."""
        words = self.process.args
        first = str(words[0]) if isinstance(words, list | tuple) else ""
        return Path(first).parent == Path(sys.executable).parent

    @property
    def is_python(self) -> bool:
        """Tell whether a connected kernel executes Python, as it says itself."""
        return bool(self.info.get("language_info", {}).get("name") == "python")

    def run_when_up(self, code: str) -> None:
        """Have code executed as soon as the kernel is up, without a trace and without waiting."""
        from jupyter_client.blocking.client import BlockingKernelClient

        self._early_client = BlockingKernelClient()
        connection = self.manager.get_connection_info()
        self._early_client.load_connection_info(connection)
        self._early_client.start_channels(iopub=False, stdin=False, hb=False, control=False)
        self._early_client.execute(code, silent=True, store_history=False, allow_stdin=False)
        self.pulse = Pulse(self._early_client.context, dict(connection))

    async def connect(self) -> None:
        """Wait until the kernel answers and its output reaches us.

        The output channel is a subscription: it is live once a message came by it.
        The caller sets the deadline.
        """
        self.client.start_channels(hb=False, stdin=False)
        jupyter_client_internals.widen(self.client.iopub_channel, _RECEIVE_QUEUE)
        answer = asyncio.ensure_future(self.client.get_shell_msg())
        output = asyncio.ensure_future(self.client.get_iopub_msg())
        try:
            while not answer.done():
                self.request_info()
                await asyncio.wait({answer}, timeout=_ASK_EVERY)
            for _ in range(int(_OUTPUT_WAIT / _ASK_EVERY)):
                if output.done():
                    break
                self.request_info()
                await asyncio.wait({output}, timeout=_ASK_EVERY)
            self.info = dict(answer.result()["content"])
            self.forget_words()
            if self.setup_code:
                self.client.execute(self.setup_code, silent=True, store_history=False)
        finally:
            answer.cancel()
            output.cancel()

    def request_info(self) -> None:
        """Ask the kernel for a sign of life, which may be done while an answer is awaited."""
        self.client.kernel_info()
        jupyter_client_internals.notice_arrivals(self.client.shell_channel)

    async def answer_to(self, asked: str) -> dict[str, Any]:
        """Wait for the answer to a question, and drop those to earlier ones."""
        while (answer := await self.client.get_shell_msg())["parent_header"].get("msg_id") != asked:
            pass
        return dict(answer["content"])

    async def died(self) -> None:
        """Wait for the end of the process: by its pidfd, in milliseconds, on Linux."""
        await wait_ended(self.process)

    def death_reason(self) -> str:
        """Say how the process ended, as far as the system tells."""
        code = self.process.wait(timeout=1)
        if code >= 0:
            return f"the kernel (pid {self.pid}) exited with code {code}"
        by = f"the kernel (pid {self.pid}) was killed by {signal_name(-code)}"
        if code == -signal.SIGKILL and _count_oom_kills() > self._oom_kills:
            return f"{by}: out of memory"
        return by

    def last_words(self) -> str:
        """Quote what it wrote last to its stdout or stderr, if it did since it was last asked."""
        said = self._words.text() if self._words else ""
        return f"; its last words: {said}" if said else ""

    def begin_cell(self) -> None:
        """Note that a cell begins now."""
        self.busy_since = time.monotonic()
        self.forget_words()

    def forget_words(self) -> None:
        """Take what it wrote until now for no last words."""
        if self._words:
            self._words.forget()

    async def interrupt(self) -> None:
        """Interrupt the kernel in the way of its kernelspec, not before it can be heard."""
        await asyncio.sleep(self.busy_since + _INTERRUPT_NOT_BEFORE - time.monotonic())
        spec = self.manager.kernel_spec
        if spec is not None and spec.interrupt_mode == "message":
            self.client.control_channel.send(self.client.session.msg("interrupt_request"))
        else:
            self._signal_group(signal.SIGINT)
        self._was_interrupted = True
        self.request_info()  # a cell that awaits is cancelled by its loop, which may sleep

    def kill(self) -> None:
        """End the kernel and whatever it started, at once."""
        self._signal_group(signal.SIGKILL)

    async def shut_down(self) -> None:
        """Let the kernel end by itself for a moment, then end what is left of its group."""
        if self.process.poll() is None and self.info:
            if self._was_interrupted:  # an end before all that was asked is answered is an error
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self.answer_to(self.client.kernel_info()), _ANSWER_WAIT)
            self.client.shutdown()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.died(), _SHUTDOWN_WAIT)
        self.close()

    def close(self) -> None:
        """End the kernel without asking it; nothing happens the second time."""
        if self._is_closed:
            return
        self._is_closed = True
        self.kill()
        try:
            self.process.wait(timeout=_SHUTDOWN_WAIT)
        except subprocess.TimeoutExpired:  # much memory, or a driver, takes a while to let go
            log.warning("the kernel (pid %d) was killed, and is still ending", self.pid)
        self.client.stop_channels()
        if self.pulse is not None:
            self.pulse.close()
        if self._early_client is not None:
            self._early_client.stop_channels()
        self.manager.cleanup_resources()
        self._folder.close()

    def _signal_group(self, signum: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signum)


async def run_silently(kernel: Kernel, code: str) -> None:
    """Run code in a connected kernel that no cell, no history and no output shows.

    It runs in the notebook's namespace: let it bind no names there. Not while a cell runs.

    Raises:
        RunnerError: The code raised.
    """
    asked = kernel.client.execute(code, silent=True, store_history=False, stop_on_error=False)
    reply = await kernel.answer_to(asked)
    if reply["status"] != "ok":
        raise RunnerError(
            f"the kernel refused to prepare: {reply.get('ename')}: {reply.get('evalue')}"
        )


def prepare_fork(name: str) -> tuple[PrivateFolder, list[str]]:
    """Make the folder of a kernel that is to be forked, and the words of its command line."""
    folder = PrivateFolder()
    file = str(folder.path / "connection.json")
    transport, ip = kernelspecs.endpoint(kernelspecs.read(name), folder.path)
    write_connection_file(
        file,
        transport=transport,
        ip=ip,
        key=secrets.token_hex().encode(),
        kernel_name=name,
    )
    return folder, ["-m", "ipykernel_launcher", "-f", file, *_KERNEL_ARGUMENTS]


def _arguments(spec: KernelSpec) -> list[str]:
    """Give what a kernel is told besides its kernelspec, if it is one that knows these options."""
    if not kernelspecs.is_ipykernel(spec):
        return []
    has_its_own = any(word.startswith(_EXTRA_CONFIGURATION) for word in spec.argv)
    return _KERNEL_ARGUMENTS + ([] if has_its_own else [f"--config={_CONFIGURATION}"])


def _manager(name: str, folder: Path) -> KernelManager:
    return KernelManager(
        kernel_name=name,
        client_class="jupyter_client.asynchronous.client.AsyncKernelClient",
        connection_file=str(folder / "connection.json"),
    )


def _killed_with_us() -> dict[str, Callable[[], None]]:
    """Have the system kill the kernel when our thread ends, be it by kill -9; on Linux only."""
    if sys.platform != "linux":
        return {}
    prctl, our_pid = ctypes.CDLL(None).prctl, os.getpid()

    def follow() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != our_pid:  # we died before the kernel could ask for it
            os._exit(1)

    return {"preexec_fn": follow}


def _count_oom_kills() -> int:
    """Count the processes of our control group that the system killed for memory.

    Source: memory.events of cgroup v2; 0 where there is none.
    """
    try:
        group = Path("/proc/self/cgroup").read_text().split("::", 1)[1].strip().lstrip("/")
        events = (Path("/sys/fs/cgroup") / group / "memory.events").read_text()
    except (OSError, IndexError):
        return 0
    return sum(int(line.split()[1]) for line in events.splitlines() if line.startswith("oom_kill "))
