# SPDX-License-Identifier: MIT
# Kernel sources on the host: build/tests/kernel/test_NAME, run by `make unit`. They are compiled with the
# shadows of tests/kernel/host in front of the real headers, apart from libc's headers (which have other
# types of the same names). Of several definitions the linker takes the first: those of the test itself (which
# may include a kernel .c file), then those of the fakes, then the kernel's.

K := $(B)/kernel
KERNEL_CPPFLAGS := -Itests/kernel/host -I. -I$(G)/gen -DDIRECT_BASE=0x200000000000 -DDIRECT_BYTES=0x4000000000 \
	-DVITRINE_VERSION='"$(VERSION)"'
KERNEL_CFLAGS := -std=gnu17 $(OPT) $(WARN) $(SANFLAGS) -fPIE -fno-strict-aliasing -fno-builtin-printf

# Not what is made of instructions of ring 0.
KERNEL_SRC := $(filter-out guest/lib/panic.c guest/lib/string.c guest/lib/symbols.c \
	guest/proc/user_program.c guest/proc/program_calls.c guest/proc/embedded_elf.c guest/mm/mmio.c guest/fs/procfs/cpus.c \
	guest/fs/sysfs/tree.c, \
	$(wildcard guest/lib/*.c guest/mm/*.c guest/sched/*.c guest/fs/*.c guest/fs/*/*.c \
	guest/proc/*.c guest/block/*.c guest/tty/*.c))
FAKES_SRC := $(wildcard tests/kernel/fakes/*.c)
KERNEL_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/kernel/test_*.c))

$(K)/%.o: %.c $(FLAGS_STAMP) | $(G)/gen/.made
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CPPFLAGS) $(KERNEL_CFLAGS) -MMD -MP -c -o $@ $<

$(K)/libkernel.a: $(KERNEL_SRC:%.c=$(K)/%.o)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(B)/tests/kernel/test_%: $(K)/tests/kernel/test_%.o $(FAKES_SRC:%.c=$(K)/%.o) $(K)/libkernel.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -pie -Wl,--allow-multiple-definition -o $@ $^ -lcmocka

.SECONDARY: $(KERNEL_TESTS:$(B)/%=$(K)/%.o) $(FAKES_SRC:%.c=$(K)/%.o)

unit-programs: $(KERNEL_TESTS)

-include $(shell find $(K) -name '*.d' 2>/dev/null)
