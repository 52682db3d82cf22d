# Two images of the same service. `docker build .` makes the big one, with JupyterLab;
# `docker build --target slim .` makes one with only what serving needs. And the big one with
# TensorBoard, for the research environment: `docker build --target lab .`.
ARG BASE_IMAGE=quay.io/jupyter/datascience-notebook:2026-08-24
ARG SLIM_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS notebook
WORKDIR /home/jovyan
# Requirements first: an edited module does not install them anew.
COPY requirements.txt /tmp/
# A folder that WORKDIR, COPY or a volume makes is root's, so every folder is made here. A named
# volume takes over its folder's owner.
RUN pip install --no-cache-dir -r /tmp/requirements.txt && mkdir -p /tmp/runner model runs
COPY --chown=${NB_UID}:${NB_GID} pyproject.toml README.md LICENSE /tmp/runner/
COPY --chown=${NB_UID}:${NB_GID} runner /tmp/runner/runner
RUN pip install --no-cache-dir --no-deps /tmp/runner
COPY --chown=${NB_UID}:${NB_GID} notebooks notebooks
ENV RUNNER_HOST=0.0.0.0
EXPOSE 8000
# Instead of the base image's check, which asks for a Jupyter server.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s CMD ["runner", "probe"]
# The base image's ENTRYPOINT stays: its tini hands SIGTERM on to the runner.
CMD ["runner", "serve", "notebooks/serve.ipynb"]

FROM notebook AS lab
RUN pip install --no-cache-dir --constraint /tmp/requirements.txt '/tmp/runner[lab]'

FROM ${SLIM_IMAGE} AS slim
RUN apt-get update && apt-get install -y --no-install-recommends tini \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 --gid users jovyan && chmod 755 /home/jovyan
WORKDIR /home/jovyan
COPY requirements.txt pyproject.toml README.md LICENSE /tmp/runner/
COPY runner /tmp/runner/runner
RUN pip install --no-cache-dir --constraint /tmp/runner/requirements.txt '/tmp/runner[serve]'
USER 1000
RUN mkdir -p model runs
COPY --chown=1000:100 notebooks notebooks
ENV RUNNER_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s CMD ["runner", "probe"]
ENTRYPOINT ["tini", "-g", "--"]
CMD ["runner", "serve", "notebooks/serve.ipynb"]

# What a build without --target gives.
FROM notebook
