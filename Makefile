# islet: `make run` and `make test` need nothing before them.
PYTHON ?= python3
PY := .venv/bin/python
RUFF := .venv/bin/ruff

# Bytecode is kept, even where nobody else writes any: a twin starts in half the time.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/bytecode

# One more than there are processors: some tests wait for the real time to pass.
PROCESSES = $(shell expr 1 + $$(nproc))

# The variables of `make run`; each set one becomes an option of the twin: SEED=3 -> --seed '3'.
VARIABLES := SITE SCENARIO SECONDS SPEED SEED CHIP CIRCUIT IMAGE RECORD
given = $(foreach v,$(1),$(if $($v),--$(shell echo $v | tr A-Z a-z) '$($v)'))
OPTIONS = $(call given,$(VARIABLES))

# A misspelt variable would be ignored by make: SECOND=20 runs for ever.
KNOWN := $(VARIABLES) PYTHON MPY_TREE ARGS IMAGE CHECK PORT SITE KEY DRIVE FILE FILES FORCE MODULES \
  WHAT LEG AT POINT WATTS METER PROFILE ADDRESS BAUD PARITY LOAD KEEP DEVICE HOST BOARD ROOM NUMBER MAKEFLAGS
UNKNOWN := $(filter-out $(KNOWN),$(foreach v,$(.VARIABLES),$(if $(filter command,$(origin $v)),$v)))
ifneq ($(UNKNOWN),)
$(error $(shell $(PYTHON) -c 'import difflib, sys; known, asked = sys.argv[1].split(), sys.argv[2]; \
  near = difflib.get_close_matches(asked.upper(), known, 1); \
  print(asked + "= is no variable of this Makefile" + (": did you mean " + near[0] + "=?" if near else "; make help names them"))' \
  '$(KNOWN)' '$(firstword $(UNKNOWN))'))
endif

.PHONY: help bench-board run test bench soak check image flash overlay calibrate probe prove mutate lint format clean distclean setup-% python

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

# A day of a house of one's own has to be computed; those of the shipped scenarios are there.
SCENES := $(wildcard tools/twin/scenarios/*.json)
OWN := $(SITE)$(filter-out $(SCENES) $(basename $(notdir $(SCENES))),$(SCENARIO))

run: setup-$(if $(filter rp2040,$(CHIP)),board,$(if $(OWN),own,run)) ## the box in its simulated house (SITE= SCENARIO= SECONDS= SPEED= SEED= CHIP= CIRCUIT= IMAGE= RECORD=)
	@exec $(PY) -m tools.twin $(OPTIONS) $(ARGS)

# Rooms whose tests need the image for the chip; the others' do without building it.
WITH_IMAGE := rp2040 image flash mutate

test: setup-$(if $(filter-out $(WITH_IMAGE),$(ROOM)),room,test) ## all tests but the long ones; of what an edit in a room reaches (ROOM=core)
	@$(if $(ROOM),files=$$($(PY) -m tools.reach '$(ROOM)') || exit; )\
	  exec $(PY) -m pytest -n $(PROCESSES) --no-header $(if $(ROOM),$$files )$(ARGS)

soak: setup-test ## the long tests; for so long, random houses, one a core (SECONDS=3600)
	@$(if $(SECONDS),exec $(PY) -m tests_host.healthy --for '$(SECONDS)' --note $(ARGS),\
	  HYPOTHESIS_PROFILE=soak exec $(PY) -m pytest -n $(PROCESSES) --no-header -m soak --timeout 7200 $(ARGS))

bench: setup-bench ## measure speed and memory
	@exec $(PY) -m tools.bench $(ARGS)

check: setup-run ## all there is to say about a site, at once (SITE=examples/wallbox.json CIRCUIT=pico IMAGE=)
	@exec $(PY) -m tools.site check $(or $(SITE),$(error check: name your site: SITE=site.json)) \
	  $(call given,CIRCUIT IMAGE) $(ARGS)

image: setup-$(if $(CHECK)$(filter esp32,$(IMAGE)),run,image) ## the firmware as an image for a chip (IMAGE=pico CIRCUIT= CHECK= MPY_TREE=)
	@exec $(PY) -m tools.image $(or $(IMAGE),pico) \
	  $(if $(CIRCUIT),--circuit '$(CIRCUIT)') $(if $(CHECK),--check)

flash: setup-run ## islet onto a board (IMAGE=pico CIRCUIT= PORT= SITE=site.json KEY= DRIVE= FILE= FILES=1 FORCE=1)
	@exec $(PY) -m tools.flash flash \
	  $(call given,IMAGE CIRCUIT PORT SITE KEY DRIVE FILE FILES FORCE) $(ARGS)

overlay: setup-run ## changed files of the working tree over a board's frozen ones (IMAGE= PORT= MODULES=)
	@exec $(PY) -m tools.flash overlay $(call given,IMAGE CIRCUIT PORT FILE FORCE MODULES) $(ARGS)

bench-board: setup-bench ## measure the emulated board: latencies, load, memory, accuracy (about an hour)
	@exec $(PY) -m tools.bench.board $(ARGS)

calibrate: setup-run ## gains, offsets, delays, transformers turned or swapped (WHAT=wiring WATTS=2000 PORT= …)
	@exec $(PY) -m tools.calibrate $(call given,WHAT IMAGE CIRCUIT PORT LEG AT POINT WATTS METER PROFILE \
	  ADDRESS BAUD PARITY LOAD KEEP) $(ARGS)

prove: setup-run ## a converter shows that it obeys, before islet uses it (DEVICE=battery PORT= IMAGE= FILE=record.json)
	@exec $(PY) -m tools.prove $(call given,IMAGE PORT DEVICE) $(if $(FILE),--save '$(FILE)') $(ARGS)

probe: setup-run ## what hangs on a line: found, named, as configuration to paste (PORT=, HOST= or BOARD=1, BAUD= ADDRESS= PROFILE= FILE=)
	@exec $(PY) -m tools.probe $(call given,PORT HOST BAUD PARITY PROFILE IMAGE CIRCUIT) $(if $(ADDRESS),--address $(ADDRESS)) \
	  $(if $(BOARD),--board $(filter-out 1,$(BOARD))) $(if $(FILE),--record '$(FILE)') $(ARGS)

mutate: setup-test ## mistakes planted in the firmware, and which no test finds (ROOM=guard NUMBER=220 SEED=1)
	@exec $(PY) -m tools.mutate $(call given,ROOM NUMBER SEED) $(ARGS)

lint: setup-test ## style and types, as the tests check them
	@exec $(PY) -m tools.setup.lint

format: setup-test ## put the code into shape
	@$(RUFF) check --fix --quiet . ; $(RUFF) format .

clean: ## remove what tests and runs left
	@rm -rf .pytest_cache .ruff_cache .hypothesis .cache/kept
	@find . -name __pycache__ -not -path './.venv/*' -not -path './.cache/*' -prune -exec rm -rf {} +

distclean: clean ## back to the state of a fresh clone
	@rm -rf .cache .venv
	@find lib -mindepth 1 -maxdepth 1 ! -name README.md -exec rm -rf {} +

setup-%: python
	@$(PYTHON) -m tools.setup $*

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'islet needs Python 3.11 or newer: apt-get install python3 (Debian 12 or later),' \
	  'or name one: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
