"""Decide who may ask, before anything of an app runs.

In come a request's method, path and headers; out goes the name of the key that was given, or a
refusal. Both worlds decide by it: the workers, and the supervisor for what it passes on itself.
A change must not break: whoever is not let in learns nothing but that, in a time that depends on
no key; keys are known by their hashes only; and what is switched off costs nothing.
"""
