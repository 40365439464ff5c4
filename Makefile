# Every task of the project by one word. `make` alone tells what there is.
.DEFAULT_GOAL := help
SHELL := bash
PY := .venv/bin/python
# Two cores bear four workers: tests of whole processes wait for about half of their time.
WORKERS ?= 4
# A module stays on one worker, since it shares a stack or a browser; the long ones come first.
SPREAD = --dist loadfile --no-loadscope-reorder

.PHONY: help setup run journey screenshots texts test soak bench check proto lock release-contracts k8s-check

help:  ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup:  ## Install all that is needed, by name; seconds when there is nothing to do
	@deploy/local/setup.sh

run: setup  ## Start everything for real on this machine and print the desk page's address
	@exec $(PY) -m deploy.local.run

journey: setup  ## Unlock a blocked card in Chromium, each step with its time; 0 only if the card took the new PIN
	@$(PY) -m tests.journeys.drive

screenshots: setup  ## Every page in each of its states, at 320 and 1280 px, into build/screenshots
	@$(PY) -m tests.web.screenshots build/screenshots

texts: setup  ## Write services/web/locale/web.pot anew: every text of the pages, for translators
	@$(PY) -m tests.contract.page_texts

test: setup  ## All tests, small counts
	@$(PY) -m pytest -n $(WORKERS) $(SPREAD)

soak: setup  ## The same tests at full counts: hours, before a release
	@SOAK=1 $(PY) -m pytest -n $(WORKERS) $(SPREAD) --timeout 3600

bench: setup  ## Events to audit records beside plain aiokafka and COPY; proofs in a million leaves; 1,000 idle agents on one gateway; redeems and mails beside their floors
	@$(PY) -m bench.audit_stream
	@$(PY) -m bench.inclusion_proofs
	@$(PY) -m bench.saved_hours
	@$(PY) -m bench.idle_agents
	@$(PY) -m bench.redeems
	@$(PY) -m bench.mails
	@$(PY) -m bench.enumeration

check: setup  ## Style, types, import rules, contracts, generated code, lock files, secrets
	@deploy/local/check.sh

proto:  ## Generate proto/generated, then lint the contracts
	@deploy/local/generate_proto.sh
	@cd proto && ../.venv/bin/buf lint

lock:  ## Resolve requirements.lock anew; names no host
	@$(PY) -m pip install -q uv
	@.venv/bin/uv pip compile -q -p 3.11 --all-extras --generate-hashes --no-emit-index-url --no-annotate --no-header --upgrade -o requirements.lock pyproject.toml

release-contracts:  ## Make today's contracts the baseline that `buf breaking` compares with
	@cd proto && ../.venv/bin/buf build -o baseline.binpb

k8s-check: setup  ## Manifests and images held to the role table, settings and schemas; to kubectl where there is one
	@$(PY) -m pytest -q tests/architecture -k k8s
	@if command -v kubectl >/dev/null; then \
	  for overlay in deploy/k8s/overlays/*; do $(PY) -m deploy.kustomization $$overlay --compare || exit 1; done; \
	else echo "kubectl is not here: the rendering was not compared with its kustomize"; fi
