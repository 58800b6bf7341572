# SPDX-License-Identifier: MIT
# /init of `vitrine run --root DIR`: a static program of two pages, part of the VMM.

INITRD_CFLAGS := -std=gnu17 -Os $(WARN) -I. -ffreestanding -fno-pic -fno-pie -fno-stack-protector \
	-fcf-protection=none -fno-asynchronous-unwind-tables -mgeneral-regs-only -mno-red-zone

build/initrd/init: initrd/init.c initrd/start.S initrd/syscall.h initrd/initrd.mk
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(INITRD_CFLAGS) -nostdlib -static -Wl,--build-id=none -Wl,-s -Wl,-z,noexecstack \
		-Wl,-z,noseparate-code -o $@ initrd/init.c initrd/start.S

$(B)/obj/vmm/boot/root_init.o: build/initrd/init
