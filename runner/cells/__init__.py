"""Serve annotated cells, as Jupyter Kernel Gateway has them."""
