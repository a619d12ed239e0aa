# `make demo` and `make test` install what they need into .venv, and nothing outside this folder.

PYTHON ?= python3
CORES ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
BIN := .venv/bin
OBJECTS := .venv/objects

.PHONY: help setup setup-locked gpu-check demo viewer browser npm dicom-tools test test-unit test-workflow test-cluster test-nodes faults mutants mutants-sample fuzz fuzz-sample lint format clean

help:
	@echo "make demo    draw a phantom archive, run the whole workflow on it, show the Dice table, segment one more patient (two minutes on two cores)"
	@echo "make viewer  make the page to look through a study's volumes, and say how to open it (CONFIG=config/demo.yaml)"
	@echo "make test    run every test"
	@echo "make browser on Debian, as root: install the Chromium that the report's test opens"
	@echo "make npm     on Debian, as root: install the npm that fetches what the viewer draws with"
	@echo "make dicom-tools on Debian, as root: install the validator of DICOM files that a test asks"
	@echo "make test-cluster  on Debian, as root: run a study on a Slurm of its own (minutes)"
	@echo "make test-nodes  the same with two nodes, of which one dies (minutes)"
	@echo "make faults  kill, cut and fill every step of a phantom study, and restart it (20 minutes; FAULT_SEED=)"
	@echo "make mutants plant small bugs one at a time, and list those that the unit tests miss (MODULES=, SAMPLE=, SEED=)"
	@echo "make fuzz    change small files at random for an hour, and list those that are neither refused nor read as others do (SEED=, COUNT=)"
	@echo "make gpu-check  on a machine with a GPU: everything that only a GPU can show (20 minutes)"
	@echo "make lint    check formatting, style and types"
	@echo "make setup   only set up .venv with the pinned packages"
	@echo "make setup-locked  the same, and each file of a package must have its SHA-256 (Linux on x86-64, Python 3.11)"
	@echo "make clean   remove the demo's results"

setup: .venv/ready

.venv/ready: pyproject.toml envs/constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Python 3.11 or newer is needed: make PYTHON=python3.12 ...')"
	$(PYTHON) -m venv .venv
	@# pip has dependency groups since 25.1.
	$(BIN)/python -m pip install --quiet "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint envs/constraints.txt --group test
	touch $@

# The same, but each file must have the SHA-256 of envs/locked.txt: for Linux on x86-64 with Python 3.11.
setup-locked:
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "pip>=25.1"
	@# torch and the libraries for GPUs that it brings along are pinned by version: each kind of computer has builds of its own.
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement envs/locked.txt
	$(BIN)/python -m pip install --quiet --constraint envs/constraints.txt --group test
	touch .venv/ready

# On a machine with a GPU, under 20 minutes; with CHAOS_SAMPLE_ARCHIVE, `fast` on real patients too.
gpu-check: setup
	$(BIN)/python benchmarks/gpu_check.py --output docs/measurements/gpu.tsv

DEMO := results/demo

demo: setup $(DEMO)/phantom_exam.zip
	@# Its trainings are small: as many at a time as there are cores. The span is for a prompt end (profiles/default).
	$(BIN)/snakemake --configfile config/demo.yaml --cores $(CORES) --resources gpu=$(CORES) --max-jobs-per-timespan 200/2s \
		--config exam=$(DEMO)/phantom_exam.zip -- all segmented
	@# Snakemake shows no table if there was nothing to do.
	@find $(DEMO)/tables/summary.txt -mmin +1 -exec cat {} \; -exec echo "Figures: $(DEMO)/figures" \;
	@echo "A study of one's own, a phantom without ground truth: $(DEMO)/segmented/phantom_exam/slices.png"

$(DEMO)/phantom_exam.zip: | setup
	$(BIN)/python workflow/scripts/draw_exam.py $@

viewer: setup
	$(BIN)/snakemake $(if $(CONFIG),--configfile $(CONFIG)) --cores $(CORES) --resources gpu=1 -- viewer
	@# The job says how to open it; without a job, this does.
	@folder=$$(cat config/config.yaml $(CONFIG) | sed -n 's/^results: *//p' | tail -n 1)/viewer; \
		find $$folder/index.html -mmin +1 -exec echo "Open {} in a browser, or serve it: python -m http.server --directory $$folder" \;

