# Everything is set up on first use; see README.md.
PY := .venv/bin/python

.PHONY: demo test check unit bench readers soak recall format lock clean setup setup-dev setup-bench

demo: setup ## Draw pictures, edit them, list some, scan, show what was found
	@.venv/bin/safehold demo

test: check unit ## Everything that must pass

check: setup-dev ## Format, lint, types, imports
	.venv/bin/ruff format --check src tests benchmarks
	.venv/bin/ruff check src tests benchmarks
	.venv/bin/mypy
	.venv/bin/lint-imports

unit: setup-dev ## The tests of the program, and of what the documents say
	$(PY) -m pytest -n 2 --dist loadfile

bench: setup-bench ## Speed beside the peers, in ratios; writes benchmarks/results/
	$(PY) benchmarks/bench.py

recall: setup-bench ## What is found of edited pictures, and what is wrongly matched
	$(PY) benchmarks/recall.py

readers: setup-bench ## What Safehold, sd-parsers and exiftool read of files of generators
	$(PY) -m benchmarks.provenance_readers

soak: setup-dev ## Long runs: damaged files, kills of scans and of the service, its memory, a long list
	$(PY) benchmarks/soak_mutations.py
	$(PY) benchmarks/soak_resume.py
	$(PY) benchmarks/soak_service_kills.py
	$(PY) benchmarks/soak_service_memory.py
	$(PY) benchmarks/growing.py
	$(PY) benchmarks/retro.py
	$(PY) -m benchmarks.provenance_hostile
	$(PY) -m benchmarks.provenance_watermarks

format: setup-dev ## Put the code in form
	.venv/bin/ruff format src tests benchmarks
	.venv/bin/ruff check --fix src tests benchmarks

lock: setup-dev ## Pin dependencies anew
	scripts/lock

setup:
	@scripts/setup run

setup-dev:
	@scripts/setup dev

setup-bench:
	@scripts/setup bench

clean: ## Remove what was made here
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
