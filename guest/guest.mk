# SPDX-License-Identifier: MIT
# The bundled guest kernel: build/guest/vitrine-guest (stripped) and vitrine-guest.debug. It has flags
# of its own; SAN and DEBUG are for the VMM and change nothing here.

#
# make guest-checked: the same with checked locks (guest/checked) in build/guest-checked, for stress tests

G := build/guest$(if $(GUEST_DEBUG),-checked)
LWIP := build/lwip/src
GUEST_CC := $(CC)
GUEST_CPPFLAGS := $(if $(GUEST_DEBUG),-Iguest/checked) -I. -I$(G)/gen \
	-Iguest/net/lwip -isystem $(LWIP)/src/include -idirafter guest/net/lwip/libc \
	-DVITRINE_VERSION='"$(VERSION)"'
# Only baseline x86-64 without SSE: a deprivileged host emulates ring 0 and knows little more. Frame
# pointers make backtraces.
GUEST_CFLAGS := -std=gnu17 -g $(WARN) -ffreestanding -nostdinc -isystem $(shell \
	$(CC) -print-file-name=include) -march=x86-64 -mgeneral-regs-only -mno-red-zone -mcmodel=kernel \
	-fno-pic -fno-pie -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables \
	-fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fno-strict-aliasing \
	-ffunction-sections -fdata-sections
GUEST_ASFLAGS := -g -march=x86-64 -mcmodel=kernel -fno-pic
GUEST_LDFLAGS := -nostdlib -static -Wl,--build-id=none -Wl,-z,max-page-size=4096 \
	-Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -Wl,--gc-sections

