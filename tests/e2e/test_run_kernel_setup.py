"""The set-up keeps a kernel small, and nobody sees that it ran."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runner.errors import RunnerError
from runner.run import kernel_setup
from runner.run.kernel import Kernel, run_silently

Ask = Callable[..., dict[str, Any]]

# What a cell prints stays in this mapping, if nothing is done about it.
KEPT = "sum(len(str(output.bundle)) for kept in history.outputs.values() for output in kept)"


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Run cells in a new kernel, and evaluate expressions in it after them."""

    def ask(*cells: str, prepared: bool = True, **expressions: str) -> dict[str, Any]:
        async def answered() -> dict[str, Any]:
            with contextlib.closing(Kernel.start("python3", tmp_path)) as kernel:
                await kernel.connect()
                if prepared:
                    await kernel_setup.set_up_kernel(kernel)
                for cell in cells:
                    await kernel.client.execute_interactive(
                        cell, allow_stdin=False, output_hook=lambda _: None
                    )
                asked = kernel.client.execute("", user_expressions=expressions)
                found = (await kernel.answer_to(asked))["user_expressions"]
            return {name: eval(found[name]["data"]["text/plain"]) for name in found}

        return asyncio.run(asyncio.wait_for(answered(), 60))

    return ask


PRINTS = "history = get_ipython().history_manager\nfor number in range(20_000): print(number)"


def test_ipython_would_keep_what_is_printed(ask: Ask) -> None:
    """If this fails, IPython has mended its leak, and the set-up can go."""
    assert ask(PRINTS, "", prepared=False, kept=KEPT)["kept"] > 100_000


def test_nothing_printed_is_kept_in_the_kernel(ask: Ask) -> None:
    """Neither the cell that is running nor an earlier one leaves its lines in memory."""
    assert ask(PRINTS, f"{PRINTS}\nwhile_running = {KEPT}", kept="while_running") == {"kept": 0}


def test_ipythons_other_path_is_closed_too(ask: Ask) -> None:
    """Whatever writes into the history's mapping of outputs, it stays empty."""
    fill = "history = get_ipython().history_manager\nhistory.outputs[1].append(1)\n"
    more = "history.outputs.setdefault(2, []).append(2)\nassert 1 not in history.outputs\n1"
    assert ask(fill + more, number="len(history.outputs)") == {"number": 0}


def test_a_kernel_behind_a_wrapper_leaves_no_history(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It got none of IPython's options, and the user's history gets nothing all the same."""
    monkeypatch.setattr("runner.run.kernel._KERNEL_ARGUMENTS", [])
    assert ask("1", is_kept="get_ipython().history_manager.enabled") == {"is_kept": False}


def test_the_channel_has_more_room(ask: Ask) -> None:
    """The kernel's side of the output channel no longer drops what exceeds 1,000 messages."""
    expression = "get_ipython().kernel.iopub_thread.socket.sndhwm"
    assert ask(number=expression)["number"] > 1000


def test_nobody_sees_that_it_ran(ask: Ask) -> None:
    """No name is bound, no history line added, and the first cell is still In[1]."""
    user = "sorted(set(get_ipython().user_ns) - set(get_ipython().user_ns_hidden))"
    shown = ask("seen = 1", names=user, lines="In")
    assert ask("seen = 1", prepared=False, names=user, lines="In") == shown
    assert "seen" in shown["names"]


def test_results_and_displays_work_as_ever(ask: Ask) -> None:
    """The caches that notebooks use, ``_`` and ``Out``, are untouched."""
    assert ask("6 * 7", last="_", out="Out[1]") == {"last": 42, "out": 42}


SLOW_TO_END = """
import sys, threading, time


def flush_late():
    if threading.current_thread().name == "Control":
        time.sleep(0.3)
    flush()


loop, flush = get_ipython().kernel.iopub_thread.io_loop, sys.stdout.flush
close = loop.close
loop.close = lambda **words: (time.sleep(0.6), close(**words))
sys.stdout.flush = flush_late
"""


@pytest.mark.parametrize(("is_prepared", "code"), [(True, 0), (False, -signal.SIGKILL)])
def test_it_ends_by_itself(
    tmp_path: Path, is_prepared: bool, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that flushes the output ends before the one that carries it, however slow.

    If the second case fails, ipykernel has mended its ending, and this part of the set-up can go.
    """
    if is_prepared:  # else it would only wait for longer
        monkeypatch.setattr("runner.run.kernel._SHUTDOWN_WAIT", 30.0)

    async def shut_down() -> int:
        with contextlib.closing(Kernel.start("python3", tmp_path)) as kernel:
            await kernel.connect()
            if is_prepared:
                await kernel_setup.set_up_kernel(kernel)
            await run_silently(kernel, kernel_setup.leaving_no_names(SLOW_TO_END))
            await kernel.shut_down()
            return kernel.process.wait(1)

    assert asyncio.run(asyncio.wait_for(shut_down(), 60)) == code


def test_code_that_raises_is_reported(tmp_path: Path) -> None:
    """Whoever prepares a kernel hears that it failed, and why."""

    async def fail() -> None:
        with contextlib.closing(Kernel.start("python3", tmp_path)) as kernel:
            await kernel.connect()
            await run_silently(kernel, kernel_setup.leaving_no_names("x = 1"))
            await run_silently(kernel, "x")

    with pytest.raises(RunnerError, match="NameError: name 'x' is not defined"):
        asyncio.run(asyncio.wait_for(fail(), 60))


def test_another_language_is_left_alone() -> None:
    """A kernel that is not Python's is sent nothing."""

    class Julia:
        is_python = False

    asyncio.run(kernel_setup.set_up_kernel(Julia()))  # type: ignore[arg-type]  # it has no client to send by
