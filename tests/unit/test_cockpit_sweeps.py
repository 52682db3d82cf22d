"""Sweeps: their points, the best first, and the picture."""

from __future__ import annotations

from pathlib import Path

from support.records import document, write, write_sweep

from runner.cockpit.run_index import RunIndex
from runner.cockpit.sweeps import Sweep, sweeps_of
from runner.cockpit.sweeps_picture import map_of, plots_of

ONE = {
    "C=0.1": ({"C": 0.1, "model_path": "/x/points/C=0.1/m"}, 0.5),
    "C=1": ({"C": 1, "model_path": "/x/points/C=1/m"}, 0.9),
    "C=100": ({"C": 100, "model_path": "/x/points/C=100/m"}, 0.7),
    "C=bad": ({"C": -1, "model_path": "/x/points/C=bad/m"}, None),
}
TWO = {
    f"a={a},b={b}": ({"a": a, "b": b}, a + len(b) / 10) for a in (1, 2) for b in ("x", "yy", "zzz")
}


def sweep_in(folder: Path) -> Sweep:
    (found,) = sweeps_of(RunIndex(folder).runs())
    return found


def test_points_stand_best_first_and_those_that_failed_last(tmp_path: Path) -> None:
    """Before there is a report the first metric counts, and the larger is better."""
    write_sweep(tmp_path / "runs/s", ONE)
    sweep = sweep_in(tmp_path)
    assert [run.point for run in sweep.points] == ["C=1", "C=100", "C=0.1", "C=bad"]
    assert (sweep.aim.name, sweep.names) == ("accuracy", ["C"])
    assert sweep.statuses == {"completed": 3, "failed": 1}
    assert [run.point for run in sweep.best] == ["C=1"]


def test_a_loss_is_better_small(tmp_path: Path) -> None:
    """As `runner sweep` takes it unless it is told."""
    for name, loss in (("a", 2.0), ("b", 1.0)):
        content = document(sweep_point=name, parameters={"n": name}, metrics={"val_loss": loss})
        write(tmp_path / f"s/points/{name}/out.ipynb", content)
    assert [run.point for run in sweep_in(tmp_path).points] == ["b", "a"]


def test_the_report_says_by_what_points_are_compared(tmp_path: Path) -> None:
    """Its metric, its goal and its parameters are those of the sweep."""
    write_sweep(tmp_path / "runs/s", ONE)
    said = {"metric": "accuracy", "goal": "min", "names": ["C"]}
    write(tmp_path / "runs/s/report.ipynb", document(sweep_point="report", parameters=said))
    sweep = sweep_in(tmp_path)
    assert [run.point for run in sweep.points] == ["C=0.1", "C=100", "C=1", "C=bad"]
    assert sweep.report is not None


def test_without_a_metric_the_shorter_run_is_the_better(tmp_path: Path) -> None:
    """As the report has it."""
    for name, seconds in (("a", 2.0), ("b", 1.0)):
        content = document(sweep_point=name, parameters={"n": name}, duration=seconds)
        write(tmp_path / f"s/points/{name}/out.ipynb", content)
    sweep = sweep_in(tmp_path)
    assert [run.point for run in sweep.points] == ["b", "a"]
    assert sweep.aim.name == "seconds"


def test_one_parameter_has_a_plot_with_a_dot_for_each_point(tmp_path: Path) -> None:
    """Numbers far apart stand by their logarithm; the best is marked, the failed is left out."""
    write_sweep(tmp_path / "s", ONE)
    sweep = sweep_in(tmp_path)
    assert map_of(sweep) is None
    (plot,) = plots_of(sweep)
    dots = {dot.run.point: dot for dot in plot.dots}
    assert list(dots) == ["C=1", "C=100", "C=0.1"]
    assert [dot.is_best for dot in dots.values()] == [True, False, False]
    assert dots["C=1"].x - dots["C=0.1"].x < dots["C=100"].x - dots["C=1"].x
    assert dots["C=1"].y < dots["C=100"].y < dots["C=0.1"].y
    assert [tick.text for tick in plot.across] == ["0.1", "1", "100"]


def test_two_parameters_make_a_map(tmp_path: Path) -> None:
    """A field for each pair of values, the better the stronger; the best is marked."""
    write_sweep(tmp_path / "s", TWO)
    found = map_of(sweep_in(tmp_path))
    assert found is not None
    assert (found.down, found.across, found.columns) == ("a", "b", ["x", "yy", "zzz"])
    assert [name for name, _ in found.rows] == ["1", "2"]
    fields = [[field for field in fields if field] for _, fields in found.rows]
    assert fields[0][0].level == 0
    assert fields[1][2].level == 7
    assert fields[1][2].is_best
    assert fields[1][2].run.point == "a=2,b=zzz"


def test_many_values_make_plots_in_place_of_a_map(tmp_path: Path) -> None:
    """A map of a hundred columns would tell nobody anything."""
    points = {f"{n}": ({"a": n, "b": n % 2}, n / 40) for n in range(40)}
    write_sweep(tmp_path / "s", points)
    sweep = sweep_in(tmp_path)
    assert map_of(sweep) is None
    assert [plot.name for plot in plots_of(sweep)] == ["a", "b"]
    assert len(plots_of(sweep)[0].across) <= 6


def test_a_sweep_of_which_nothing_has_ended_has_no_picture(tmp_path: Path) -> None:
    """It is listed all the same."""
    write_sweep(tmp_path / "s", {"C=bad": ({"C": -1}, None)})
    sweep = sweep_in(tmp_path)
    assert (plots_of(sweep), sweep.best) == ([], [])
