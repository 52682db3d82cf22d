"""Run a sweep's points on other machines, by dask.

In come a target as ``--on`` names it and the points; out go the same folders as of a local sweep.
`cluster` finds the nodes, `bundle` is what travels to them, `point_task` is what they do with it,
`handover` what they give back, `worker_deaths` what becomes of points whose workers die,
`remote_runs` and `driver` how the driver has all that done.
A change must not break: nodes write only in scratch folders, the driver alone puts files in place,
the record last; secrets stand in no key and no log of dask's; only public names of dask are used.
"""
