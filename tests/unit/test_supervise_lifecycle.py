"""The supervisor's decisions: events in, commands out, no process and no clock."""

from __future__ import annotations

import pytest

from runner.liveness.readiness import Readiness
from runner.supervise.events import (
    Accept,
    Bind,
    CancelTimer,
    Changed,
    Command,
    Ended,
    Event,
    Exit,
    Failed,
    GiveUpVersion,
    Go,
    Hello,
    Hung,
    Kill,
    KillKernel,
    LinkClosed,
    NotebookRead,
    Outcome,
    Publish,
    Purpose,
    Ready,
    RecordFailure,
    Recovered,
    ReloadRequested,
    Retire,
    RollbackRequested,
    Serving,
    SetTimer,
    ShowReadiness,
    Spawn,
    Started,
    StopRequested,
    Terminate,
    Timer,
    TimerFired,
    WaitForEdit,
)
from runner.supervise.lifecycle import Lifecycle, Phase, Rules
from runner.supervise.states import KEPT, TRANSITIONS, GoodVersion, RunState


class Story:
    """A lifecycle, a clock that is moved by hand, and what was ordered."""

    def __init__(self, *, good: tuple[GoodVersion, ...] = (), **rules: object) -> None:
        self.life = Lifecycle(Rules(**rules), good)  # type: ignore[arg-type]  # each of its kind
        self.now = 100.0

    def tell(self, *events: Event, after: float = 0.0) -> list[Command]:
        """Let events happen; give what was ordered, but for timers."""
        self.now += after
        orders = [order for event in events for order in self.life.handle(event, self.now)]
        self.timers = [order for order in orders if isinstance(order, SetTimer)]
        return [order for order in orders if not isinstance(order, SetTimer | CancelTimer)]

    def serve(self, run: int, digest: str = "") -> list[Command]:
        """Let a run that goes come to serve."""
        self.tell(Hello(run=run), Ready(run=run))
        return self.tell(Serving(run=run, digest=digest))

    def delay(self) -> float:
        """Give the seconds of the restart that was put off by the last events."""
        (timer,) = (timer for timer in self.timers if timer.timer is Timer.RESTART)
        return timer.seconds


def go(
    run: int, source: int = 0, purpose: Purpose = Purpose.CHANGE, cause: str = ""
) -> tuple[Command, ...]:
    return (Go(run=run, source=source, purpose=purpose, cause=cause),)


def again(run: int, source: int) -> Go:
    return Go(run=run, source=source, purpose=Purpose.RESTART, cause="restart after a death")


def up(*, digest: str = "", **rules: object) -> Story:
    """A service whose run 1 serves and whose run 2 is the standby."""
    story = Story(**rules)
    story.tell(Started(cause="first start"))
    story.serve(1, digest)
    return story


def test_the_first_run_is_bound_accepted_and_published_in_turn() -> None:
    """Each step waits for the kernel's word; the standby is ordered when all is done."""
    story = Story()
    first = Go(run=1, source=0, purpose=Purpose.FIRST, cause="first start")
    assert story.tell(Started(cause="first start")) == [Spawn(run=1), first]
    assert story.timers == [SetTimer(timer=Timer.READY, run=1, seconds=120)]
    assert story.tell(Hello(run=1)) == [Bind(run=1)]
    assert story.tell(Ready(run=1)) == [Accept(run=1)]
    assert story.tell(Serving(run=1)) == [Publish(run=1), Spawn(run=2)]


def test_without_standby_none_is_spawned() -> None:
    """``--no-standby`` saves the memory."""
    story = Story(keeps_standby=False)
    story.tell(Started())
    assert story.serve(1) == [Publish(run=1)]


def test_a_change_takes_over_only_when_it_serves() -> None:
    """The old run is told to end after the new one serves, not before."""
    story = up()
    assert story.tell(Changed(cause="saved")) == [*go(2, cause="saved")]
    assert story.tell(Hello(run=2), Ready(run=2)) == [Bind(run=2), Accept(run=2)]
    assert story.tell(Serving(run=2)) == [
        Retire(run=1, reason="replaced", successor=2),
        Publish(run=2),
        Terminate(run=1),
        Spawn(run=3),
    ]
    assert story.tell(Ended(run=1, code=0)) == [Publish(run=2)]


