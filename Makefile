# Every target makes its own environment first; `make` alone lists them.
PYTHON ?= python3
BIN = .venv/bin
export PYTHON

# One thread is as fast for so little audio, and ten times as fast where others use the machine:
# OpenMP's threads wait for each other in a busy loop.
export OMP_NUM_THREADS ?= 1

# Python stores what it has compiled, even where the environment forbids it: to compile all of torch,
# scipy and pandas again takes seconds in each of the many processes that the tests start.
export PYTHONDONTWRITEBYTECODE =

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*##\(.*\)/  make \1\t\2/p' Makefile | expand -t 22

env: .venv/installed  ## install system packages, .venv and this package

.venv/installed: requirements.txt requirements-nussl.txt requirements-dev.txt constraints.txt apt.txt pyproject.toml
	@scripts/install.sh

.venv/test-packages: apt-test.txt .venv/installed
	@scripts/apt.sh --optional $$(cat apt-test.txt)
	@touch $@

.venv/book-packages: requirements-docs.txt .venv/installed
	@$(BIN)/uv pip install --quiet --python $(BIN)/python -r requirements-docs.txt -c constraints.txt
	@touch $@

demo: .venv/installed  ## separate thirty seconds of a chorale into demo/
	@$(BIN)/python scripts/demo.py

lint: .venv/installed  ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

check: lint  ## lint and the unit tests, without running notebooks
	@$(BIN)/python -m pytest -n auto --dist loadfile -m "not notebook"

test: .venv/test-packages .venv/book-packages lint  ## everything that CI runs
	@$(BIN)/python -m pytest -n auto --dist loadfile

notebooks: .venv/installed  ## write Notebooks/**/*.ipynb and the badges from Notebooks/**/*.py
	@$(BIN)/python scripts/notebooks.py

book: .venv/book-packages  ## build the course as a static site in build/book/html
	@$(BIN)/python scripts/book.py

outputs: .venv/installed  ## execute the notebooks, or NAME=04_htdemucs, and store the outputs
	@$(BIN)/python scripts/outputs.py $(NAME)

results: .venv/installed  ## write the tables of the pages from Results/*.csv
	@$(BIN)/python -m helpers.evaluation.results
	@$(BIN)/python scripts/pages.py

licences: .venv/installed  ## write cards and docs/licences.md from helpers/training/materials.json
	@$(BIN)/python scripts/licences.py

colab-check: .venv/installed  ## show what installing on Colab would change
	@$(BIN)/python scripts/colab_check.py $(FREEZE)

constraints: .venv/installed  ## resolve constraints.txt again, for Python 3.10 to 3.13
	@scripts/constraints.sh

release: .venv/installed  ## pack models and tables into dist/, and describe them in helpers/release.json
	@$(BIN)/python scripts/release.py

clean:  ## remove .venv, demo/ and build/
	rm -rf .venv demo build

.PHONY: help env demo lint check test notebooks outputs book results licences colab-check constraints release clean
