"""Know which end of a metric is the good one: as told, else by its name."""

from __future__ import annotations

import enum
import re


class Goal(enum.StrEnum):
    """Say which end of a metric is the good one."""

    MAX = "max"
    MIN = "min"

    @property
    def word(self) -> str:
        """Name the best value."""
        return "greatest" if self is Goal.MAX else "smallest"

    @property
    def other(self) -> Goal:
        """Give the other end."""
        return Goal.MIN if self is Goal.MAX else Goal.MAX


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LOST_OR_WRONG = (
    "bce brier ce cost costs crossentropy deviance divergence entropy err error errors hinge kl"
    " loss losses logloss misclassification nll perplexity ppl regret residual residuals wrong"
)
_BY_INITIALS = (
    "aic bic cer crps ece eer fid fnr fpr mae mape mase mbe medae mpe mrae mse msle nmae nmse nrmse"
    " rmse rmsle rmspe rse sse smape smse ter wape wer wmape"
)
_TAKEN = "duration elapsed latency ms runtime seconds time"
_SMALLER = frozenset(f"{_LOST_OR_WRONG} {_BY_INITIALS} {_TAKEN}".split())
# `neg_mean_squared_error` is how scikit-learn turns one round.
_TURNED = frozenset({"neg", "negative", "minus"})


def goal_by_name(metric: str) -> Goal:
    """Say which end of a metric is the good one, as far as its name tells: else the greatest."""
    words = {word.lower() for word in _WORDS.findall(metric)}
    return Goal.MIN if words & _SMALLER and not words & _TURNED else Goal.MAX


def goal_of(metric: str, told: Goal | None) -> Goal:
    """Say which end of a metric is the good one.

    Args:
        metric: Its name.
        told: What whoever asks has said; None if nothing.
    """
    return told or goal_by_name(metric)
