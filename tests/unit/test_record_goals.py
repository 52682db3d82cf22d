"""Which end of a metric is the good one."""

from __future__ import annotations

import pytest

from runner.record.goals import Goal, goal_of


@pytest.mark.parametrize(
    "metric",
    [
        *("loss", "val_loss", "valLoss", "test.loss", "log_loss", "logloss", "mae", "RMSE"),
        *("val/mse", "mean_squared_error", "top1_error", "MAPE", "wer", "fit_time", "seconds"),
        *("perplexity", "train_losses", "CrossEntropy", "brier", "smape_7d", "testRMSE"),
        *("AIC", "bic", "ece_15_bins", "CRPS"),
    ],
)
def test_a_loss_and_an_error_are_better_small(metric: str) -> None:
    """However the name is written, and whatever stands around it."""
    assert goal_of(metric, None) is Goal.MIN


@pytest.mark.parametrize(
    "metric",
    [
        *("accuracy", "f1", "r2", "auc", "roc_auc", "score", "neg_mean_squared_error", "recall"),
        *("lossless_share", "terror_recall", "maestro", "Negative Loss", "test_rows", ""),
    ],
)
def test_any_other_is_better_great(metric: str) -> None:
    """Also one that scikit-learn has turned round, or in whose name a word only begins so."""
    assert goal_of(metric, None) is Goal.MAX


@pytest.mark.parametrize("told", [Goal.MAX, Goal.MIN])
def test_what_is_told_counts(told: Goal) -> None:
    """Whatever the name says."""
    assert goal_of("loss", told) is told
    assert goal_of("accuracy", told) is told
