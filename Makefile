# make demo: install, run the small profile of a study (STUDY=ntu), write its report
# make demos: the demo of every study; with --jobs=2 two at a time
# make lint: install, check style, format and types
# make test: install, run the fast tests, print the fifteen slowest
# make test STACK=oldest: the same on the oldest supported versions; STACK=colab on those of Colab
# make test-oldest: loading, attacks and the Distiller on the oldest supported versions
# make notebooks: run all notebooks at demo size and keep their outputs
# make test-slow: install, run the tests that take longer, two at a time
# make test-browser: install selenium and axe-core, look at all pages in Chromium
# make test-faults: install Ray, kill runs and nodes, fill disks and so on; FAULTS=short for less of it
# make test-peers: install Foolbox and ART, hold the attacks against them; run exported networks
# make bench: the same, and measure speed and memory beside them, and runs on Ray

# A file of tests/stacks; without one, the newest versions.
STACK ?=
python_oldest := python3.11
python_colab := python3.13 python3.12
runs = $(shell $(1) -c "print('$(1)')" 2>/dev/null)
PYTHON ?= $(or $(firstword $(foreach each,$(python_$(STACK)),$(call runs,$(each)))),python3)
STUDY ?= ntu
VENV ?= .venv$(STACK:%=-%)
export TF_CPP_MIN_LOG_LEVEL ?= 3

python := $(VENV)/bin/python
exported := tests/models/test_conversion.py tests/test_reproduce_export.py
# Of every kind of attack, and of what they do with models.
attacks := $(patsubst %,tests/attacks/test_%.py,attack_protocol attacked_models changed_models \
	cleverhans_parity known_boundary known_optimum squashed_outputs)
stack := $(STACK:%=tests/stacks/%.txt)
pip_install := $(python) -m pip install --quiet --disable-pip-version-check $(stack:%=-c %)

.PHONY: demo demos lint test test-oldest test-slow test-faults test-browser test-peers bench notebooks clean

demo: $(VENV)/.installed
	$(python) reproduce.py run $(STUDY) --profile demo

# The longest first, so that two at a time end together.
demos: demo-wpi demo-icbai demo-rit_mnist demo-ntu demo-praxis

demo-%: $(VENV)/.installed
	$(python) reproduce.py run $* --profile demo

lint: $(VENV)/.installed-dev
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy

test: $(VENV)/.installed-dev
	$(python) -m pytest -n 2 --dist loadfile --durations=15 $(TESTS)

test-oldest:
	$(MAKE) test STACK=oldest TESTS="tests/models tests/distillation $(attacks)"

test-slow: $(VENV)/.installed-dev
	$(python) -m pytest -m slow -n 2 --dist worksteal --durations=15

test-browser: $(VENV)/.installed-browser $(VENV)/axe
	$(python) -m pytest tests/browser -m browser -n 2 --dist loadfile -rs --durations=5

test-faults: $(VENV)/.installed-dev $(VENV)/.installed-ray
	FAULTS=$(or $(FAULTS),long) $(python) -m pytest tests/faults -m faults --durations=5

test-peers: $(VENV)/.installed-peers
	$(python) -m pytest tests/peers $(exported) -m "slow or not slow"

bench: $(VENV)/.installed-peers $(VENV)/.installed-ray
	$(python) -m benchmarks.attacks
	$(python) -m benchmarks.training
	$(python) -m benchmarks.spread
	$(python) -m benchmarks.memory
	$(python) -m benchmarks.syncs --before benchmarks/results/syncs_before.json --look-every 8
	$(python) -m benchmarks.distances
	$(python) -m benchmarks.traces

notebooks: $(VENV)/.installed-dev
	$(python) -m notebooks

$(VENV)/.installed: requirements.txt $(stack) | $(VENV)
	$(pip_install) -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt $(stack) | $(VENV)
	$(pip_install) -r requirements-dev.txt
	touch $@

$(VENV)/.installed-browser: requirements-browser.txt requirements-dev.txt requirements.txt $(stack) | $(VENV)
	$(pip_install) -r requirements-browser.txt
	touch $@

$(VENV)/.installed-ray: requirements-ray.txt requirements.txt $(stack) | $(VENV)
	$(pip_install) -r requirements-ray.txt
	touch $@

# Without npm the checks of axe-core are skipped.
$(VENV)/axe: | $(VENV)
	npm install --silent --no-save --prefix $@ axe-core@~4.14.0 || rm -rf $@

$(VENV)/.installed-peers: requirements-peers.txt requirements-dev.txt requirements.txt $(stack) | $(VENV)
	$(pip_install) -r requirements-peers.txt
	touch $@

$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed (make PYTHON=python3.12 ...)" >&2; exit 1; }
	@echo "$(VENV)/ is of $$($(PYTHON) --version)$(STACK:%=, for the stack %)"
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf runs reports/results/*/demo
