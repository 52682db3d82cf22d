"""Many clients, one call: who is together, who is alone, who waits, and who is refused."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support import until

from runner.predict import batching
from runner.predict.batching import Batcher
from runner.predict.endpoints import Endpoint
from runner.predict.pending_prediction import Prediction
from runner.predict.problem_error import ProblemError
from runner.predict.schema import TextSchema
from runner.telemetry.request_trace import RequestTrace
from runner.traffic.counters import Counters

FULL = 4


class Clock:
    """Seconds that pass when told."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Timer:
    """What `call_at` gives."""

    def __init__(self, when: float, act: Callable[[], None]) -> None:
        self.when, self.act, self.is_cancelled = when, act, False

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """A loop whose turns are taken by hand."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.timers: list[Timer] = []
        self.from_threads: list[Callable[[], None]] = []

    def call_soon(self, act: Any, *given: Any) -> None:
        self.soon.append(lambda: act(*given))

    def call_soon_threadsafe(self, act: Any, *given: Any) -> None:
        self.from_threads.append(lambda: act(*given))

    def call_at(self, when: float, act: Any, *given: Any) -> Timer:
        self.timers.append(Timer(when, lambda: act(*given)))
        return self.timers[-1]

    def turn(self) -> None:
        """Run what was left to the next turn."""
        taken, self.soon = self.soon, []
        for act in taken:
            act()

    def take_back(self) -> None:
        """Wait for a thread, and hear it."""
        until(lambda: self.from_threads, 5)
        self.from_threads.pop(0)()


class Client:
    """A waiter that notes what it was told."""

    def __init__(self, deadline: float | None = None, since: float = 100.0) -> None:
        self.since, self.deadline = since, deadline
        self.told: list[Any] = []
        self.has_left, self.trace = False, None

    def known_trace(self) -> None:
        return None

    def named(self) -> RequestTrace:
        return RequestTrace()

    @property
    def is_complete(self) -> bool:
        return self.has_left or bool(self.told)

    def resolve(self, result: Any, queued: float, timing: bytes) -> None:
        self.told.append((result, b"queue;dur=%.3f%b" % (queued, timing)))

    def reject(self, problem: ProblemError) -> None:
        self.told.append(problem.status)

    @property
    def result(self) -> Any:
        ((result, _),) = self.told
        return result


class Model:
    """Ten times a number; it notes its calls, and passes the time that it is told to take."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.calls: list[list[Any]] = []
        self.takes = 0.0
        self.may_go = threading.Event()
        self.may_go.set()

    def __call__(self, items: Sequence[Any]) -> Sequence[Any]:
        assert self.may_go.wait(5)
        self.calls.append(list(items))
        self.clock.now += self.takes
        if "bad" in items:
            raise ValueError("a bad row")
        return [item * 10 for item in items]


class Bench:
    """A batcher with all that it stands on."""

    def __init__(self, **settings: Any) -> None:
        self.clock, self.loop = Clock(), Loop()
        self.model = settings.pop("predict", None) or Model(self.clock)
        self.counters = Counters(["iris"], 1)
        most_waiting = settings.pop("most_waiting", 8)
        self.batcher = Batcher(
            endpoint(self.model, **settings),
            loop=self.loop,  # type: ignore[arg-type] # all that it needs
            counters=self.counters,
            most_waiting=most_waiting,
            clock=self.clock,
        )

    def ask(self, item: Any, client: Client | None = None, **how: Any) -> Client:
        client = client or Client()
        client.item = item
        self.batcher.submit(client, **how)
        return client

    def become_slow(self) -> None:
        self.model.takes = 1.0
        self.ask(0, clients=1)
        self.model.calls.clear()
        assert self.batcher.is_slow


def endpoint(predict: Any, max_batch: int = FULL, **more: Any) -> Endpoint:
    return Endpoint(
        name="iris",
        path="/",
        schema=TextSchema(),
        predict=predict,
        encode=str.encode,
        max_batch=max_batch,
        **more,
    )


