# Two commands for a newcomer: `make serve` and `make test`. `make help` lists the rest.
PYTHON ?= python3
NOTEBOOK ?= notebooks/serve.ipynb
PORT ?= 8000
# An example needs the model that its own train notebook writes, if it has one.
EXAMPLE := $(patsubst notebooks/examples/%/,%,$(filter notebooks/examples/%,$(dir $(NOTEBOOK))))
TRAINED_BY := $(wildcard notebooks/examples/$(EXAMPLE)/train.ipynb)
MODEL := $(if $(EXAMPLE),$(if $(TRAINED_BY),model/$(EXAMPLE).json),model/iris.json)
LAB_PORT ?= 8888
TENSORBOARD_PORT ?= 6006
COCKPIT_PORT ?= 8002
# As root, or by a sudo that asks for no password.
APT_GET := $(if $(filter 0,$(shell id -u)),,sudo -n )apt-get
NBSTRIPOUT := nbstripout --keep-id
LABEXTENSIONS := share/jupyter/labextensions
JUPYTER_CONFIG := etc/jupyter/jupyter_server_config.d
# Only what the lock files name, by its hash; nothing is built, so nothing else is fetched.
INSTALL = .venv/bin/python -m pip install --quiet --disable-pip-version-check
LOCKED = $(INSTALL) --only-binary :all: --require-hashes --requirement
# One process more than there are cores: tests wait for a good part of their time. A file's tests
# share services, so they stay together; the long ones of tests/contract and tests/e2e begin first.
IN_PARALLEL = --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses 4 \
	--dist loadfile --no-loadscope-reorder

export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Bytecode is kept: else each process compiles our modules anew, a thousand of them in the tests.
unexport VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help serve train lab cockpit test test-unit lint format labextension test-browser test-docker test-replicas test-swarm test-slurm test-dask test-kubernetes test-versions lock audit digest bench bench-start fuzz git-setup docs pictures clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: .venv/installed $(MODEL)  ## serve a notebook; NOTEBOOK= and PORT= choose others
	runner serve $(NOTEBOOK) --port $(PORT) --reload

train: .venv/installed  ## train the model anew
	runner run notebooks/train.ipynb

# JupyterLab refuses to run as root, as in a container, unless it is told to.
lab: export LAB_FLAGS := $(if $(filter 0,$(shell id -u)),--allow-root)
lab: export LAB_PORT := $(LAB_PORT)
lab: export LAB_ENVIRONMENT := $(CURDIR)/.venv
lab: export TENSORBOARD_PORT := $(TENSORBOARD_PORT)
lab: .venv/lab .venv/cockpit  ## JupyterLab and TensorBoard on LAB_PORT= and TENSORBOARD_PORT=; Ctrl-C ends both
	@mkdir -p runs/logs
	@exec honcho start --procfile notebooks/examples/lab/Procfile

cockpit: .venv/installed .venv/cockpit  ## all services in the browser; COCKPIT_PORT= chooses the port
	runner cockpit --port $(COCKPIT_PORT)

test: .venv/tested-with  ## run everything that needs no container
	pytest $(IN_PARALLEL) -m "not docker and not browser"

test-unit: .venv/tested-with  ## run what needs no process and no port, in a minute
	pytest $(IN_PARALLEL) tests/unit

lint: .venv/tested-with docs  ## check style, types, imports, documentation and that no notebook holds outputs
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	$(NBSTRIPOUT) --verify $$(git ls-files '*.ipynb')

format: .venv/tested-with  ## mend what can be mended by machine
	ruff check --fix .
	ruff format .
	$(NBSTRIPOUT) $$(git ls-files '*.ipynb')

# Anew each time: Sphinx cannot know which pages a change of the code concerns.
docs: .venv/tested-with  ## build the documentation into docs/_build/html
	sphinx-build --fresh-env -W --keep-going --nitpicky --quiet docs docs/_build/html

pictures: .venv/browser  ## take the pictures of the documentation anew, in Chromium
	python docs/images/make.py

# What is built is committed, so that nobody else needs node: see docs/development.md.
labextension: .venv/tested-with  ## build JupyterLab's extension anew from labextension/ (needs node)
	cd labextension && jlpm install --immutable && jlpm build

test-docker: .venv/tested-with  ## build the images and test them on this machine's engine
	pytest -m docker

# What follows starts engines of its own, on hosts of its own: benchmarks/engines/README.md.
test-replicas: .venv/tested-with  ## update two replicas behind HAProxy and nginx, and kill a node (root; REPLICAS=)
	@{ command -v haproxy && command -v nginx; } >/dev/null || $(APT_GET) install --yes haproxy nginx-light
	python benchmarks/engines/replicas.py $(REPLICAS)

test-swarm: .venv/tested-with  ## deploy deploy/swarm/ on three Docker engines, and update it (root; IMAGE=, SWARM=)
	@command -v haproxy >/dev/null || $(APT_GET) install --yes haproxy
	python benchmarks/engines/swarm.py $(SWARM)

