"""Serve a model or a function as a typed endpoint."""
