"""Ask Optuna for trials and tell it how they ended, by a journal that many processes share.

The rules of this file:

1. All that is asked and told happens under one lock of the sweep's folder. So a process that was
   killed on the way has left at most half a line, or a trial without our mark: the next one cuts
   off the one, and gives up the other.
2. A trial runs until its end is told. What a process that is gone had asked for is found by that.
3. Of a folder at a URL the lock brings what others have written, and it is not given back before
   what was written here is over there. Whose lock was lost meanwhile may find a trial of its own
   gone, or its number another's: only what is as it was asked for is told.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import ConfigurationError
from runner.record.private_files import append_to_private, make_private_folder
from runner.sweep.locks import JOURNAL_NAME, SEARCH, Locks, waited_for
from runner.sweep.ranges import Range

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

JOURNAL = f"{SEARCH}/{JOURNAL_NAME}"
_SHARD = "shard"
_METRIC = "metric"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """Describe a trial.

    Attributes:
        number: By which Optuna knows it.
        params: What Optuna proposed.
        shard: By whom it was asked for.
        is_open: It was not told how it ended.
    """

    number: int
    params: dict[str, Any]
    shard: str
    is_open: bool


class OptunaJournal:
    """Hold one study in a sweep's folder.

    Args:
        folder: The folder.
        name: The study's name: another space or another goal is another study.
        space: Of each parameter a range, or the texts that stand for its values.
        maximizes: Which end of the metric is the good one.
        locks: The folder's.

    Raises:
        ConfigurationError: Optuna is not there.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        space: Mapping[str, Range | tuple[str, ...]],
        locks: Locks,
        *,
        maximizes: bool,
    ) -> None:
        try:
            import optuna
        except ImportError as error:
            raise ConfigurationError(
                "--search optuna: Optuna is not installed",
                hint="pip install 'notebook-runner[search]'",
            ) from error
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._path = folder / JOURNAL
        self._claim = functools.partial(locks.claim, SEARCH)
        self._name = name
        self._maximizes = maximizes
        self._space = {key: _distribution(values) for key, values in space.items()}
        self._study: Any = None
        self._file: tuple[int, int] | None = None

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._path

    @contextlib.contextmanager
    def opened(self, seconds: float) -> Iterator[bool]:
        """Hold the journal's lock; all else is to be called within.

        Args:
            seconds: How long to wait for it; entered with False if another still holds it then.
        """
        with waited_for(self._claim, seconds) as is_ours:
            if is_ours:
                self._read()
            yield is_ours

    def _read(self) -> None:
        """Take up what others have written; in place of the file there may be a newer one."""
        make_private_folder(self._path.parent)
        append_to_private(self._path).close()
        _cut_half_a_line(self._path)
        found = self._path.stat()
        file = found.st_dev, found.st_ino
        if self._study is None or file != self._file:
            self._study, self._file = self._open(), file
            self._give_up_what_was_half_asked()

    def trials(self) -> list[Trial]:
        """List all trials, in their order."""
        return [
            Trial(
                number=trial.number,
                params=dict(trial.params),
                shard=trial.user_attrs[_SHARD],
                is_open=not trial.state.is_finished(),
            )
            for trial in self._study.get_trials(deepcopy=False)
            if _SHARD in trial.user_attrs
        ]

    def ask(self, shard: str) -> Trial:
        """Have a trial proposed."""
        trial = self._study.ask(self._space)
        trial.set_user_attr(_SHARD, shard)
        return Trial(number=trial.number, params=dict(trial.params), shard=shard, is_open=True)

    def tell(self, trial: Trial, value: float | None) -> None:
        """Tell how a trial ended: its value, or None if it failed; nothing if that was told."""
        from optuna.trial import TrialState

        if not trial.is_open or trial not in self.trials():
            return
        if value is None:
            self._study.tell(trial.number, state=TrialState.FAIL)
        else:
            self._study.tell(trial.number, value)

    @property
    def metric(self) -> str:
        """The metric that was noted; empty if none was yet."""
        return str(self._study.user_attrs.get(_METRIC, ""))

    def note_metric(self, name: str) -> None:
        """Note by which metric all processes compare."""
        self._study.set_user_attr(_METRIC, name)

    def _open(self) -> Any:
        import optuna
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        class HeldLock(JournalFileOpenLock):
            """Be held already."""

            def acquire(self) -> bool:
                return True

            def release(self) -> None:
                return

        backend = JournalFileBackend(str(self._path), lock_obj=HeldLock(str(self._path)))
        return optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            study_name=self._name,
            direction="maximize" if self._maximizes else "minimize",
            load_if_exists=True,
        )

    def _give_up_what_was_half_asked(self) -> None:
        from optuna.trial import TrialState

        for trial in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            if _SHARD not in trial.user_attrs:
                self._study.tell(trial.number, state=TrialState.FAIL)


def _distribution(values: Range | tuple[str, ...]) -> BaseDistribution:
    from optuna import distributions

    if not isinstance(values, Range):
        return distributions.CategoricalDistribution(values)
    if values.is_whole:
        return distributions.IntDistribution(int(values.low), int(values.high), log=values.is_log)
    return distributions.FloatDistribution(values.low, values.high, log=values.is_log)


def _cut_half_a_line(path: Path) -> None:
    """Remove what a killed process has begun to write: Optuna would read no further line."""
    with path.open("rb+") as file:
        size = place = file.seek(0, os.SEEK_END)
        while place:
            start = max(0, place - 4096)
            file.seek(start)
            found = file.read(place - start).rfind(b"\n")
            place = start + found + 1 if found >= 0 else start
            if found >= 0:
                break
        if place < size:
            file.truncate(place)
