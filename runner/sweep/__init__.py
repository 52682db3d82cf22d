"""Run a notebook once for each combination of some parameters' values, and compare the runs.

In come a notebook, fixed parameters and a grid of others; out go, in one folder, a record for each
point, a table, a report, and the command that runs the best point alone.
A change must not break: what is on the disk decides what is still to be run, no point is completed
twice, and no point touches the model that is being served.
"""