# Without it the tests that open the report and the viewer are skipped.
browser:
	@{ command -v chromium && command -v chromedriver; } >/dev/null || { \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver; }

# Without it the viewer's test is skipped.
npm:
	@command -v npm >/dev/null || { \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends npm; }

# Without it the test that lets DICOM's own validator look at a mask is skipped.
dicom-tools:
	@command -v dciodvfy >/dev/null || { \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends dicom3tools; }

# Two files of tests at a time: a test's own Snakemake uses one core most of the time.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

# The object store that tests start, in a folder that no test reads for the project's own.
$(OBJECTS)/ready: tests/objects.txt | setup
	rm -rf $(OBJECTS)
	$(PYTHON) -m venv $(OBJECTS)
	$(OBJECTS)/bin/python -m pip install --quiet --requirement tests/objects.txt
	touch $@

test: setup $(OBJECTS)/ready
	$(PYTEST)

test-unit: setup $(OBJECTS)/ready
	$(PYTEST) tests/unit

test-workflow: setup $(OBJECTS)/ready
	$(PYTEST) tests/workflow

# Every class of test_every_rule.py is a study of its own. A part of it, on two rules, is in `make test`.
faults: setup
	$(BIN)/python -m pytest -n 2 --dist loadscope -m faults tests/faults tests/workflow/test_restarts.py

# The plugins are not in .venv: with Slurm's client installed and no controller, the one for Slurm delays every call.
.cluster/ready: pyproject.toml envs/constraints.txt .venv/ready
	rm -rf .cluster
	$(BIN)/python -m pip install --quiet --target .cluster --no-deps --constraint envs/constraints.txt --group cluster
	touch $@

# As little as the test of the profiles for clouds imports: their packages ask for another python-dateutil than ours.
.cloud/ready: tests/cloud.txt .venv/ready
	rm -rf .cloud
	$(BIN)/python -m pip install --quiet --target .cloud --no-deps --requirement tests/cloud.txt
	touch $@

test-cluster: setup .cluster/ready .cloud/ready $(OBJECTS)/ready
	@{ command -v slurmctld && command -v slurmd && command -v srun && command -v munged; } >/dev/null || { \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge; }
	PYTHONPATH=$(CURDIR)/.cluster $(BIN)/python -m pytest -m "not nodes" tests/cluster

# Two nodes, of which one dies; not part of `.ci/run`.
test-nodes: setup .cluster/ready
	PYTHONPATH=$(CURDIR)/.cluster $(BIN)/python -m pytest -m nodes tests/cluster

# MODULES="measure.metrics base" (all), SAMPLE=60 or EACH=20 of each module (all), SEED=1, JOBS=2, TABLE=docs/measurements/mutants.tsv.
mutants: setup
	PYTHONPATH=tests $(BIN)/python -m mutants $(MODULES) $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(EACH),--each $(EACH)) $(if $(SEED),--seed $(SEED)) \
		--jobs $(or $(JOBS),$(CORES)) $(if $(TABLE),--table $(TABLE))

# After the tests have passed; a mutant that takes a minute is killed.
mutants-sample: setup
	PYTHONPATH=tests $(BIN)/python -m mutants --sample 100 --jobs $(CORES) --limit 60 --bar 75

# SEED=1 (another one each time), FIRST=0, COUNT=4000 (what MINUTES=60 allows), KINDS="dicom png" (all), JOBS=2.
fuzz: setup
	PYTHONPATH=tests:workflow/scripts $(BIN)/python -m fuzz $(KINDS) $(if $(SEED),--seed $(SEED)) $(if $(FIRST),--first $(FIRST)) \
		$(if $(COUNT),--count $(COUNT)) --minutes $(or $(MINUTES),60) --jobs $(or $(JOBS),$(CORES))

# Fails if an input was found, or if five minutes were too few for a quarter of them.
fuzz-sample: setup
	PYTHONPATH=tests:workflow/scripts $(BIN)/python -m fuzz --count 4000 --minutes 5 --least 1000 --jobs $(CORES)

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint --configfile config/demo.yaml
	$(BIN)/hadolint containers/Dockerfile

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile workflow

clean:
	rm -rf results/demo