def test_who_is_alone_is_answered_at_once() -> None:
    """A lone client waits for no turn of the loop, and for no thread."""
    bench = Bench()
    assert bench.ask(1, clients=1).result == 10
    assert bench.loop.soon == []


def test_who_is_alone_and_too_late_is_not_asked_about() -> None:
    """The body may have come in pieces, over a long time."""
    bench = Bench()
    assert bench.ask(1, Client(deadline=99.0), clients=1).told == [504]
    assert bench.model.calls == []


def test_when_all_clients_wait_nobody_else_can_come() -> None:
    """Then no further turn of the loop is waited for; the look that was planned finds nothing."""
    bench = Bench()
    first = bench.ask(1, clients=2)
    assert bench.model.calls == []
    second = bench.ask(2, clients=2)
    assert (first.result, second.result) == (10, 20)
    third = bench.ask(3, clients=2)
    assert bench.model.calls == [[1, 2]]
    bench.loop.turn()
    bench.loop.turn()
    assert bench.model.calls == [[1, 2], [3]]
    assert third.result == 30
    assert bench.loop.soon == []


def test_what_comes_in_one_turn_goes_into_one_call() -> None:
    """Each gets its own result; the call begins when a turn has added nothing."""
    bench = Bench()
    first, second = bench.ask(1), bench.ask(2)
    bench.loop.turn()
    third = bench.ask(3)
    bench.loop.turn()
    assert bench.model.calls == []
    bench.loop.turn()
    assert bench.model.calls == [[1, 2, 3]]
    assert [client.result for client in (first, second, third)] == [10, 20, 30]
    assert bench.loop.soon == []


def test_a_full_call_does_not_wait_for_the_turn_to_end() -> None:
    """There is no use in waiting for more than one call takes."""
    bench = Bench()
    for item in range(FULL + 1):
        bench.ask(item)
    assert bench.model.calls == [[0, 1, 2, 3]]
    bench.loop.turn()
    bench.loop.turn()
    assert bench.model.calls[1:] == [[4]]


def test_an_endpoint_may_refuse_to_be_batched() -> None:
    """With ``max_batch`` 1 each item has a call of its own, at once."""
    bench = Bench(max_batch=1)
    bench.ask(1)
    bench.ask(2)
    assert bench.model.calls == [[1], [2]]


def test_times_are_told_apart() -> None:
    """A client learns how long it waited, and how long its call took."""
    bench = Bench()
    bench.model.takes = 0.25
    client = bench.ask(1, Client(since=99.5), clients=1)
    assert client.told == [(10, b"queue;dur=500.000, predict;dur=250.000")]
    assert bench.counters.total()["iris"].call_seconds == 0.25


