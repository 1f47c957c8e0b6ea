# Every command sets up what it needs first; what is there already is not made again.
# Words after ARGS= are passed on: make unit ARGS='-k wire -x'

.DEFAULT_GOAL := help
.PHONY: help demo test unit check bench torture screenshot lock clean setup setup-test

help:
	@echo 'make demo    set up what is missing, then run the whole chain and show the map'
	@echo '             (SERVE=0: end after the run; ARGS=--help: its options)'
	@echo 'make test    set up what is missing, then run every test that needs no hardware'
	@echo 'make unit    the tests that need no service, no browser and no emulator'
	@echo 'make check   style, types, import contracts, generated files'
	@echo 'make bench   every benchmark; make bench-analytics is one (peers and ours in one run,'
	@echo '             rows in build/bench; CAPRA_REFERENCE_DATA names the recorded figures)'
	@echo 'make torture 1,000 kills and 1,000 power cuts of the station: nothing lost, nothing twice'
	@echo 'make screenshot  the picture of the map in the README, from the last demo'
	@echo 'make lock    resolve requirements.lock anew from pyproject.toml'
	@echo 'make clean   remove what the commands above made inside the checkout; stops no server'
	@echo '             and removes no data (to stop it, before: .venv/bin/capra database stop)'
	@echo
	@echo 'What is built outside of Python is kept in CAPRA_CACHE (root: /var/cache/capra, else'
	@echo '~/.cache/capra), databases in CAPRA_DATA (root: /var/lib/capra, else ~/.local/share/capra).'

setup:
	@.ci/setup/python.sh demo
	@.ci/setup/timescaledb.sh
	@.ci/setup/web.sh

setup-test:
	@.ci/setup/python.sh test
	@.ci/setup/timescaledb.sh --required
	@.ci/setup/web.sh
	@.ci/setup/micropython.sh
	@.ci/setup/mosquitto.sh
	@.ci/setup/chromium.sh
	@.ci/setup/clients.sh

demo: setup
	@.venv/bin/python -m capra demo $(ARGS)

test: setup-test
	@CAPRA_MICROPYTHON="$$(.ci/setup/micropython.sh --path)" \
	CAPRA_MOSQUITTO="$$(.ci/setup/mosquitto.sh --path)" \
	CAPRA_CHROMIUM="$$(.ci/setup/chromium.sh --path)" \
	.venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

unit:
	@.ci/setup/python.sh test
	@.venv/bin/python -m pytest -m 'not db and not browser and not micropython and not system' $(ARGS)

check:
	@.ci/setup/python.sh test
	@.ci/setup/typings.sh
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy
	.venv/bin/python -m mypy --config-file .ci/mypy-boards.ini
	.venv/bin/python -m mypy --config-file .ci/mypy-bridge.ini
	.venv/bin/lint-imports
	.venv/bin/python -m hardware.describe --check
	@! grep -n '://' requirements.lock
	@! grep -n '"resolved"' backend/web/package-lock.json

bench: bench-analytics bench-energy bench-link bench-backend

bench-%:
	@.ci/setup/python.sh bench
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python -m tests.bench $* $(ARGS)

torture:
	@.ci/setup/python.sh test
	@.ci/setup/timescaledb.sh
	@.venv/bin/python -m tests.ground_station.torture $(ARGS)

screenshot: setup-test
	@CAPRA_CHROMIUM="$$(.ci/setup/chromium.sh --path)" \
	.venv/bin/python -m hardware.chain.screenshot backend/web/screenshot.png

# Only names and versions go into the lock: no index, no path of this machine.
lock:
	@test -x build/lock-venv/bin/pip-compile || \
	{ python3 -m venv build/lock-venv && build/lock-venv/bin/pip install -q pip-tools; }
	build/lock-venv/bin/pip-compile -q --all-extras --strip-extras --upgrade --no-emit-index-url \
	--no-emit-find-links --no-emit-trusted-host -o requirements.lock pyproject.toml

clean:
	rm -rf .venv build dist capra.egg-info backend/web/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
