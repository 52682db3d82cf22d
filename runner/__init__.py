"""Turn a Jupyter notebook, unchanged, into a production HTTP service."""

__version__ = "0.1.0"
