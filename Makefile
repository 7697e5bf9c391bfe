# make demo: install, run the small profile of a study (STUDY=ntu), write its report
# make demos: the demo of every study; with --jobs=2 two at a time
# make lint: install, check style, format and types
# make test: install, run the fast tests, print the fifteen slowest
# make test-slow: install, run the tests that take longer, two at a time
# make test-browser: install selenium and axe-core, look at all pages in Chromium
# make test-peers: install Foolbox and ART, hold the attacks against them; run exported networks
# make bench: the same, and measure speed and memory beside them

PYTHON ?= python3
STUDY ?= ntu
VENV ?= .venv
export TF_CPP_MIN_LOG_LEVEL ?= 2

python := $(VENV)/bin/python
exported := tests/models/test_conversion.py tests/test_reproduce_export.py
pip_install := $(python) -m pip install --quiet --disable-pip-version-check

.PHONY: demo demos lint test test-slow test-browser test-peers bench clean

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
	$(python) -m pytest -n 2 --dist loadfile --durations=15

test-slow: $(VENV)/.installed-dev
	$(python) -m pytest -m slow -n 2 --dist worksteal --durations=15

test-browser: $(VENV)/.installed-browser $(VENV)/axe
	$(python) -m pytest tests/browser -m browser -n 2 --dist loadfile -rs --durations=5

test-peers: $(VENV)/.installed-peers
	$(python) -m pytest tests/peers $(exported) -m "slow or not slow"

bench: $(VENV)/.installed-peers
	$(python) -m benchmarks.attacks
	$(python) -m benchmarks.training

$(VENV)/.installed: requirements.txt | $(VENV)
	$(pip_install) -r requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt | $(VENV)
	$(pip_install) -r requirements-dev.txt
	touch $@

$(VENV)/.installed-browser: requirements-browser.txt requirements-dev.txt requirements.txt | $(VENV)
	$(pip_install) -r requirements-browser.txt
	touch $@

# Without npm the checks of axe-core are skipped.
$(VENV)/axe: | $(VENV)
	npm install --silent --no-save --prefix $@ axe-core@~4.14.0 || rm -rf $@

$(VENV)/.installed-peers: requirements-peers.txt requirements-dev.txt requirements.txt | $(VENV)
	$(pip_install) -r requirements-peers.txt
	touch $@

$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed (make PYTHON=python3.12 ...)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf runs reports/results/*/demo
