# Each target does its own set-up; Python 3.11 or later and make are all that it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WHEEL := $(VENV)/wheel

.PHONY: help demo test lint types wheel-check ci ci-full test-lowest bench peers peers-quick figures clean

help:
	@echo "make demo     restore a blurred photograph, pictures in demo/"
	@echo "make test     run the tests"
	@echo "make ci       tests, lint, types, and a look into the wheel"
	@echo "make ci-full  ci, and what takes longer"
	@echo "make bench    quick timings of everything, by asv"
	@echo "make peers    unblur beside other libraries; tables and figures in docs/"

# The stamps make a set-up again when what it is made from changes.
$(VENV)/user: setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "unblur needs Python 3.11 or later; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --upgrade pip
	$(BIN)/python -m pip install -qq --editable .
	@touch $@

$(VENV)/dev: $(VENV)/user
	$(BIN)/python -m pip install -qq --editable '.[dev]'
	@touch $@

# Types are checked on what users get: the wheel, installed on its own.
$(VENV)/types: setup.cfg pyproject.toml $(wildcard src/unblur/* src/unblur/*/*.py) $(wildcard operators/*.py) $(wildcard inversion/*.py) | $(VENV)/dev
	rm -rf $(WHEEL) build
	$(BIN)/python -m build --wheel --outdir $(WHEEL) . >/dev/null
	test -d $(VENV)/installed || $(PYTHON) -m venv $(VENV)/installed
	$(VENV)/installed/bin/python -m pip install -qq "$$(echo $(WHEEL)/*.whl)[types]"
	$(VENV)/installed/bin/python -m pip install -qq --force-reinstall --no-deps $(WHEEL)/*.whl
	rm -rf build
	@touch $@

demo: $(VENV)/user
	$(BIN)/unblur demo --output demo

test: $(VENV)/dev
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

lint: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/types
	cd $(VENV) && installed/bin/python -m mypy -p unblur --config-file ../pyproject.toml

wheel-check: $(VENV)/types
	$(BIN)/python tests/wheel_contents.py $(WHEEL)/*.whl

# A fixed subset that stays under 20 minutes for good; what takes longer is marked slow.
ci: test lint types wheel-check

# The lower bounds that setup.cfg promises.
test-lowest:
	test -d $(VENV)/lowest || $(PYTHON) -m venv $(VENV)/lowest
	$(VENV)/lowest/bin/python -m pip install -qq --upgrade pip
	$(VENV)/lowest/bin/python -m pip install -qq --constraint .ci/lowest.txt --editable '.[test]'
	$(VENV)/lowest/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

ci-full: ci test-lowest
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile -m slow
	$(BIN)/unblur demo --output demo

$(VENV)/bench: $(VENV)/user
	$(BIN)/python -m pip install -qq --editable '.[bench]'
	@touch $@

# Each once, at the smaller sizes, in the code as it stands; `asv run` measures commits, at all sizes.
bench: $(VENV)/bench
	$(BIN)/asv machine --yes >/dev/null
	$(BIN)/asv run --python=same --quick --dry-run --show-stderr --bench '\((64|256|512),'

# Side by side, each library in an environment of its own below .peers/; then growth and start-up.
peers: $(VENV)/user
	$(BIN)/python benchmarks/peers/run.py --write-docs
	$(BIN)/python benchmarks/peers/growth.py --write-docs
	$(BIN)/python benchmarks/startup.py --write-docs

peers-quick: $(VENV)/user
	$(BIN)/python benchmarks/peers/run.py --quick
	$(BIN)/python benchmarks/peers/growth.py --quick
	$(BIN)/python benchmarks/startup.py --repeats 3

# The picture in the README.
figures: demo
	$(BIN)/python -c "from PIL import Image; Image.open('demo/comparison.png').convert('RGB').save('docs/demo.jpg', quality=90)"

clean:
	rm -rf $(VENV) build dist demo
