# SPDX-License-Identifier: MIT
# The firmware: one assembler file, 64 KiB, flags of its own, the same whatever DEBUG and SAN say.
# build/bios/vitrine-bios.elf has symbols.

BIOS := build/bios/vitrine-bios.bin
ASM16 = $(CC) -m32 -Iabi -Wa,--fatal-warnings -MMD -MP -c
LINK16 := ld -m elf_i386 --build-id=none -e 0

bios: $(BIOS) flat16

build/bios/%.o: bios/%.S
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(ASM16) -o $@ $<

build/bios/vitrine-bios.elf: build/bios/bios.o
	$(Q)$(LINK16) -Ttext=0 -o $@ $<

$(BIOS): build/bios/vitrine-bios.elf
	$(call say,BIOS,$@)
	$(Q)objcopy -O binary -j .text $< $@

# --- flat 16-bit test programs: build/tests/flat16/NAME.bin, loaded at 0000:7C00 by the firmware
FLAT16_BIN := $(patsubst tests/guest/flat16/%.S,build/tests/flat16/%.bin,$(wildcard tests/guest/flat16/*.S))

.PHONY: flat16
flat16: $(FLAT16_BIN)

build/tests/flat16/%.o: tests/guest/flat16/%.S
	$(call say,AS,$<)
	@mkdir -p $(@D)
	$(Q)$(ASM16) -o $@ $<

build/tests/flat16/%.bin: build/tests/flat16/%.o
	$(Q)$(LINK16) -Ttext=0x7c00 -o $(@:.bin=.elf) $<
	$(Q)objcopy -O binary -j .text $(@:.bin=.elf) $@

.SECONDARY: $(FLAT16_BIN:.bin=.o)

-include $(wildcard build/bios/*.d build/tests/flat16/*.d)
