"""Describe a notebook's service to Kubernetes, KServe or Knative, as objects that are printed.

In come what `runner serve` is told, the notebook, and what was measured; out go objects of plain
dictionaries, and YAML. Nothing is asked of a cluster, and nothing applied there.
A change must not break: what is printed is valid by the published schemas, each selector matches
the pods, and times fit those of the service: a pod is not killed before it has drained.
"""
