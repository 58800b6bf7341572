# SPDX-License-Identifier: MIT
#
#   make          build the VMM, the guest and the firmware into build/
#   make run      set up, build, and boot the bundled guest on the best engine of this machine
#   make test     set up, build, and pass every test
#   make bench-boot  the boot benchmark       make check   formatting and static analysis
#   make install  PREFIX=/usr/local DESTDIR=
#
#   DEBUG=1  -O0 -g        SAN=1  ASan + UBSan       CC=clang       V=1  show commands

MAKEFLAGS += --no-builtin-rules
V ?= 0
Q := $(if $(filter 1,$(V)),,@)
say = @$(if $(filter 1,$(V)),:,printf '  %-7s %s\n' $(1) $(2))

ifeq ($(origin CC),default)
CC := gcc
endif
AR := ar
PREFIX ?= /usr/local
VERSION := 0.1.0

B := build$(if $(filter 1,$(SAN)),/san)$(if $(filter 1,$(DEBUG)),/debug)

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
OPT := $(if $(filter 1,$(DEBUG)),-O0 -g3,-O2 -g)
HARDEN := -fPIE -fstack-protector-strong $(if $(filter 1,$(DEBUG) $(SAN)),,-D_FORTIFY_SOURCE=2)
comma := ,
SANFLAGS := $(if $(filter 1,$(SAN)),-fsanitize=address$(comma)undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
CPPFLAGS := -Iabi -Ivmm -I. -D_GNU_SOURCE -DVITRINE_VERSION='"$(VERSION)"' -DVITRINE_PREFIX='"$(PREFIX)"'
CFLAGS := -std=gnu17 $(OPT) $(WARN) $(HARDEN) $(SANFLAGS) -pthread -ffunction-sections -fdata-sections
LDFLAGS := -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections -pthread $(SANFLAGS)
# Static where Debian has the archive: a run pays for no library that it doesn't use.
LIBRARIES := -luring -lfdt -llz4 -lzstd -llzma -lz
LDLIBS := -Wl,-Bstatic $(LIBRARIES) -Wl,-Bdynamic
# The VMM is static as a whole: no dynamic linker runs, and no table of its is touched (docs/boot.md).
VMM_LDFLAGS := $(if $(filter 1,$(SAN)),-pie,-static-pie -Wl,-z,noseparate-code -Wl,-z,pack-relative-relocs)

.PHONY: all
all: $(B)/vitrine $(B)/vitrine-disasm $(B)/vitrine-slirp guest bios

# --- the VMM: everything but main.c is an archive that unit tests link with
VMM_ALL := $(filter-out vmm/main.c vmm/disasm_helper.c vmm/slirp/main.c vmm/slirp/card.c,$(wildcard vmm/*.c vmm/*/*.c virtio/*.c))
# So that a run touches fewer pages of the program, what only some options need comes behind what every run executes, and
# last what an ordinary run does not execute.
VMM_ALWAYS := vmm/backend/console% vmm/backend/terminal% vmm/cmd/devices.c vmm/cmd/disk_options.c vmm/gdb/stub.c vmm/kvm/probe.c
VMM_OPTIONAL := $(filter-out $(VMM_ALWAYS),$(filter virtio/% vmm/backend/% vmm/dev/e1000% vmm/dev/ide% vmm/dev/inet_sum.c \
	vmm/dev/ne2000% vmm/dev/nic.c vmm/cmd/small_options.c vmm/boot/cpio.c vmm/boot/root_initrd.c,$(VMM_ALL)))
VMM_RARE := $(filter-out $(VMM_ALWAYS),$(filter vmm/gdb/% vmm/lab/% vmm/cmd/lab.c vmm/cmd/d% vmm/kvm/probe% vmm/kvm/debug% vmm/kvm/%print.c \
	vmm/kvm/%fd.c vmm/kvm/failure.c vmm/observe/%,$(VMM_ALL)))
VMM_SRC := $(filter-out $(VMM_OPTIONAL) $(VMM_RARE),$(VMM_ALL)) $(VMM_OPTIONAL) $(VMM_RARE)
VMM_ASM := $(wildcard vmm/*/*.S)
VMM_OBJ := $(VMM_SRC:%.c=$(B)/obj/%.o) $(VMM_ASM:%.S=$(B)/obj/%.o)

FLAGS_STAMP := $(B)/.flags
FLAGS_NOW := $(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(VMM_LDFLAGS)
$(shell mkdir -p $(B); printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $(FLAGS_STAMP) || \
	printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' > $(FLAGS_STAMP))

$(B)/obj/%.o: %.c $(FLAGS_STAMP)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(B)/obj/vmm/%.o: vmm/%.S $(FLAGS_STAMP)
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The names of the guest's system calls are made of its own table.
$(B)/obj/vmm/observe/syscall_signatures.o: CPPFLAGS += -Ibuild/guest/gen
$(B)/obj/vmm/observe/syscall_signatures.o: build/guest/gen/syscall-signatures.h

$(B)/libvitrine.a: $(VMM_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/vitrine: $(B)/obj/vmm/main.o $(VMM_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $(VMM_LDFLAGS) -o $@ $^ $(if $(filter 1,$(SAN)),$(LDLIBS),$(LIBRARIES))

$(B)/vitrine-disasm: $(B)/obj/vmm/disasm_helper.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -pie -o $@ $^ -lcapstone

SLIRP_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(wildcard vmm/slirp/*.c) vmm/backend/net_header.c)

$(B)/vitrine-slirp: $(SLIRP_OBJ)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -pie -o $@ $^ -lslirp

-include guest/guest.mk
-include guest/userland/userland.mk
-include guest/labs/labs.mk
-include bios/bios.mk
-include initrd/initrd.mk
-include tests/tests.mk
-include tests/guest/programs/programs.mk
-include scripts/scripts.mk
-include docs/docs.mk

.PHONY: guest bios
guest bios:

# --- what a newcomer calls: sets up, builds, and does it
.PHONY: run check install clean
run:
	@scripts/setup run
	$(MAKE) --no-print-directory -j$$(nproc) all
	@scripts/run-guest $(ARGS)

check: build/guest/gen/syscall-signatures.h
	@scripts/setup check
	@scripts/check

SHARE := $(DESTDIR)$(PREFIX)/share
install: all
	install -D -m 755 $(B)/vitrine $(DESTDIR)$(PREFIX)/bin/vitrine
	install -D -m 755 $(B)/vitrine-disasm $(DESTDIR)$(PREFIX)/libexec/vitrine-disasm
	install -D -m 755 $(B)/vitrine-slirp $(DESTDIR)$(PREFIX)/libexec/vitrine-slirp
	install -D -m 644 build/guest/vitrine-guest $(SHARE)/vitrine/guest/vitrine-guest
	install -D -m 644 build/guest/initramfs.cpio $(SHARE)/vitrine/guest/initramfs.cpio
	install -D -m 644 build/bios/vitrine-bios.bin $(SHARE)/vitrine/bios/vitrine-bios.bin
	install -d $(SHARE)/vitrine/labs $(SHARE)/vitrine/guest/labs $(SHARE)/vitrine/docs/labs
	install -m 755 $(LAB_PROGRAMS) $(SHARE)/vitrine/labs
	install -m 644 $(LABS_CPIO) $(LAB_PROGRAMS_CPIO) $(SHARE)/vitrine/guest
	install -m 644 guest/labs/chapters $(wildcard guest/labs/*.lab) $(SHARE)/vitrine/guest/labs
	install -m 644 $(wildcard docs/labs/*) $(SHARE)/vitrine/docs/labs
	install -D -m 644 docs/vitrine.1 $(SHARE)/man/man1/vitrine.1
	install -D -m 644 scripts/vitrine.bash-completion $(SHARE)/bash-completion/completions/vitrine

clean:
	rm -rf build

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