def test_behind_a_call_that_never_ends_all_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits, and whoever comes: this worker is to be replaced."""
    monkeypatch.setattr(batching, "_GRACE", 0.01)
    may_end = threading.Event()

    async def asked() -> None:
        loop = asyncio.get_running_loop()
        batcher = Batcher(
            endpoint(lambda items: may_end.wait(20) and items),
            loop=loop,
            counters=Counters(["iris"], 1),
            most_waiting=8,
            timeout=0.01,
        )
        called, waiting, late = (Client(since=loop.time()) for _ in range(3))
        for client in (called, waiting):
            client.item = 1
            batcher.submit(client, clients=1)
        async with asyncio.timeout(20):
            while not batcher.is_stuck:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.01)
        batcher.submit(late, clients=1)
        assert [client.told for client in (called, waiting, late)] == [[504], [503], [503]]
        may_end.set()
        batcher.close()

    asyncio.run(asked())


def test_slow_calls_leave_the_loop_free() -> None:
    """After a slow call the next is made in a thread, and what comes meanwhile makes one call."""
    bench = Bench()
    bench.become_slow()
    bench.model.may_go.clear()
    first = bench.ask(1, clients=1)
    rest = [bench.ask(item) for item in (2, 3, 4)]
    assert first.told == []
    bench.model.may_go.set()
    bench.loop.take_back()
    assert first.result == 10
    bench.loop.take_back()
    assert bench.model.calls == [[1], [2, 3, 4]]
    assert [client.result for client in rest] == [20, 30, 40]
    bench.batcher.close()


def test_calls_return_to_the_loop_when_they_are_quick_again() -> None:
    """One slow call does not cost all later ones a thread; and not each moment decides anew."""
    bench = Bench()
    bench.become_slow()
    bench.model.takes = 0.0
    calls = 0
    while bench.batcher.is_slow:
        bench.ask(1, clients=1)
        bench.loop.take_back()
        calls += 1
    assert calls > 10
    assert bench.ask(1, clients=1).result == 10
    bench.batcher.close()


def test_more_than_a_call_takes_is_called_for_in_turn() -> None:
    """What a slow call has let gather is not forgotten when calls are quick again."""
    bench = Bench()
    bench.become_slow()
    bench.model.may_go.clear()
    clients = [bench.ask(item, clients=1) for item in range(1 + 2 * FULL)]
    bench.batcher._mean_seconds, bench.model.takes = 0.0, 0.0
    bench.model.may_go.set()
    bench.loop.take_back()
    if not all(client.told for client in clients):
        bench.loop.take_back()
    assert [client.result for client in clients] == [item * 10 for item in range(1 + 2 * FULL)]
    bench.batcher.close()


def test_a_bad_row_fails_alone(caplog: pytest.LogCaptureFixture) -> None:
    """A call that fails is made again row by row; the log says what the author's code raised."""
    bench = Bench()
    clients = [bench.ask(item) for item in (1, "bad", 3, 4)]
    assert clients[1].told == [500]
    assert [clients[each].result for each in (0, 2, 3)] == [10, 30, 40]
    assert "a bad row" in caplog.text


def test_an_exception_among_the_results_is_that_item_s_own() -> None:
    """No second call is made."""
    calls: list[Any] = []

    def predict(items: Sequence[Any]) -> Sequence[Any]:
        calls.append(items)
        return [ProblemError(422, "no such flower") if item == 2 else item for item in items]

    bench = Bench(predict=predict)
    clients = [bench.ask(item) for item in (1, 2, 3, 4)]
    assert clients[1].told == [422]
    assert [clients[each].result for each in (0, 2, 3)] == [1, 3, 4]
    assert len(calls) == 1


@pytest.mark.parametrize("given", [[1], [1, 2, 3, 4, 5], None, 7])
def test_a_wrong_number_of_results_fails_all(caplog: pytest.LogCaptureFixture, given: Any) -> None:
    """Nobody gets a neighbour's result; the log says what came."""
    bench = Bench(predict=lambda _: given)
    clients = [bench.ask(item) for item in (1, 2, 3, 4)]
    assert [client.told for client in clients] == [[500]] * 4
    assert "for 4 items; it has to give one each" in caplog.text


def test_even_an_exit_fails_only_its_own_request() -> None:
    """The author's code cannot end the worker by an exception."""

    def predict(_: Sequence[Any]) -> Sequence[Any]:
        raise SystemExit

    bench = Bench(predict=predict)
    assert bench.ask(1, clients=1).told == [500]


def test_who_has_gone_leaves_the_batch() -> None:
    """No row is computed for nobody, and nobody is told anything."""
    bench = Bench()
    gone, here = bench.ask(1), bench.ask(2)
    gone.has_left = True
    bench.loop.turn()
    bench.loop.turn()
    assert bench.model.calls == [[2]]
    assert (gone.told, here.result) == ([], 20)


def test_if_all_have_gone_nothing_is_called() -> None:
    """A model is never given an empty batch."""
    bench = Bench()
    bench.ask(1).has_left = True
    bench.loop.turn()
    bench.loop.turn()
    assert bench.model.calls == []


def test_too_many_are_refused() -> None:
    """Beyond the bound: 503 at once, with the time to come again; the others are answered."""
    bench = Bench(most_waiting=2)
    bench.become_slow()
    bench.model.may_go.clear()
    clients = [bench.ask(item, clients=1) for item in (1, 2, 3, 4)]
    assert [client.told for client in clients] == [[], [], [], [503]]
    bench.model.may_go.set()
    bench.loop.take_back()
    bench.loop.take_back()
    assert [client.result for client in clients[:3]] == [10, 20, 30]
    bench.batcher.close()


