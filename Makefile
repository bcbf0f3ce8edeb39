# The commands of Botbook. Every one works on a fresh checkout: what it needs is installed first.
#
#   make run       the terminal; ARGS go to it, for example: make run ARGS="--demo --headless"
#   make install   .venv and its packages (nothing to do the second time)
#   make test      all tests, the fast ones first; ARGS go to pytest
#   make check     ruff, mypy, import rules
#   make faults    the long form of the fault scripts
#   make soak      7 virtual days (SOAK_DAYS=n) under faults on SQLite and MariaDB; the books must be clean at the end
#   make bench     speeds beside their floors; QUICK=1 for the short form
#   make picture   docs/window.png from the running terminal
#   make clean     .venv and caches; home/ with its databases stays
#
# PYTHON=/path/to/python3 chooses the interpreter for .venv.

SHELL := /bin/bash
PY := .venv/bin/python
export PYTHON

# A whole .venv can import pip; one that was cut off, or lost its interpreter, is made anew by the bootstrap.
ifneq ($(shell $(PY) -c 'import pip' 2>/dev/null && echo whole),whole)
.PHONY: .venv/.ok
endif

.PHONY: install run test check faults soak bench picture clean

install: .venv/.ok

.venv/.ok: requirements.txt tools/bootstrap.sh
	@tools/bootstrap.sh venv
	@touch $@

.venv/.dev: .venv/.ok requirements-dev.txt
	@tools/bootstrap.sh dev
	@touch $@

run: install
	@$(PY) main.py $(ARGS)

# Three at a time what only reckons or talks; two at a time what watches the clock or the screen, each on its own screen.
# All of it stays under twelve minutes, and says which test was running when it does not: the second half has what the
# first has left of them. With ARGS one plain run of what they name.
test: .venv/.dev
	@tools/bootstrap.sh tools
ifdef ARGS
	$(PY) -m pytest --session-timeout=700 $(ARGS)
else
	@beside=0; alone=0; begun=$$(date +%s); \
	$(PY) -m pytest -n 3 --dist loadfile -m "not alone" --session-timeout=310 || beside=$$?; \
	left=$$((715 - $$(date +%s) + begun)); \
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m alone --session-timeout=$$left || alone=$$?; \
	exit $$((beside + alone))
endif

check: .venv/.dev
	$(PY) -m ruff check .
	$(PY) -m mypy .
	$(PY) -m pytest tests/test_imports.py tests/test_rules.py

faults: .venv/.dev
	@tools/bootstrap.sh tools
	BOTBOOK_LONG=faults $(PY) -m pytest -o timeout=3600 $(ARGS)

soak: .venv/.dev
	@tools/bootstrap.sh tools
	$(PY) -m tests.faults.soak $(if $(SOAK_DAYS),--days $(SOAK_DAYS)) $(ARGS)

bench: .venv/.dev
	@tools/bootstrap.sh tools
	$(PY) -m bench $(if $(QUICK),--quick) $(ARGS)

picture: .venv/.dev
	@tools/bootstrap.sh tools
	$(PY) tools/picture.py

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './home/*' -prune -exec rm -rf {} +
