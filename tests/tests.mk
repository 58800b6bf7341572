# SPDX-License-Identifier: MIT
# Unit tests: one cmocka program per file, linked with the VMM's archive, no KVM needed.

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(B)/%)

$(B)/tests/unit/test_%: $(B)/obj/tests/unit/test_%.o $(B)/libvitrine.a
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

.PHONY: unit
unit: $(UNIT_BIN)
	@set -e; for t in $(UNIT_BIN); do $$t; done
.SECONDARY: $(UNIT_SRC:%.c=$(B)/obj/%.o)
