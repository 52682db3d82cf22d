# Stands in for python:3.13-slim where there is no container registry: Debian with a
# Python in /usr/local. Bigger than the real one, which has no git, locales or sudo.
ARG ROOTFS
FROM ${ROOTFS}
RUN python3 -m venv --upgrade-deps /usr/local && ln -sf python3 /usr/local/bin/python
