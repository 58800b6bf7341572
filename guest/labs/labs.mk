# SPDX-License-Identifier: MIT
# The labs' programs, in build/labs/, for guest and host alike, and the guest's initramfs with them in /labs:
#   build/guest/labs.cpio            the bundled guest's system and the programs
#   build/guest/labs-programs.cpio   the programs alone, to follow a stock Linux guest's initramfs
# A lab that needs more than the flags below says so: LAB_FLAGS_name := -pthread

L := build/labs
LAB_CC := musl-gcc
LAB_FLAGS := -std=gnu17 -O2 -s -Wall -Wextra -Werror -D_GNU_SOURCE= -static -iquote . -MMD -MP
LAB_PROGRAMS := $(patsubst guest/labs/%.c,$L/%,$(wildcard guest/labs/*.c)) \
	$(if $(shell command -v go),$(patsubst guest/labs/%.go,$L/%,$(wildcard guest/labs/*.go))) \
	$(patsubst guest/labs/%.sh,$L/%.sh,$(wildcard guest/labs/*.sh))
LABS_CPIO := build/guest/labs.cpio
LAB_PROGRAMS_CPIO := build/guest/labs-programs.cpio

.PHONY: labs
labs: $(LABS_CPIO) $(LAB_PROGRAMS_CPIO)
all: labs

$L/%: guest/labs/%.c guest/labs/labs.mk
	$(call say,MUSL,$<)
	@mkdir -p $(@D)
	$(Q)$(LAB_CC) $(LAB_FLAGS) $(LAB_FLAGS_$*) -MF $L/.$*.d -o $@ $< -lm

# Only the standard library: nothing is fetched.
$L/%: guest/labs/%.go
	$(call say,GO,$<)
	@mkdir -p $(@D)
	$(Q)CGO_ENABLED=0 GO111MODULE=off GOFLAGS=-trimpath GOPROXY=off go build -ldflags='-s -w -buildid=' -o $@ $<

# What runs under a shell stands beside the programs, so that it is found in the same way.
$L/%.sh: guest/labs/%.sh
	@mkdir -p $(@D)
	$(Q)install -m 755 $< $@

$(LAB_PROGRAMS_CPIO): $(LAB_PROGRAMS) $(MAKE_INITRAMFS)
	$(call say,CPIO,$@)
	$(Q)$(MAKE_INITRAMFS) $@ $(foreach p,$(LAB_PROGRAMS),/labs/$(notdir $p)=$p)

# An archive's length is a multiple of 4, so that another may follow.
$(LABS_CPIO): $(INITRAMFS) $(LAB_PROGRAMS_CPIO)
	$(call say,CAT,$@)
	$(Q)cat $^ > $@.unfinished && mv $@.unfinished $@

-include $(wildcard $L/.*.d)
