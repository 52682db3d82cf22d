"""Keep one notebook served: start its runs, restart what dies, swap versions without a gap.

In come signals, edits, and what the command line and the kernels say; out go orders to runs, the
listening sockets, and what `out.ipynb` and the status show. `lifecycle` decides everything, by
one table and without a clock or a process of its own; the rest carries out and reports.

A change must not break: no user code runs here; the sockets outlive every run; what serves goes on
until its successor serves; nothing is waited for without a deadline.
"""
