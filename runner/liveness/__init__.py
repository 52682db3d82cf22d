"""Tell whether a process or a loop still turns, and a service is ready; one that hangs says where.

In come the times of questions and answers; out goes the verdict that one has waited for too long,
and the stacks of who did not answer. Both worlds watch by it: the supervisor its kernels, a kernel
its workers. And both say by it whether the service is ready: the answer is the same from either.
A change must not break: a machine that slept, or a tree of processes that was stopped as a whole,
condemns nobody; nothing is written while nobody asks; and to say where it hangs, a process needs
neither a thread that turns nor Python's lock.
"""