GUEST_SRC := $(wildcard guest/*.c $(addprefix guest/,$(addsuffix /*.c,arch board bus drivers hostile \
	block fs fs/ext2 fs/procfs fs/sysfs hyper lib mm net proc prompt sched syscall time tty virtio $(if $(GUEST_DEBUG),checked))))
GUEST_ASM := $(wildcard guest/arch/*.S) guest/user/embed.S guest/vdso/embed.S
# TCP/IP: sources of Debian's package lwip, which scripts/fetch-lwip gets; guest/net is around it.
LWIP_PARTS := core/def core/inet_chksum core/ip core/mem core/memp core/netif core/pbuf core/raw core/tcp core/tcp_in \
	core/tcp_out core/udp $(addprefix core/ipv4/,dhcp etharp icmp igmp ip4 ip4_addr ip4_frag) netif/ethernet
LWIP_OBJ := $(LWIP_PARTS:%=$(G)/obj/lwip/%.o)
GUEST_OBJ := $(GUEST_SRC:%.c=$(G)/obj/%.o) $(GUEST_ASM:%.S=$(G)/obj/%.S.o) $(LWIP_OBJ)
USER_OBJ := $(G)/obj/guest/user/start.S.o $(G)/obj/guest/user/hello.user.o

# Only what is on a hot path is made fast, all else small: the whole kernel is to stay below 512 KiB. (Clang's -Os is
# nearly its -O2.)
GUEST_SMALL := $(if $(findstring clang,$(CC)),-Oz,-Os)
GUEST_FAST := $(addprefix guest/,$(addprefix arch/,switch% tlb.o trap.o xstate.o) $(addprefix mm/,area.o cache.o fault.o \
		page.o paging.o slab.o space.o space_pages.o tables.o user.o) \
	$(addprefix sched/,fair.o mutex.o run_queue.o schedule.o task.o timer.o wait.o) syscall/dispatch.o time/clock.o \
	$(addprefix fs/,cached_io.o calls_io.o dentry.o file.o files.o initramfs.o iobuf.o path.o pipe.o poll.o random.o) lib/string.o \
	$(addprefix proc/,exec.o exit.o fork.o process.o) $(addprefix virtio/,queue.o split.o) \
	$(addprefix net/,card.o inet_stream.o offload.o)) $(addprefix lwip/core/,pbuf.o tcp_in.o tcp_out.o)

# A change of compiler or flags rebuilds everything.
GUEST_STAMP := $(G)/.flags
GUEST_NOW := $(GUEST_CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) -O2 $(GUEST_FAST) -Os $(GUEST_LDFLAGS)
$(shell mkdir -p $(G); printf '%s\n' '$(subst ','\'',$(GUEST_NOW))' | cmp -s - $(GUEST_STAMP) || \
	printf '%s\n' '$(subst ','\'',$(GUEST_NOW))' > $(GUEST_STAMP))

# Rewritten only when one changes, so that nothing else is compiled anew.
$(G)/gen/.made: guest/syscall/prototypes.awk $(GUEST_SRC)
	@mkdir -p $(@D)
	$(Q)awk -f guest/syscall/prototypes.awk $(GUEST_SRC) | LC_ALL=C sort > $@
	$(Q)cmp -s $@ $(@D)/syscall-prototypes.h || cp $@ $(@D)/syscall-prototypes.h

SIGNATURES := $(G)/gen/syscall-signatures.h
$(SIGNATURES): $(G)/gen/.made guest/syscall/signatures.awk $(wildcard guest/syscall/*.def)
	$(Q)awk -f guest/syscall/signatures.awk $(@D)/syscall-prototypes.h guest/syscall/*.def > $@

$(GUEST_OBJ): | $(G)/gen/.made $(SIGNATURES) build/lwip/.unpacked

build/lwip/.unpacked: scripts/fetch-lwip
	$(call say,FETCH,lwIP)
	$(Q)scripts/fetch-lwip $(@D)
	@touch $@

$(GUEST_OBJ): GUEST_OPT = $(if $(filter $(GUEST_FAST:%=$(G)/obj/%),$@),-O2,$(GUEST_SMALL))

$(G)/obj/%.o: %.c $(GUEST_STAMP)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CPPFLAGS) $(GUEST_CFLAGS) $(GUEST_OPT) -MMD -MP -c -o $@ $<

# Not ours: without warnings, but for what breaks calls.
$(LWIP_OBJ): $(G)/obj/lwip/%.o: build/lwip/.unpacked $(GUEST_STAMP)
	$(call say,CC,lwip/$*.c)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CPPFLAGS) $(filter-out $(WARN),$(GUEST_CFLAGS)) $(LWIP_FLAGS) \
		-Werror=implicit-function-declaration $(GUEST_OPT) -MMD -MP -c -o $@ $(LWIP)/src/$*.c

# Headers of the system's, and what they include, are in no .d file.
$(LWIP_OBJ) $(filter $(G)/obj/guest/net/% %/procfs/net.o,$(GUEST_OBJ)): guest/net/lwip/lwipopts.h

# Data is copied into segments by guest/net/inet_stream.c, straight from the program.
$(G)/obj/lwip/core/tcp_out.o: LWIP_FLAGS := -DMEMCPY=net_fill
# What is longer than the MTU goes by guest/net/offload.c, which knows cards that cut segments themselves.
$(G)/obj/lwip/core/ipv4/ip4.o: LWIP_FLAGS := -Dip4_frag=net_send_long

$(G)/obj/%.user.o: %.c $(GUEST_STAMP)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CPPFLAGS) $(filter-out -mcmodel=kernel,$(GUEST_CFLAGS)) $(GUEST_OPT) -MMD -MP -c \
		-o $@ $<

$(G)/obj/%.S.o: %.S $(GUEST_STAMP)
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CPPFLAGS) $(GUEST_ASFLAGS) -DUSER_IMAGE='"$(G)/user/hello"' \
		-DVDSO_IMAGE='"$(G)/user/vdso.so"' -MMD -MP \
		-c -o $@ $<

$(G)/%.ld: guest/%.ld guest/arch/segments.h guest/mm/layout.h
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) -E -P -x assembler-with-cpp -D__ASSEMBLER__ -I. -o $@ $<

$(G)/user/hello: $(USER_OBJ) $(G)/user/user.ld
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_LDFLAGS) -Wl,-s -Wl,-T,$(G)/user/user.ld -o $@ $(USER_OBJ)
$(G)/obj/guest/user/embed.S.o: $(G)/user/hello

# A shared object that programs' C libraries look names up in, so nothing of it may be stripped.
VDSO_CFLAGS = $(filter-out -mcmodel=kernel -fno-pic -fno-pie -g,$(GUEST_CFLAGS)) -fpic -fvisibility=hidden \
	-fomit-frame-pointer -O2

$(G)/user/vdso.so: guest/vdso/vdso.c guest/vdso/vdso.ld $(GUEST_STAMP)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(GUEST_CC) $(GUEST_CPPFLAGS) $(VDSO_CFLAGS) -MMD -MP -MT $@ -MF $(G)/obj/vdso.d -shared -nostdlib \
		-Wl,-soname,linux-vdso.so.1,--hash-style=sysv,--build-id=none,-z,noexecstack,-z,max-page-size=4096 \
		-Wl,-s,-T,guest/vdso/vdso.ld -o $@ guest/vdso/vdso.c
$(G)/obj/guest/vdso/embed.S.o: $(G)/user/vdso.so

# The kernel is linked twice: its own function names, from the first link, become a table in .rodata,
# behind .text, so no function moves.
guest_link = $(Q)$(GUEST_CC) $(GUEST_LDFLAGS) -Wl,-T,$(G)/kernel.ld -o $@ $(filter %.o,$^)

$(G)/vitrine-guest.first: $(GUEST_OBJ) $(G)/obj/symbols.none.o $(G)/kernel.ld
	$(call say,LINK,$@)
	$(guest_link)

$(G)/vitrine-guest.debug: $(GUEST_OBJ) $(G)/obj/symbols.o $(G)/kernel.ld
	$(call say,LINK,$@)
	$(guest_link)

$(G)/obj/symbols.none.s: guest/lib/symbols.awk
	@mkdir -p $(@D)
	$(Q)awk -f guest/lib/symbols.awk /dev/null > $@

$(G)/obj/symbols.s: $(G)/vitrine-guest.first guest/lib/symbols.awk
	$(Q)LC_ALL=C nm -n $< | awk -f guest/lib/symbols.awk > $@

$(G)/obj/symbols%o: $(G)/obj/symbols%s
	$(Q)$(GUEST_CC) -c -o $@ $<

$(G)/vitrine-guest: $(G)/vitrine-guest.debug
	$(call say,STRIP,$@)
	$(Q)objcopy --strip-all $< $@

guest: $(G)/vitrine-guest

.PHONY: guest-checked
guest-checked:
	$(Q)$(MAKE) GUEST_DEBUG=1 build/guest-checked/vitrine-guest

-include $(shell find $(G)/obj -name '*.d' 2>/dev/null)

# --- tiny 32-bit PVH test guests: build/guest/tests/NAME
PVH32 := $(patsubst tests/guest/pvh32/%.S,$(G)/tests/%,$(wildcard tests/guest/pvh32/*.S))

$(G)/tests/%: tests/guest/pvh32/%.S tests/guest/pvh32/pvh32.ld $(GUEST_STAMP)
	$(call say,PVH32,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) -I. -MMD -MP -MF $@.d -MT $@ -c -o $@.o $<
	$(Q)ld --build-id=none --no-warn-rwx-segments -T tests/guest/pvh32/pvh32.ld -e start -o $@ $@.o

guest: $(PVH32)

-include $(wildcard $(G)/tests/*.d)
