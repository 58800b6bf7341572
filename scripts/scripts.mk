# SPDX-License-Identifier: MIT
# setup-build, setup-run, setup-test, setup-check: install packages.  bench-boot: figures of booting Linux.

.PHONY: setup-build setup-run setup-test setup-check bench-boot
setup-build setup-run setup-test setup-check: setup-%:
	@scripts/setup $*

# BENCH="--runs 5 --hist": more options
bench-boot:
	@scripts/setup test
	$(Q)$(MAKE) -s $(B)/vitrine
	@tests/bench/bench-boot --vitrine $(B)/vitrine $(BENCH)