test-slurm: .venv/tested-with  ## sweep on a Slurm of two nodes, by shards and by dask-jobqueue (root; SLURM=)
	@{ command -v slurmctld && command -v slurmd && command -v munged; } >/dev/null || \
		$(APT_GET) install --yes --no-install-recommends slurmctld slurmd slurm-client munge
	python benchmarks/engines/slurm.py $(SLURM)

test-dask: .venv/tested-with  ## sweep on two dask nodes, kill what can be killed, and compare with -j 2 (root; DASK=)
	python benchmarks/engines/sweep_on_dask.py $(DASK)

KUBERNETES_CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/runner-engines/kubernetes
test-kubernetes: .venv/tested-with  ## serve on a Kubernetes of two nodes, built once (root; IMAGE=, KUBERNETES=)
	@[ -x $(KUBERNETES_CACHE)/bin/kubectl ] || \
		$(APT_GET) install --yes --no-install-recommends golang-1.19 jq rsync dpkg-dev
	benchmarks/engines/kubernetes/build.sh $(KUBERNETES_CACHE)
	python benchmarks/engines/kubernetes_serving.py $(KUBERNETES)

# Each version of Python that can be had here; uv makes the environments below .venv.
test-versions: .venv/tested-with .venv/tools  ## test the lowest and the newest versions of the libraries, by each Python
	python tests/versions.py $(VERSIONS)

lock: .venv/tools  ## write the lock files anew; LOCK=--upgrade takes the newest versions
	python tests/lock_files.py $(LOCK)

# All others are parts of these two. What cannot be asked about counts as a failure, too.
audit: .venv/tools  ## ask which locked versions are known to be vulnerable; AUDIT= is for pip-audit
	@for lock in test tools; do \
		pip-audit --strict --require-hashes --disable-pip --progress-spinner off $(AUDIT) \
			--requirement locks/$$lock.txt || { \
			echo "locks/$$lock.txt: not known to be free of vulnerabilities: some are named above," >&2; \
			echo "or the index could not be asked (no network, or a mirror without advisories)" >&2; \
			exit 1; }; \
	done

digest:  ## pull the base images, and write their digests to .env, which pins them for compose
	@.ci/digests dockerfile .env

test-browser: .venv/browser  ## test the pages in headless Chromium
	pytest -m browser

bench: .venv/tested-with  ## measure how fast a model is served, against others (needs wrk)
	python benchmarks/bench $(BENCH)

fuzz: .venv/tested-with  ## attack a served model by 100,000 wrong bodies, by schemathesis, and by what once ended it
	python benchmarks/bench/fuzz.py $(FUZZ)
	python benchmarks/wire_cases.py $(WIRE)

bench-start: .venv/tested-with model/iris.json  ## measure the cold start against plain papermill
	python benchmarks/cold_start.py

git-setup: .venv/tested-with  ## show notebooks as text in this clone's git diff
	git config diff.jupytext.textconv "jupytext --from ipynb --to py:percent --output -"

clean:  ## remove what the other commands made
	rm -rf .venv runs model/*.joblib model/*.json *.egg-info build dist docs/_build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

model/iris.json: | .venv/installed
	runner run notebooks/train.ipynb

model/%.json: | .venv/installed
	runner run notebooks/examples/$*/train.ipynb

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; PYTHON=python3.13 chooses one" >&2; exit 1; }
	$(PYTHON) -m venv .venv

# What a wheel puts where Jupyter looks is linked here: an editable install leaves it out.
.venv/installed: locks/notebook.txt pyproject.toml | .venv/bin/python
	@echo "installing into .venv; this takes about a minute the first time"
	@$(LOCKED) locks/notebook.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@mkdir -p .venv/$(LABEXTENSIONS) .venv/$(JUPYTER_CONFIG)
	@ln -sfn "$(CURDIR)/runner/lab/data/$(LABEXTENSIONS)/notebook-runner" .venv/$(LABEXTENSIONS)
	@ln -sf "$(CURDIR)/runner/lab/data/$(JUPYTER_CONFIG)/notebook_runner.json" .venv/$(JUPYTER_CONFIG)
	@touch $@

.venv/tested-with: locks/test.txt .venv/installed
	@$(LOCKED) locks/test.txt
	@touch .venv/lab .venv/cockpit $@

.venv/lab: locks/lab.txt .venv/installed
	@$(LOCKED) locks/lab.txt
	@touch $@

.venv/cockpit: locks/cockpit.txt .venv/installed
	@$(LOCKED) locks/cockpit.txt
	@touch $@

.venv/tools: locks/tools.txt .venv/installed
	@$(LOCKED) locks/tools.txt
	@touch $@

.venv/browser: .venv/tested-with
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
		$(APT_GET) install --yes chromium || \
		{ echo "Chromium is missing; Debian and Ubuntu have it: apt-get install chromium" >&2; exit 1; }
	@touch $@
