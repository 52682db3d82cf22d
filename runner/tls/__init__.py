"""Speak TLS: read and renew certificates, and stand between a client's socket and what answers.

The supervisor's relay and the workers both do, so it is ground. Python's `ssl` does the work: its
defaults say which versions and ciphers there are.
"""
