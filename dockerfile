# Two images of the same service. `docker build .` makes the big one, with JupyterLab;
# `docker build --target slim .` makes one with only what serving needs. And the big one with
# TensorBoard, for the research environment: `docker build --target lab .`, and with the cockpit:
# `docker build --target cockpit .`.
ARG BASE_IMAGE=quay.io/jupyter/datascience-notebook:2026-08-24
ARG SLIM_IMAGE=python:3.13-slim
# A tag may be given to another image; `@sha256:…` behind it is one for ever. `make digest` finds both.
ARG BASE_DIGEST=
ARG SLIM_DIGEST=

FROM ${BASE_IMAGE}${BASE_DIGEST} AS notebook
WORKDIR /home/jovyan
# Requirements first: an edited module does not install them anew.
COPY locks/notebook.txt /tmp/locks/
# A folder that WORKDIR, COPY or a volume makes is root's, so every folder is made here. A named
# volume takes over its folder's owner.
RUN pip install --no-cache-dir --only-binary :all: --require-hashes -r /tmp/locks/notebook.txt \
    && mkdir -p /tmp/runner model runs
COPY --chown=${NB_UID}:${NB_GID} pyproject.toml README.md LICENSE /tmp/runner/
COPY --chown=${NB_UID}:${NB_GID} runner /tmp/runner/runner
RUN pip install --no-cache-dir --no-deps --no-build-isolation /tmp/runner
COPY --chown=${NB_UID}:${NB_GID} notebooks notebooks
ENV RUNNER_HOST=0.0.0.0
EXPOSE 8000
# Instead of the base image's check, which asks for a Jupyter server.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s CMD ["runner", "probe"]
# The base image's ENTRYPOINT stays: its tini hands SIGTERM on to the runner.
CMD ["runner", "serve", "notebooks/serve.ipynb"]

FROM notebook AS lab
COPY locks/lab.txt /tmp/locks/
RUN pip install --no-cache-dir --only-binary :all: --require-hashes -r /tmp/locks/lab.txt

FROM notebook AS cockpit
COPY locks/cockpit.txt /tmp/locks/
RUN pip install --no-cache-dir --only-binary :all: --require-hashes -r /tmp/locks/cockpit.txt

FROM ${SLIM_IMAGE}${SLIM_DIGEST} AS slim
# Python's slim image has no bytecode of its own modules, and its user may not write any: each start
# would compile them anew, which takes 0.3 s.
RUN apt-get update && apt-get install -y --no-install-recommends tini \
    && apt-get clean && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 --gid users jovyan && chmod 755 /home/jovyan \
    && python -m compileall -q -x '(site|dist)-packages|/test/' \
        "$(python -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
WORKDIR /home/jovyan
COPY locks/slim.txt /tmp/locks/
RUN pip install --no-cache-dir --only-binary :all: --require-hashes -r /tmp/locks/slim.txt
COPY pyproject.toml README.md LICENSE /tmp/runner/
COPY runner /tmp/runner/runner
RUN pip install --no-cache-dir --no-deps --no-build-isolation /tmp/runner
# By which SageMaker starts it: `docker run IMAGE serve`.
COPY deploy/sagemaker/serve /usr/local/bin/serve
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
