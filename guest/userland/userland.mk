# SPDX-License-Identifier: MIT
# The bundled guest's userland: build/guest/initramfs.cpio, Debian's static busybox (installed by
# scripts/setup) and the files of root/. What runs in it for tests: tests/guest/programs/programs.mk.

INITRAMFS := build/guest/initramfs.cpio
MAKE_INITRAMFS := guest/userland/make-initramfs

$(INITRAMFS): $(MAKE_INITRAMFS) scripts/lib/cpio.py $(shell find guest/userland/root -type f) \
		$(wildcard /bin/busybox)
	$(call say,CPIO,$@)
	@mkdir -p $(@D)
	$(Q)$(MAKE_INITRAMFS) $@

guest: $(INITRAMFS)
