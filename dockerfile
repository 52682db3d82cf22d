# Two images of the same service. `docker build .` makes the big one, with JupyterLab;
# `docker build --target slim .` makes one with only what serving needs.
ARG BASE_IMAGE=quay.io/jupyter/datascience-notebook:2026-08-24
ARG SLIM_IMAGE=python:3.13-slim

FROM ${BASE_IMAGE} AS notebook
WORKDIR /home/jovyan
# Requirements first: an edited notebook or module does not install them anew.
COPY --chown=${NB_UID}:${NB_GID} requirements.txt pyproject.toml ./
RUN pip install --no-cache-dir -r requirements.txt
COPY --chown=${NB_UID}:${NB_GID} README.md LICENSE ./
COPY --chown=${NB_UID}:${NB_GID} runner runner
COPY --chown=${NB_UID}:${NB_GID} notebooks notebooks
# A named volume takes over its folder's owner, so the folders must exist and be the user's.
RUN pip install --no-cache-dir --no-deps . && mkdir -p model runs
ENV RUNNER_HOST=0.0.0.0
EXPOSE 8000
# Instead of the base image's check, which asks for a Jupyter server.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s \
    CMD ["python", "-m", "runner", "probe"]
# The base image's ENTRYPOINT stays: its tini hands SIGTERM on to the runner.
CMD ["runner", "serve", "notebooks/serve_asgi.ipynb"]

FROM ${SLIM_IMAGE} AS slim
RUN apt-get update && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* && useradd --create-home --uid 1000 --gid users jovyan
WORKDIR /home/jovyan
COPY requirements.txt pyproject.toml README.md LICENSE ./
COPY runner runner
RUN pip install --no-cache-dir --constraint requirements.txt '.[serve]' \
    && mkdir -p model runs && chown jovyan:users . model runs
COPY --chown=1000:100 notebooks notebooks
USER 1000
ENV RUNNER_HOST=0.0.0.0
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s \
    CMD ["python", "-m", "runner", "probe"]
ENTRYPOINT ["tini", "-g", "--"]
CMD ["runner", "serve", "notebooks/serve_asgi.ipynb"]

# What a build without --target gives.
FROM notebook
