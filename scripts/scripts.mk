# SPDX-License-Identifier: MIT
# setup-build, setup-run, setup-test, setup-check: install packages.  bench-boot: figures of booting Linux.
# bench-virtio: figures of disks and network cards. bench-guest: of the bundled kernel's services.

.PHONY: setup-build setup-run setup-test setup-check bench-boot bench-virtio bench-guest
setup-build setup-run setup-test setup-check: setup-%:
	@scripts/setup $*

# BENCH="--runs 5 --hist": more options
bench-guest: guest
bench-boot bench-virtio bench-guest: bench-%:
	@scripts/setup test
	$(Q)$(MAKE) -s $(B)/vitrine $(B)/vitrine-slirp
	@tests/bench/bench-$* --vitrine $(B)/vitrine $(BENCH)
