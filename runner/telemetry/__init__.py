"""Say what happens in one form, and of which request: lines of the log, W3C Trace Context, spans.

Both our processes and the kernel's workers need it, so it stands on the ground.
"""
