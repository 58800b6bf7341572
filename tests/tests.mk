# SPDX-License-Identifier: MIT
# make test        set up, build, and pass everything but the VT-x sandbox
# make unit        cmocka programs of tests/unit and tests/kernel, no KVM needed (SAN=1: under ASan and UBSan)
# make test-guest  the bundled kernel: its self-tests, and what runs on it, on every host here; LONG=1: all of it
# make test-kvm    guest cases on /dev/kvm      make test-svm, test-vtx   … in the sandboxes
# make test-labs   every lab shows what it is there to show, on /dev/kvm; ENGINE=svm: in that sandbox
# make bench-queue instructions that a virtqueue costs the device
# make check       formatting, static analysis, headers that stand alone

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(B)/%)

$(B)/tests/unit/test_%: $(B)/obj/tests/unit/test_%.o $(B)/libvitrine.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -pie -o $@ $^ $(LDLIBS) -lcmocka

.SECONDARY: $(UNIT_SRC:%.c=$(B)/obj/%.o)

.PHONY: unit unit-programs test test-guest test-kvm test-svm test-vtx test-labs linux
unit-programs: $(UNIT_BIN) $(B)/vitrine-disasm $(B)/vitrine-slirp

unit: unit-programs
	@tests/run --build $(B) unit

# Stock Debian kernels and initramfs, and what the device tests boot: for the sandboxes.
linux:
	@scripts/linux-guest
	@tests/guest/linux/make-images

# Programs that print "ok NAME" and "not ok NAME" lines, with their arguments.
RUN_PROGRAMS := tests/guest/run-programs
TEST_SCRIPTS := '$(RUN_PROGRAMS) host' 'tests/guest/run-applets host' \
	'$(RUN_PROGRAMS) microvm' 'tests/guest/run-applets microvm' '$(RUN_PROGRAMS) vitrine' \
	'$(RUN_PROGRAMS) qemu process-smp registers-smp stopping threads-8 fork_exec fuzz' \
	'$(RUN_PROGRAMS) svm mapping process-smp signals registers-smp pipes sockets threads-8 malformed exhaust fork_exec fuzz' \
	'tests/guest/run-labs kvm' 'tests/guest/run-labs svm' \
	'tests/guest/run-guest-disks microvm' tests/guest/run-durability tests/guest/run-leaks tests/guest/run-qemu tests/guest/run-qemu-devices tests/guest/run-terminal 'tests/guest/run-gdb kvm svm' \
	tests/sandbox/test-runner 'tests/sandbox/test-sandbox svm' tests/sandbox/test-linux-guest
VTX_SCRIPTS := '$(RUN_PROGRAMS) vtx process pipes' 'tests/guest/run-gdb vtx' 'tests/sandbox/test-sandbox vtx'

test:
	@scripts/setup test
	$(MAKE) -j$$(nproc) all linux user-programs
	$(MAKE) -j$$(nproc) SAN=1 unit-programs
	@tests/run build/san kvm svm script $(TEST_SCRIPTS)

GUEST_SCRIPTS := '$(RUN_PROGRAMS) $(if $(filter 1,$(LONG)),--long) microvm' '$(RUN_PROGRAMS) qemu' '$(RUN_PROGRAMS) vitrine' \
	'$(RUN_PROGRAMS) svm' 'tests/guest/run-applets microvm' 'tests/guest/run-applets svm' tests/guest/run-qemu

test-guest: all linux user-programs
	@tests/run --filter '^guest-' kvm svm script $(GUEST_SCRIPTS)

test-kvm: all
	@tests/run kvm

test-svm: all linux
	@tests/run svm

test-labs: all linux
	@tests/run script 'tests/guest/run-labs $(or $(ENGINE),kvm)'

test-vtx: all linux user-programs
	@tests/run vtx script $(VTX_SCRIPTS)

$(B)/tests/bench/queue-cost: $(B)/obj/tests/bench/queue-cost.o $(B)/libvitrine.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -pie -o $@ $^ $(LDLIBS)

.PHONY: bench-queue
bench-queue: $(B)/tests/bench/queue-cost
	@$<

# Carries frames between two network back ends: what they cost without a VM (docs/network.md).
$(B)/bench/net-pump: $(B)/obj/tests/bench/net-pump.o $(B)/libvitrine.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -pie -o $@ $^ $(LDLIBS)

include tests/kernel/kernel.mk
-include tests/fuzz/fuzz.mk