def test_a_failed_candidate_leaves_the_old_one_alone() -> None:
    """Its reason is recorded, who asked is told, and there is a standby again."""
    story = up()
    story.tell(ReloadRequested(request=7))
    assert story.tell(Ended(run=2, code=3, reason="cell x raised")) == [
        RecordFailure(run=2, code=3, reason="cell x raised"),
        Outcome(request=7, ok=False, reason="cell x raised"),
        Spawn(run=3),
        ShowReadiness(run=1, readiness=Readiness.VERSION_FAILED),
    ]
    assert story.life.serving() is story.life.runs[1]


def test_a_kernel_that_refuses_is_quoted() -> None:
    """What the kernel said goes before what the process's end says."""
    story = up()
    story.tell(ReloadRequested(request=7), Hello(run=2))
    assert story.tell(Failed(run=2, reason="the example was answered 500")) == []
    orders = story.tell(Ended(run=2, code=3, reason="cell serve raised"))
    assert Outcome(request=7, ok=False, reason="the example was answered 500") in orders


def test_a_candidate_that_is_never_ready_is_ended() -> None:
    """After --ready-timeout it is terminated, then killed, and its code is 5."""
    story = up(ready_timeout=9)
    story.tell(Changed(), Hello(run=2))
    said = "not ready to serve within 9 s at GET /"
    fired = TimerFired(timer=Timer.READY, run=2, at=" at GET /")
    assert story.tell(fired) == [Retire(run=2, reason=said), Terminate(run=2)]
    assert story.tell(TimerFired(timer=Timer.KILL, run=2)) == [Kill(run=2)]
    failed = RecordFailure(run=2, code=5, reason=said)
    shown = ShowReadiness(run=1, readiness=Readiness.VERSION_FAILED)
    assert story.tell(Ended(run=2, code=-9)) == [failed, Spawn(run=3), shown]


def test_the_ready_timer_of_a_serving_run_means_nothing() -> None:
    """A timer that crossed the word "serving" does no harm."""
    assert up().tell(TimerFired(timer=Timer.READY, run=1)) == []


def test_a_further_change_replaces_the_candidate() -> None:
    """Only the newest matters; who waited for the replaced one waits for the new one."""
    story = up()
    story.tell(ReloadRequested(request=7))
    assert story.tell(Changed()) == [
        Retire(run=2, reason="replaced by a newer version"),
        Terminate(run=2),
        Spawn(run=3),
        *go(3),
    ]
    assert story.tell(Hello(run=2), Ready(run=2), Serving(run=2)) == []
    assert story.tell(Ended(run=2, code=0)) == []
    assert Outcome(request=7, ok=True) in story.serve(3)


def test_of_two_that_take_over_the_newer_wins_in_any_order() -> None:
    """A change that comes between "ready" and "serving" ends with one run, the newest."""
    for order in ((2, 3), (3, 2)):
        story = up()
        story.tell(Changed(), Hello(run=2), Ready(run=2))
        story.tell(Changed(), Hello(run=3), Ready(run=3))
        for run in order:
            story.tell(Serving(run=run))
        alive = {n for n, run in story.life.runs.items() if run.state is RunState.SERVING}
        assert alive == {3}


def test_a_dead_run_is_restarted_from_the_standby_at_once() -> None:
    """The kernel's hanging up is enough; the exit code that comes later is only recorded."""
    story = up()
    assert story.tell(LinkClosed(run=1)) == [again(2, source=1)]
    assert story.tell(Ended(run=1, code=4, reason="killed by SIGKILL")) == [
        RecordFailure(run=1, code=4, reason="killed by SIGKILL")
    ]
    assert story.serve(2) == [Publish(run=2), Spawn(run=3)]
    assert story.life.restarts.total == 1


def test_the_end_of_the_process_alone_is_a_death_too() -> None:
    """If the exit comes before the channel's end, the restart is one all the same."""
    story = up()
    orders = story.tell(Ended(run=1, code=-9), LinkClosed(run=1))
    assert orders == [
        RecordFailure(run=1, code=-9, reason="its process ended with code -9"),
        again(2, source=1),
    ]


def test_a_dead_run_loses_the_published_path() -> None:
    """It may still be closing its record when the next already serves."""
    story = up()
    story.tell(LinkClosed(run=1))
    assert story.serve(2)[:2] == [
        Retire(run=1, reason="replaced", successor=2),
        Publish(run=2),
    ]
    assert Publish(run=2) in story.tell(Ended(run=1, code=4))


