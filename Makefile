# Every target works as the first command on a machine with Python 3.11 and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: setup demo test lint bench bench-many bench-peers bench-tables bench-dedup bench-select bench-classifiers profile test-faults fuzz audit docs clean

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

INPUTS := bench/work/inputs/typical.warc.gz

$(INPUTS): bench/inputs.py bench/truth.py | setup
	$(BIN)/python -m bench.inputs
	touch $(INPUTS)

# Two glibc settings that the program gives its own workers; see pipeline/workers.py.
bench bench-many profile: export MALLOC_TRIM_THRESHOLD_ = 1000000000
bench bench-many profile: export MALLOC_MMAP_THRESHOLD_ = 1000000000

bench: setup $(INPUTS)  ## speed by stage, ceilings, the share of Beam, a second worker
	$(BIN)/python -m bench.ceilings
	$(BIN)/python -m bench.lengths
	$(BIN)/python -m bench.shares
	$(BIN)/python -m bench.not_japanese
	$(BIN)/python -m bench.scaling workers
	$(BIN)/python -m bench.tables

bench-many: setup $(INPUTS)  ## near-duplicates among 500,000 texts
	$(BIN)/python -m bench.scaling many
	$(BIN)/python -m bench.tables

TASKS ?= t1 t2 t3
bench-peers: setup $(INPUTS)  ## datatrove, HojiChar and others on the same work; TASKS=t1 for one
	$(BIN)/python -m bench.peers.environments
	$(BIN)/python -m bench.peers $(TASKS)
	$(BIN)/python -m bench.tables

bench-tables: setup  ## docs/benchmarks.md from bench/results.json
	$(BIN)/python -m bench.tables

bench-dedup: setup  ## grouping at 100 k, 1 M and 10 M documents; needs 40 GB of scratch
	$(BIN)/python -m bench.dedup 100000 1000000 10000000
	$(BIN)/python -m bench.tables

bench-select: setup  ## select over 1,000,000 generated rows; and beside extract and score
	$(BIN)/python -m bench.selecting 1000000 bench/work/selecting
	$(BIN)/python -m bench.reselecting
	$(BIN)/python -m bench.tables

bench-classifiers: setup  ## speed of the classifiers, step by step
	$(BIN)/python -m bench.classifiers
	$(BIN)/python -m bench.tables

PROFILE := bench/work/profile
profile: setup $(INPUTS)  ## where the whole job spends its time: a table and a flame graph
	$(BIN)/pip install --quiet py-spy==0.4.2
	rm -rf $(PROFILE) && mkdir -p $(PROFILE)
	$(BIN)/py-spy record --rate 100 --subprocesses --format raw --output $(PROFILE)/stacks.txt -- \
		$(BIN)/seimai run $(INPUTS) --out $(PROFILE)/run --workers 1 --quiet
	rm -rf $(PROFILE)/run
	$(BIN)/py-spy record --rate 100 --subprocesses --output $(PROFILE)/flame.svg -- \
		$(BIN)/seimai run $(INPUTS) --out $(PROFILE)/run --workers 1 --quiet
	$(BIN)/python -m bench.profiling $(PROFILE)/stacks.txt | tee $(PROFILE)/table.txt

test-faults: setup  ## harm that is really done, at length: kills, full disks, hostile expressions
	$(BIN)/pytest tests/faults/kills.py tests/faults/resources.py tests/faults/expressions.py

fuzz: setup  ## coverage-guided fuzzing, five minutes each of pages, of files and of bundles
	$(BIN)/pip install --quiet atheris==3.0.0
	mkdir -p build/fuzz/pages build/fuzz/files build/fuzz/bundles
	$(BIN)/python -m fuzz.pages -max_total_time=300 build/fuzz/pages fuzz/seeds/pages
	$(BIN)/python -m fuzz.files -max_total_time=300 build/fuzz/files fuzz/seeds/files
	$(BIN)/python -m fuzz.bundles -max_total_time=300 -len_control=0 -rss_limit_mb=1500 \
		build/fuzz/bundles fuzz/seeds/bundles

audit: setup  ## known weaknesses of the pinned libraries; asks services on the network
	$(BIN)/pip install --quiet pip-audit==2.10.1
	$(BIN)/pip-audit --requirement constraints.txt --no-deps

docs: setup  ## the generated pages of docs/
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv demo build site
