# SPDX-License-Identifier: MIT
# Programs that run under the bundled guest and under Linux alike, in build/guest/programs/:
#   make user-programs   builds them, and build/guest/tests.cpio, which follows initramfs.cpio in a test
#                        and what damages the disks of tests/guest/run-guest-disks
#   make test-programs   runs them, and busybox's applets, on this machine's own Linux; KERNEL=vitrine: on the
#                        bundled guest, or qemu, microvm, linux (tests/lib/userland.py)

P := build/guest/programs
MUSL_CC := musl-gcc
PROGRAM_FLAGS := -std=gnu17 -O1 -s $(WARN) -D_GNU_SOURCE -static -pthread -iquote . -MMD -MP

MUSL_PROGRAMS := $(patsubst tests/guest/programs/%.c,$P/%,$(wildcard tests/guest/programs/*.c))
GLIBC_PROGRAMS := $(patsubst tests/guest/programs/glibc/%.c,$P/glibc-%,$(wildcard tests/guest/programs/glibc/*.c))
GO_PROGRAMS := $P/go-runtime $P/go-network
PROGRAMS := $(MUSL_PROGRAMS) $(GLIBC_PROGRAMS) $(GO_PROGRAMS)
TESTS_CPIO := build/guest/tests.cpio
APPLET_FILES := $(wildcard tests/guest/applets/*)

$P/%: tests/guest/programs/%.c
	$(call say,MUSL,$<)
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(PROGRAM_FLAGS) -MF $@.d -o $@ $< -lm

$P/glibc-%: tests/guest/programs/glibc/%.c
	$(call say,GLIBC,$<)
	@mkdir -p $(@D)
	$(Q)gcc $(PROGRAM_FLAGS) -MF $@.d -o $@ $< -lm

# Only the standard library: nothing is fetched.
$P/go-%: tests/guest/programs/go/%.go
	$(call say,GO,$<)
	@mkdir -p $(@D)
	$(Q)CGO_ENABLED=0 GO111MODULE=off GOFLAGS=-trimpath GOPROXY=off go build -ldflags='-s -w -buildid=' -o $@ $<

$(TESTS_CPIO): $(PROGRAMS) $(APPLET_FILES) $(MAKE_INITRAMFS)
	$(call say,CPIO,$@)
	$(Q)$(MAKE_INITRAMFS) $@ /init=$P/init $(foreach p,$(filter-out %/init,$(PROGRAMS)),/tests/$(notdir $p)=$p) \
		$(foreach f,$(APPLET_FILES),/tests/applets/$(notdir $f)=$f)

KERNEL ?= host

.PHONY: user-programs test-programs
user-programs: $(INITRAMFS) $(TESTS_CPIO) $(B)/tests/kernel/test_ext2_damaged

test-programs: user-programs guest $(B)/vitrine
	@tests/run script 'tests/guest/run-programs $(KERNEL)' 'tests/guest/run-applets $(KERNEL)'

-include $(wildcard $P/*.d)