def test_a_run_that_hangs_after_its_kernel_is_killed() -> None:
    """Its process has a while to close the record."""
    story = up()
    story.tell(LinkClosed(run=1))
    assert SetTimer(timer=Timer.KILL, run=1, seconds=10) in story.timers
    assert story.tell(TimerFired(timer=Timer.KILL, run=1)) == [Kill(run=1)]


def test_restarts_wait_longer_and_longer() -> None:
    """0, 0.5, 1, 2, 4 … 60 s, for ever."""
    story, delays, run = up(keeps_standby=False), [], 1
    for _ in range(10):
        story.tell(LinkClosed(run=run), Ended(run=run, code=4), after=12)
        run += 1
        if not any(timer.timer is Timer.RESTART for timer in story.timers):
            delays.append(0.0)
        else:
            delays.append(story.delay())
            story.tell(TimerFired(timer=Timer.RESTART))
        story.serve(run)
    assert delays == [0, 0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_half_a_minute_of_serving_forgives() -> None:
    """After it the first restart comes at once again."""
    story = up()
    story.tell(LinkClosed(run=1))
    story.serve(2)
    assert story.tell(LinkClosed(run=2), after=30) == [again(3, source=1)]


def test_what_has_served_is_never_given_up() -> None:
    """However often and soon it dies: a request can be what kills it."""
    story, run = up(keeps_standby=False), 1
    for _ in range(20):
        story.tell(LinkClosed(run=run), Ended(run=run, code=4), after=1)
        story.tell(TimerFired(timer=Timer.RESTART))
        run += 1
        story.serve(run)
    assert story.life.phase is Phase.UP


def dies_early(story: Story, run: int, times: int, served: float = 2.0) -> int:
    """Let what serves die some times after a while; give the run that serves then."""
    for _ in range(times):
        story.tell(LinkClosed(run=run), after=served)
        story.tell(Ended(run=run, code=1), TimerFired(timer=Timer.RESTART))
        run = max(story.life.runs)
        story.serve(run)
    return run


def test_a_version_that_dies_soon_gives_way_to_the_one_before() -> None:
    """After three deaths before it had served for half a minute: then the other serves."""
    story = up(digest="a", keeps_standby=False)
    story.tell(Changed())
    story.serve(2, "b")
    run = dies_early(story, 2, 2)
    story.tell(LinkClosed(run=run), Ended(run=run, code=1), after=2)
    assert [version.source for version in story.life.good] == [1]
    assert story.life.runs[run + 1].source == 1
    # The one before has proved itself: it is tried for ever.
    story.serve(run + 1)
    dies_early(story, run + 1, 9)
    assert [version.source for version in story.life.good] == [1]


@pytest.mark.parametrize("earlier", [(), (GoodVersion(source=1, digest="a"),)])
def test_a_version_that_has_proved_itself_is_kept(earlier: tuple[GoodVersion, ...]) -> None:
    """By half a minute of serving, or by an earlier session: its deaths are the requests'."""
    story = Story(good=(GoodVersion(source=9, digest="z"), *earlier), keeps_standby=False)
    story.tell(Started())
    run = max(story.life.runs)
    story.serve(run, "a")
    if not earlier:
        run = dies_early(story, run, 1, served=30)
    dies_early(story, run, 9)
    assert len(story.life.good) == 2


def test_a_version_that_was_given_up_is_said_and_tried_again_when_asked() -> None:
    """The log names both; a reload serves the newest once more."""
    story = up(digest="a", keeps_standby=False)
    story.tell(Changed())
    story.serve(2, "b")
    run = dies_early(story, 2, 2)
    orders = story.tell(LinkClosed(run=run), after=2)
    (said,) = (order for order in orders if isinstance(order, GiveUpVersion))
    assert (said.run, said.earlier) == (2, 1)
    assert "died 3 times before it had served for 30 s" in said.deaths
    story.serve(run + 1)
    assert Go(run=run + 2, source=0, purpose=Purpose.CHANGE, cause="") in story.tell(Changed())


def test_a_kernel_that_hangs_is_replaced_by_a_run_beside_it() -> None:
    """It is killed when the other serves, and its own end is then no further death."""
    story = up()
    orders = story.tell(Hung(run=1, reason="no answer for 30 s"))
    failure = RecordFailure(run=1, code=0, reason="no answer for 30 s")
    assert orders == [failure, again(2, source=1)]
    assert KillKernel(run=1) in story.serve(2)
    assert story.tell(LinkClosed(run=1), Ended(run=1, code=4)) == [Publish(run=2)]
    assert story.life.restarts.total == 1


def test_a_kernel_that_hung_and_answers_again_is_replaced_without_a_kill() -> None:
    """Its successor takes over as after any change."""
    story = up()
    story.tell(Hung(run=1, reason="no answer"), Recovered(run=1))
    orders = story.serve(2)
    assert Terminate(run=1) in orders
    assert KillKernel(run=1) not in orders


def test_what_hangs_is_killed_when_its_successor_cannot_start() -> None:
    """It may hold what that needs; and it is tried again."""
    story = up()
    story.tell(Hung(run=1, reason="no answer"))
    assert KillKernel(run=1) in story.tell(Ended(run=2, code=4, reason="out of memory"))
    assert story.delay() == 0.5


def test_a_stop_kills_what_hangs() -> None:
    """It would not hear that it is to drain."""
    story = up()
    story.tell(Hung(run=1, reason="no answer"))
    assert KillKernel(run=1) in story.tell(StopRequested())


def test_a_restart_that_fails_is_tried_again() -> None:
    """Also with exit codes that would end a first start: it has served before."""
    story = up()
    story.tell(LinkClosed(run=1))
    story.tell(Ended(run=2, code=3))
    assert story.delay() == 0.5
    assert story.tell(TimerFired(timer=Timer.RESTART)) == [Spawn(run=3), again(3, source=1)]


def test_a_death_restarts_what_served_not_an_unseen_edit() -> None:
    """A candidate under way goes on; beside it the good version comes back."""
    story = up()
    story.tell(Changed())
    assert story.tell(LinkClosed(run=1)) == [Spawn(run=3), again(3, source=1)]
    story.serve(3)
    orders = story.serve(2)
    assert orders[0] == Retire(run=3, reason="replaced", successor=2)
    assert Terminate(run=3) in orders


def test_a_trial_tries_nothing_again() -> None:
    """Whoever wants to know whether a notebook serves is told at its first death."""
    story = Story(retries=False, keeps_standby=False)
    story.tell(Started())
    assert story.tell(Ended(run=1, code=4, reason="the kernel died")) == [
        RecordFailure(run=1, code=4, reason="the kernel died"),
        Exit(code=4, reason="the kernel died"),
    ]


@pytest.mark.parametrize("code", [2, 3])
def test_what_no_retry_mends_ends_the_first_start(code: int) -> None:
    """The supervisor exits with the run's own code."""
    story = Story()
    story.tell(Started())
    orders = story.tell(Ended(run=1, code=code, reason="cell x raised"))
    assert orders[-1] == Exit(code=code, reason="cell x raised")


def test_a_first_start_that_is_never_ready_exits_with_5() -> None:
    """Waiting longer would mend nothing."""
    story = Story(ready_timeout=9)
    story.tell(Started(), TimerFired(timer=Timer.READY, run=1))
    said = "not ready to serve within 9 s"
    assert story.tell(Ended(run=1, code=0))[-1] == Exit(code=5, reason=said)


@pytest.mark.parametrize("code", [2, 3])
def test_with_reload_it_waits_for_an_edit_instead(code: int) -> None:
    """The author is at work; the next save is the next try."""
    story = Story(waits_for_edits=True)
    story.tell(Started())
    assert story.tell(Ended(run=1, code=code, reason="no"))[-1] == WaitForEdit(reason="no")
    assert story.life.phase is Phase.WAITING
    assert story.tell(Changed()) == [Spawn(run=2), *go(2, purpose=Purpose.FIRST)]
    assert story.life.phase is Phase.UP


def test_a_first_start_whose_kernel_dies_is_tried_again() -> None:
    """That may have been bad luck; five times is a loop."""
    story = Story()
    story.tell(Started())
    for run in range(1, 5):
        story.tell(Ended(run=run, code=4))
        if run > 1:
            story.tell(TimerFired(timer=Timer.RESTART))
    assert story.life.candidate() is story.life.runs[5]
    assert isinstance(story.tell(Ended(run=5, code=4))[-1], Exit)


def test_an_edit_during_the_wait_for_a_restart_starts_at_once() -> None:
    """The timer that then fires launches nothing twice."""
    story = Story()
    story.tell(Started(), Ended(run=1, code=4))
    story.tell(Ended(run=2, code=4))
    assert story.tell(Changed()) == [Spawn(run=3), *go(3, purpose=Purpose.FIRST)]
    assert story.tell(TimerFired(timer=Timer.RESTART)) == []


def test_rollback_runs_the_version_before() -> None:
    """And once more the one before that; restarts then take what was rolled back to."""
    story = up(digest="a", keeps_standby=False)
    for run, digest in ((2, "b"), (3, "c")):
        story.tell(Changed())
        story.serve(run, digest)
    assert story.tell(RollbackRequested(request=7)) == [Spawn(run=4), *go(4, source=2)]
    assert Outcome(request=7, ok=True) in story.serve(4, "b")
    assert [version.source for version in story.life.good] == [1, 2]
    assert again(5, source=2) in story.tell(LinkClosed(run=4))
    story.serve(5, "b")
    assert story.tell(RollbackRequested()) == [Spawn(run=6), *go(6, source=1)]


def test_a_rollback_goes_to_any_version_that_is_kept() -> None:
    """Also forward again, to one that was gone back from; without one named to the one before."""
    story = up(digest="a", keeps_standby=False)
    for run, digest in ((2, "b"), (3, "c")):
        story.tell(Changed())
        story.serve(run, digest)
    assert go(4, source=1)[0] in story.tell(RollbackRequested(source=1))
    story.serve(4, "a")
    assert [version.source for version in story.life.good] == [1]
    assert go(5, source=3)[0] in story.tell(RollbackRequested(source=3))
    story.serve(5, "c")
    assert [version.source for version in story.life.good] == [1, 3]
    assert go(6, source=1)[0] in story.tell(RollbackRequested())


def test_a_rollback_to_what_serves_changes_nothing() -> None:
    """Unless something else is about to take over."""
    story = up(digest="a")
    said = "it serves already"
    asked = RollbackRequested(request=7, source=1)
    assert story.tell(asked) == [Outcome(request=7, ok=True, reason=said)]
    story.tell(Changed())
    assert go(3, source=1)[0] in story.tell(asked)


def test_a_rollback_mends_a_first_start_that_waits_for_an_edit() -> None:
    """What an earlier session has served is kept."""
    story = Story(good=(GoodVersion(source=1, digest="a"),), waits_for_edits=True)
    story.tell(Started(), Ended(run=2, code=3))
    assert story.life.phase is Phase.WAITING
    assert go(3, source=1, purpose=Purpose.FIRST)[0] in story.tell(RollbackRequested(source=1))


def test_a_failed_rollback_leaves_the_versions_as_they_were() -> None:
    """The version that serves stays the newest good one."""
    story = up(digest="a")
    story.tell(Changed())
    story.serve(2, "b")
    story.tell(RollbackRequested(), Ended(run=3, code=3))
    assert [version.source for version in story.life.good] == [1, 2]


def test_no_more_versions_are_good_than_are_kept() -> None:
    """However often the notebook is saved: the newest, which a rollback goes back through."""
    story = up(digest="0", keeps_standby=False)
    for run in range(2, KEPT + 10):
        story.tell(Changed())
        story.serve(run, str(run))
        story.tell(Ended(run=run - 1, code=0))
    last = KEPT + 9
    assert [version.source for version in story.life.good] == [*range(last - KEPT + 1, last + 1)]


def test_a_reload_of_the_same_notebook_is_no_new_version() -> None:
    """Else a rollback would change nothing."""
    story = up(digest="a")
    story.tell(ReloadRequested())
    story.serve(2, "a")
    assert story.life.good == [GoodVersion(source=2, digest="a")]


def test_nothing_to_roll_back_to_is_said() -> None:
    """Nothing starts."""
    said = "there is no earlier good version to roll back to"
    assert up().tell(RollbackRequested(request=7)) == [Outcome(request=7, ok=False, reason=said)]


def test_earlier_sessions_can_be_rolled_back_to() -> None:
    """Numbers go on after theirs."""
    story = Story(good=(GoodVersion(source=1, digest="a"), GoodVersion(source=2, digest="b")))
    story.tell(Started())
    story.serve(3, "c")
    assert go(4, source=2)[0] in story.tell(RollbackRequested())


def test_a_stop_drains_everything_and_exits_0() -> None:
    """The standby goes too; the exit waits for the last process."""
    story = up()
    assert story.tell(StopRequested(request=7)) == [Terminate(run=1), Terminate(run=2)]
    assert story.tell(Ended(run=2, code=0)) == []
    end = [Outcome(request=7, ok=True), Exit(code=0)]
    assert story.tell(Ended(run=1, code=0)) == end


def test_a_lame_duck_is_not_ready_and_drains_only_after_its_time() -> None:
    """It is restarted as ever meanwhile, and nothing else is begun."""
    story = up(lame_duck=5)
    assert story.tell(StopRequested(request=7)) == [
        ShowReadiness(run=1, readiness=Readiness.LAME_DUCK)
    ]
    assert story.timers == [SetTimer(timer=Timer.LAME_DUCK, seconds=5)]
    said = "the supervisor is stopping"
    assert story.tell(Changed(request=8)) == [Outcome(request=8, ok=False, reason=said)]
    assert again(2, 1) in story.tell(LinkClosed(run=1), after=31)
    assert story.life.phase is Phase.LAME_DUCK
    orders = story.serve(2)
    assert ShowReadiness(run=2, readiness=Readiness.LAME_DUCK) in orders
    assert Terminate(run=2) in story.tell(TimerFired(timer=Timer.LAME_DUCK))
    story.tell(Ended(run=1, code=1))
    assert story.tell(Ended(run=2, code=0)) == [Outcome(request=7, ok=True), Exit(code=0)]


def test_a_second_stop_does_not_wait_for_a_lame_duck() -> None:
    """It drains at once; the third one kills."""
    story = up(lame_duck=5)
    story.tell(StopRequested())
    assert story.tell(StopRequested()) == [Terminate(run=1), Terminate(run=2)]
    assert story.tell(TimerFired(timer=Timer.LAME_DUCK)) == []
    assert story.tell(StopRequested()) == [Kill(run=1), Kill(run=2)]


def test_what_does_not_serve_yet_is_no_lame_duck() -> None:
    """It was never ready, so nobody comes."""
    story = Story(lame_duck=5)
    story.tell(Started())
    assert story.tell(StopRequested()) == [Terminate(run=1)]


def test_a_failed_version_is_told_until_another_serves() -> None:
    """Also by who serves instead, and after a restart of that; a replaced candidate is none."""
    failed = Readiness.VERSION_FAILED
    story = up(keeps_standby=False)
    assert story.life.readiness == Readiness.READY
    story.tell(Changed(), Changed())
    assert ShowReadiness(run=1, readiness=failed) not in story.tell(Ended(run=2, code=1))
    assert ShowReadiness(run=1, readiness=failed) in story.tell(Ended(run=3, code=3))
    story.tell(LinkClosed(run=1), after=31)
    assert ShowReadiness(run=4, readiness=failed) in story.serve(4)
    story.tell(Changed())
    story.serve(5)
    assert story.life.readiness == Readiness.READY


def test_a_save_that_cannot_be_read_is_told_as_long_as_it_is_there() -> None:
    """It is no version, and nobody serves what was meant."""
    story = up()
    shown = ShowReadiness(run=1, readiness=Readiness.VERSION_FAILED)
    assert story.tell(NotebookRead(fault="no JSON")) == [shown]
    assert story.tell(NotebookRead(fault="no cells")) == []
    assert story.life.save_fault == "no cells"
    shown = ShowReadiness(run=1, readiness=Readiness.READY)
    assert story.tell(NotebookRead(fault="")) == [shown]


def test_a_version_that_is_given_up_has_failed() -> None:
    """Though it has served."""
    story = up(digest="a", keeps_standby=False)
    story.tell(Changed())
    story.serve(2, "b")
    run = dies_early(story, 2, 2)
    story.tell(LinkClosed(run=run), Ended(run=run, code=1), after=2)
    orders = story.serve(run + 1)
    assert ShowReadiness(run=run + 1, readiness=Readiness.VERSION_FAILED) in orders


def test_a_second_stop_kills() -> None:
    """Whoever presses Ctrl-C twice means it."""
    story = up()
    story.tell(StopRequested())
    assert story.tell(StopRequested()) == [Kill(run=1), Kill(run=2)]


def test_a_stop_during_the_start_ends_that_too() -> None:
    """No failure is recorded: it was told to end."""
    story = Story()
    story.tell(Started(), ReloadRequested(request=8))
    orders = story.tell(StopRequested(request=7))
    assert Outcome(request=8, ok=False, reason="the supervisor is stopping") in orders
    assert Terminate(run=2) in orders
    assert story.tell(Hello(run=2), Ended(run=2, code=143)) == []
    assert story.tell(Ended(run=1, code=0))[-1] == Exit(code=0)


def test_a_death_while_stopping_restarts_nothing() -> None:
    """Neither does one of a run that was ending anyway."""
    story = up()
    story.tell(LinkClosed(run=1), StopRequested())
    assert story.tell(Ended(run=2, code=0), Ended(run=1, code=4))[-1] == Exit(code=0)


def test_a_death_during_a_drain_is_no_failure() -> None:
    """The new run serves already."""
    story = up()
    story.tell(Changed())
    story.serve(2)
    assert story.tell(LinkClosed(run=1), Ended(run=1, code=4)) == [Publish(run=2)]
    assert story.life.restarts.total == 0


def test_whatever_is_asked_of_a_stopping_supervisor_is_refused() -> None:
    """Nothing starts any more."""
    story = up()
    story.tell(StopRequested())
    said = "the supervisor is stopping"
    for asked in (ReloadRequested(request=7), RollbackRequested(request=7), Changed(request=7)):
        assert story.tell(asked) == [Outcome(request=7, ok=False, reason=said)]


def test_a_stop_with_nothing_running_is_the_end() -> None:
    """Such as while it waits for an edit."""
    story = Story(waits_for_edits=True)
    story.tell(Started(), Ended(run=1, code=3))
    assert story.tell(StopRequested()) == [Exit(code=0)]


def test_a_second_hello_changes_nothing() -> None:
    """Nor does any event out of its turn, nor one of a run that nobody knows."""
    story = Story()
    story.tell(Started(), Hello(run=1))
    assert story.tell(Hello(run=1), Serving(run=1), Hello(run=99)) == []
    assert story.life.runs[1].state is RunState.BOUND


def test_a_standby_that_dies_is_replaced_after_a_while() -> None:
    """Not at once: what killed it may kill the next."""
    story = up()
    assert story.tell(Ended(run=2, code=1)) == []
    assert story.timers == [SetTimer(timer=Timer.STANDBY, seconds=5)]
    assert story.tell(TimerFired(timer=Timer.STANDBY)) == [Spawn(run=3)]


def test_a_standby_that_takes_no_order_is_replaced_at_once() -> None:
    """It is killed, and its end is no failure."""
    story = up()
    assert story.tell(Hung(run=2, reason="silent")) == [Kill(run=2), Spawn(run=3)]
    assert story.tell(Ended(run=2, code=-9)) == []


def test_a_change_that_was_given_to_who_takes_no_order_is_given_to_another() -> None:
    """Who asked for it waits for the other one."""
    story = up()
    story.tell(ReloadRequested(request=7, cause="asked"))
    orders = story.tell(Hung(run=2, reason="silent"))
    assert orders == [Kill(run=2), Spawn(run=3), *go(3, cause="asked")]
    assert story.tell(Ended(run=2, code=-9)) == []
    assert Outcome(request=7, ok=True) in story.serve(3)


def test_a_start_fails_when_its_replacement_takes_no_order_either() -> None:
    """It would go on for ever, and nobody would hear of it."""
    story = Story()
    story.tell(Started(cause="first start"))
    first = Go(run=2, source=0, purpose=Purpose.FIRST, cause="first start")
    assert story.tell(Hung(run=1, reason="silent")) == [Kill(run=1), Spawn(run=2), first]
    assert story.tell(Hung(run=2, reason="silent")) == [Kill(run=2)]
    assert story.tell(Ended(run=1, code=-9)) == []
    assert story.tell(Ended(run=2, code=-9)) == [
        RecordFailure(run=2, code=5, reason="silent"),
        Exit(code=5, reason="silent"),
    ]


def test_a_change_fails_when_its_replacement_takes_no_order_either() -> None:
    """Who asked for it hears so, and what serves goes on."""
    story = up()
    story.tell(ReloadRequested(request=7, cause="asked"))
    story.tell(Hung(run=2, reason="silent"), Hung(run=3, reason="silent"))
    assert story.tell(Ended(run=2, code=-9)) == []
    assert Outcome(request=7, ok=False, reason="silent") in story.tell(Ended(run=3, code=-9))
    assert story.life.serving() is story.life.runs[1]


def test_every_state_can_end() -> None:
    """Whatever a run is doing, the end of its process is understood."""
    for state in RunState:
        assert ((state, Ended) in TRANSITIONS) == (state is not RunState.ENDED)
