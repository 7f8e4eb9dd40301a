# Two commands on a fresh machine: `make demo` and `make test`. Both set themselves up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO_OUT ?= demo-run

.PHONY: demo test lint types layers check clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# The constraints file pins torch: with an open range pip may take a newer build with several GB of CUDA.
$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "== setting up $(VENV): one to three minutes, the first time only =="
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	@echo "== 1 of 2: train on scikit-learn's handwritten digits, measure, report =="
	$(BIN)/learnloop fit digits --out $(DEMO_OUT) --overwrite
	@echo
	@echo "== 2 of 2: predict the first digit with it; it shows a 0 =="
	$(BIN)/learnloop predict $(DEMO_OUT) digits --rows 1
	@echo
	@echo "report: $(abspath $(DEMO_OUT))/report.html"

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy

layers: $(STAMP)
	$(BIN)/lint-imports

check: lint types layers test

clean:
	rm -rf $(VENV) $(DEMO_OUT)