def test_below_the_bound_nobody_is_refused_while_calls_are_quick() -> None:
    """However many come in one turn: they are called for before they are too many."""
    bench = Bench(most_waiting=2)
    clients = [bench.ask(item) for item in range(20)]
    assert [client.result for client in clients] == [item * 10 for item in range(20)]


def test_who_has_gone_takes_no_room() -> None:
    """A queue of clients that gave up refuses nobody."""
    bench = Bench(most_waiting=1)
    bench.become_slow()
    bench.model.may_go.clear()
    bench.ask(1, clients=1)
    bench.ask(2).has_left = True
    late = bench.ask(3)
    bench.model.may_go.set()
    bench.loop.take_back()
    bench.loop.take_back()
    assert late.result == 30
    bench.batcher.close()


def test_a_deadline_passes_while_waiting() -> None:
    """504 as soon as it does, and its row is not computed."""
    bench = Bench()
    bench.become_slow()
    bench.model.may_go.clear()
    first = bench.ask(1, clients=1)
    late, other = bench.ask(2, Client(deadline=101.0)), bench.ask(3)
    (timer,) = bench.loop.timers
    assert timer.when == 101.0
    timer.act()
    assert late.told == [504]
    bench.model.may_go.set()
    bench.loop.take_back()
    bench.loop.take_back()
    assert bench.model.calls[-2:] == [[1], [3]]
    assert (first.result, other.result) == (10, 30)
    bench.batcher.close()


def test_whoever_is_called_at_once_needs_no_timer() -> None:
    """Its time is looked at before the call and after; a timer for each would cost more."""
    bench = Bench(max_batch=1)
    clients = [bench.ask(item, Client(deadline=101.0)) for item in (1, 2)]
    bench.loop.turn()
    bench.loop.turn()
    assert [client.result for client in clients] == [10, 20]
    assert bench.loop.timers == []


def test_a_deadline_that_the_loop_could_not_see_passing_is_kept_to() -> None:
    """A busy loop runs no timers: the clock is looked at before a call and after it."""
    bench = Bench()
    bench.model.takes = 1.0
    before, during, after = (bench.ask(1, Client(deadline=when)) for when in (100.0, 100.5, 102.0))
    bench.loop.turn()
    bench.loop.turn()
    assert bench.model.calls == [[1, 1]]
    assert [client.told for client in (before, during)] == [[504], [504]]
    assert after.result == 10
    assert all(timer.is_cancelled for timer in bench.loop.timers)


def test_a_deadline_passes_while_a_thread_computes() -> None:
    """504 then, and not another word when the thread is done."""
    bench = Bench()
    bench.become_slow()
    bench.model.may_go.clear()
    client = bench.ask(1, Client(deadline=105.0), clients=1)
    bench.loop.timers[0].act()
    bench.model.may_go.set()
    bench.loop.take_back()
    assert client.told == [504]
    bench.batcher.close()


def test_checks_that_can_wait_are_made_when_nothing_else_does() -> None:
    """A predictor that checks itself now and then does it after the answers."""

    class Checked(Model):
        def check_later(self) -> None:
            checked.append([client.told != [] for client in clients])

    checked: list[list[bool]] = []
    bench = Bench(predict=Checked(Clock()))
    clients: list[Client] = []
    clients += [Client(), Client()]
    for client in clients:
        bench.ask(1, client)
    bench.loop.turn()
    bench.loop.turn()
    assert checked == [[True, True]]


async def batcher_of(predict: Any, most_waiting: int = 8, **more: Any) -> Batcher:
    return Batcher(
        endpoint(predict, **more),
        loop=asyncio.get_running_loop(),
        counters=Counters(["iris"], 1),
        most_waiting=most_waiting,
    )


