"""Run a notebook once for each point of a grid of parameters, and compare the runs."""
