# Every target works as the first command on a machine with Python 3.11 and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: setup demo test lint bench bench-dedup bench-classifiers test-faults fuzz docs clean

setup: .venv/ready  ## leave the environment in .venv

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,notebooks]'
	touch .venv/ready

# What trains on the shards is installed to be tested against, and for nothing else.
.venv/ready-to-test: .venv/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,notebooks,consumers]'
	touch .venv/ready-to-test

demo: setup  ## the main job on the sample crawl; prints where to look
	$(BIN)/python -m tests.sample_crawl demo/crawl
	$(BIN)/seimai run demo/crawl --out demo/run
	$(BIN)/seimai verify demo/run

test: .venv/ready-to-test lint  ## linters, types and all tests
	$(BIN)/pytest --numprocesses 2 --dist loadfile

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup  ## speed, stage by stage
	$(BIN)/python -m bench.stages

bench-dedup: setup  ## grouping at 100 k, 1 M and 10 M documents; needs 40 GB of scratch
	$(BIN)/python -m bench.dedup 100000 1000000 10000000

bench-classifiers: setup  ## speed of the classifiers, step by step
	$(BIN)/python -m bench.classifiers

test-faults: setup  ## harm that is really done, at length: kills, full disks, hostile expressions
	$(BIN)/pytest tests/faults/kills.py tests/faults/resources.py tests/faults/expressions.py

fuzz: setup  ## coverage-guided fuzzing, five minutes each of pages and of files
	$(BIN)/pip install --quiet atheris==3.0.0 && mkdir -p build/fuzz/pages build/fuzz/files
	$(BIN)/python -m fuzz.pages -max_total_time=300 build/fuzz/pages fuzz/seeds/pages
	$(BIN)/python -m fuzz.files -max_total_time=300 build/fuzz/files fuzz/seeds/files

docs: setup  ## the generated pages of docs/
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv demo build site
