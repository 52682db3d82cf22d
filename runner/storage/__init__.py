"""Read and write files by URL: `s3://`, `gs://`, `az://`, and `http(s)://` for reading.

In come URLs; out go local copies, kept up to date from there or copied to there.
A change must not break: whatever is done is done with the local copy, so that a storage that does
not answer stops nobody. Only `python -m runner.storage.process` imports fsspec, and only when a
URL was given; it can be killed at any moment. What is secret in a URL is said nowhere.
"""
