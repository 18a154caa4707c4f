# SPDX-License-Identifier: GPL-2.0
#
# Virtuoso's top-level Makefile. "make help" lists what it can do.

# The kernel whose headers the modules are built for.
KERNEL ?= $(shell bash -c '. scripts/common.sh; newest_kernel')
KDIR ?= $(if $(KERNEL),/lib/modules/$(KERNEL)/build)
T ?=
export T

.PHONY: all modules tools peer kunit bench check check-vm check-debug lint sparse demo setup install clean help

all: modules tools

modules:
	@test -n "$(KDIR)" || { echo "No headers of Linux 6.12 or later are installed:" \
		"run scripts/setup, or give KDIR=/path/to/headers" >&2; exit 1; }
	@test -e "$(KDIR)/Makefile" || { echo "KDIR=$(KDIR) holds no kernel headers" >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

tools:
	$(MAKE) -C tools/virtuosoctl

peer:
	$(MAKE) -C tests

kunit:
	scripts/kunit

# Each target of a check prints "N passed, N failed"; sum-up adds them.
check:
	scripts/sum-up kunit check-vm

check-vm: all peer
	tests/run

check-debug: tools peer
	tests/run --debug $(if $(MODE),--mode $(MODE)) $(if $(DEBUG_TESTS),'$(DEBUG_TESTS)')

lint:
	scripts/lint

sparse:
	$(MAKE) -C $(KDIR) M=$(CURDIR) C=2 CF=-D__CHECK_ENDIAN__ modules

# What operations cost, beside others: BENCH='CASE ...', ROUNDS=N (Documentation/bench.rst).
bench: tools peer
	tests/bench/run

demo:
	scripts/demo

setup:
	scripts/setup

# The tool, its manual page, completion and units; DESTDIR and PREFIX as usual.
install: tools
	$(MAKE) -C tools/virtuosoctl install

clean:
	@if [ -e "$(KDIR)/Makefile" ]; then $(MAKE) -C $(KDIR) M=$(CURDIR) clean; fi
	$(MAKE) -C tools/virtuosoctl clean
	$(MAKE) -C tests clean
	rm -rf build

help:
	@echo 'make               the modules (for KDIR, default: newest installed headers from 6.12) and virtuosoctl'
	@echo 'make W=1           the same with more warnings; make sparse: with sparse'
	@echo 'make setup         install what building and testing need (Debian 12 and 13; root)'
	@echo 'make demo          two guests, a container and an outside peer, shown step by step (root)'
	@echo 'make kunit         KUnit suites of the logic, under user-mode Linux'
	@echo 'make check-vm      integration tests in test machines; T=PATTERN picks tests by name'
	@echo 'make check         kunit and check-vm'
	@echo 'make check-debug   the integration tests under a kernel with KASAN, lockdep, kmemleak, ...; T=PATTERN, MODE=container|vm'
	@echo 'make bench         instructions per operation beside other ways to network a guest; BENCH=CASES, ROUNDS=N'
	@echo 'make lint          sparse, W=1, checkpatch, kernel-doc, shellcheck, generated code'
	@echo 'make install       virtuosoctl with manual page, completion and systemd units; DESTDIR=, PREFIX='
	@echo 'make clean'
