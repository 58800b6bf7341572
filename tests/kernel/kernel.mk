# SPDX-License-Identifier: MIT
# Kernel sources on the host: build/tests/kernel/test_NAME, run by `make unit`. They are compiled with the
# shadows of tests/kernel/host in front of the real headers, apart from libc's headers (which have other
# types of the same names). Of several definitions the linker takes the first: those of the test itself (which
# may include a kernel .c file), then those of the fakes, then the kernel's.

K := $(B)/kernel
KERNEL_CPPFLAGS := -Itests/kernel/host -I. -I$(G)/gen -DDIRECT_BASE=0x200000000000 -DDIRECT_BYTES=0x4000000000 \
	-Iguest/net/lwip -isystem $(LWIP)/src/include -DVITRINE_VERSION='"$(VERSION)"'
KERNEL_CFLAGS := -std=gnu17 $(OPT) $(WARN) $(SANFLAGS) $(KERNEL_FUZZ) -fPIE -fno-strict-aliasing -fno-builtin-printf

# Not what is made of instructions of ring 0.
KERNEL_SRC := $(filter-out guest/lib/panic.c guest/lib/string.c guest/lib/symbols.c \
	guest/proc/user_program.c guest/proc/program_calls.c guest/proc/embedded_elf.c guest/mm/mmio.c guest/fs/procfs/cpus.c \
	guest/fs/sysfs/tree.c, \
	$(wildcard guest/lib/*.c guest/mm/*.c guest/sched/*.c guest/fs/*.c guest/fs/*/*.c \
	guest/proc/*.c guest/block/*.c guest/tty/*.c))
# The network's: its memory is malloc()'s (net_rig.h), so that the sanitizers see what lwIP does with it.
NET_SRC := $(filter-out guest/net/memory.c guest/net/ping.c,$(wildcard guest/net/*.c)) guest/drivers/net.c
NET_OBJ := $(NET_SRC:%.c=$(K)/%.o) $(LWIP_PARTS:%=$(K)/lwip/%.o)
FAKES_SRC := $(wildcard tests/kernel/fakes/*.c)
KERNEL_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/kernel/test_*.c))

$(K)/%.o: %.c $(FLAGS_STAMP) | $(G)/gen/.made build/lwip/.unpacked
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CPPFLAGS) $(KERNEL_CFLAGS) -MMD -MP -c -o $@ $<

$(K)/lwip/%.o: build/lwip/.unpacked $(FLAGS_STAMP)
	$(call say,CC,lwip/$*.c)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CPPFLAGS) $(filter-out $(WARN),$(KERNEL_CFLAGS)) $(LWIP_FLAGS) -w -MMD -MP -c -o $@ $(LWIP)/src/$*.c

$(K)/lwip/core/tcp_out.o: LWIP_FLAGS := -DMEMCPY=net_fill
$(K)/lwip/core/ipv4/ip4.o: LWIP_FLAGS := -Dip4_frag=net_send_long
$(filter $(B)/tests/kernel/test_net_%,$(KERNEL_TESTS)): $(NET_OBJ)
$(NET_OBJ): guest/net/lwip/lwipopts.h

$(K)/libkernel.a: $(KERNEL_SRC:%.c=$(K)/%.o)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/tests/kernel/test_%: $(K)/tests/kernel/test_%.o $(FAKES_SRC:%.c=$(K)/%.o) $(K)/libkernel.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -pie -Wl,--allow-multiple-definition -o $@ -Wl,--start-group $^ -Wl,--end-group -lcmocka

.SECONDARY: $(KERNEL_TESTS:$(B)/%=$(K)/%.o) $(FAKES_SRC:%.c=$(K)/%.o)

unit-programs: $(KERNEL_TESTS)

-include $(shell find $(K) -name '*.d' 2>/dev/null)