def test_coroutines_wait_in_one_batch() -> None:
    """Whoever awaits gets its result, and what ``server-timing`` says."""
    calls: list[Any] = []

    async def ask() -> list[Prediction]:
        batcher = await batcher_of(lambda items: calls.append(items) or items)
        return await asyncio.gather(batcher.predict(1), batcher.predict(2))

    answers = asyncio.run(ask())
    assert [answer.result for answer in answers] == [1, 2]
    assert answers[0].server_timing.startswith(b"queue;dur=0.")
    assert calls == [[1, 2]]


def test_a_cancelled_coroutine_leaves_the_batch() -> None:
    """As a client that has gone."""
    calls: list[Any] = []

    async def ask() -> Any:
        batcher = await batcher_of(lambda items: calls.append(items) or items)
        gone = asyncio.ensure_future(batcher.predict(1))
        stays = asyncio.ensure_future(batcher.predict(2))
        await asyncio.sleep(0)
        gone.cancel()
        return (await stays).result

    assert asyncio.run(ask()) == 2
    assert calls == [[2]]


def test_many_items_of_one_client_never_fill_the_queue() -> None:
    """They go through in calls of the usual size, in order; a bad one fails alone."""

    def predict(items: Sequence[int]) -> Sequence[Any]:
        assert len(items) <= FULL
        return [ProblemError(422, "seven") if item == 7 else item for item in items]

    async def ask() -> list[Any]:
        return await (await batcher_of(predict, most_waiting=2)).predict_many(range(20))

    results = asyncio.run(ask())
    assert isinstance(results.pop(7), ProblemError)
    assert results == [item for item in range(20) if item != 7]


def test_many_items_stop_at_the_deadline() -> None:
    """There is no use in the rest of the answer."""

    async def ask() -> None:
        batcher = await batcher_of(lambda items: items)
        await batcher.predict_many(range(20), asyncio.get_running_loop().time() - 1)

    with pytest.raises(ProblemError) as raised:
        asyncio.run(ask())
    assert raised.value.status == 504


def test_an_async_function_is_awaited_several_times_at_once() -> None:
    """None waits for another; the author decides what may happen at the same time."""

    async def ask() -> list[Any]:
        both = asyncio.Barrier(2)

        async def call(item: int) -> int:
            await both.wait()
            return item * 10

        batcher = await batcher_of(None, call=call, max_batch=1)
        return await asyncio.gather(batcher.predict(1), batcher.predict(2))

    assert [answer.result for answer in asyncio.run(ask())] == [10, 20]


@pytest.mark.parametrize(
    ("raised", "status"), [(ValueError("secret"), 500), (ProblemError(409, "taken"), 409)]
)
def test_what_an_async_function_raises_is_its_own(
    caplog: pytest.LogCaptureFixture, raised: Exception, status: int
) -> None:
    """The author may refuse; anything else is a failure, which the log explains."""

    async def call(_: Any) -> Any:
        raise raised

    async def ask() -> None:
        await (await batcher_of(None, call=call)).predict(1)

    with caplog.at_level(logging.ERROR), pytest.raises(ProblemError) as refused:
        asyncio.run(ask())
    assert refused.value.status == status
    assert ("secret" in caplog.text) == (status == 500)


@pytest.mark.parametrize(("allowed", "statuses"), [(0.02, {504}), (None, {503})])
def test_an_async_function_has_a_deadline_and_a_bound(
    allowed: float | None, statuses: set[int]
) -> None:
    """It is cancelled when its client's time is up; of too many at once the last are refused."""

    async def ask() -> set[int]:
        never = asyncio.Event()

        async def call(_: Any) -> Any:
            await never.wait()

        batcher = await batcher_of(None, call=call, most_waiting=2)
        loop = asyncio.get_running_loop()
        deadline = None if allowed is None else loop.time() + allowed
        count = 2 if allowed else 3
        asked = [asyncio.ensure_future(batcher.predict(1, deadline)) for _ in range(count)]
        done, left = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        if allowed:
            more, left = await asyncio.wait(left) if left else (set(), set())
            done |= more
        for each in left:
            each.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        return {each.exception().status for each in done}  # type: ignore[union-attr]

    assert asyncio.run(ask()) == statuses
