"""Be the processes in which notebooks are run, or fork them: for a supervisor and for a sweep.

In come orders, as lines on stdin; out go records, exit codes and, through kernels, what they tell
the supervisor. `child` is one run, `service_run` what it does with a notebook that is to serve,
`fork_server` the process from which runs and kernels are forked.

A change must not break: whoever starts a process ends it, by its number; a run ends with who
gave it its orders, however that ends; nothing is imported before a fork that does not survive one;
orders of an earlier release are understood: what gives them goes on when the package is upgraded.
"""
