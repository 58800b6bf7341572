# SPDX-License-Identifier: MIT
# make fuzz-dev   libFuzzer over the devices (clang); run build/fuzz/fuzz_dev -max_total_time=120

FUZZ_DEV_SRC := tests/fuzz/fuzz_dev.c vmm/bus/device.c vmm/bus/vm_control.c \
	$(filter-out vmm/dev/host_clock.c,$(wildcard vmm/dev/*.c))

.PHONY: fuzz-dev
fuzz-dev: build/fuzz/fuzz_dev

build/fuzz/fuzz_dev: $(FUZZ_DEV_SRC) $(wildcard vmm/dev/*.h tests/unit/dev_fake.h)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -std=gnu17 -g -O1 $(WARN) -pthread \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(FUZZ_DEV_SRC)

# make fuzz-gdb   the same over gdb's protocol; run build/fuzz/fuzz_gdb -max_total_time=120 -dict=tests/fuzz/gdb.dict
FUZZ_GDB_SRC := tests/fuzz/fuzz_gdb.c $(filter-out vmm/gdb/stub.c vmm/gdb/target_vm.c vmm/gdb/connection.c \
	vmm/gdb/listen.c,$(wildcard vmm/gdb/*.c))

.PHONY: fuzz-gdb
fuzz-gdb: build/fuzz/fuzz_gdb

build/fuzz/fuzz_gdb: $(FUZZ_GDB_SRC) $(wildcard vmm/gdb/*.h tests/unit/fake_gdb_target.h)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -std=gnu17 -g -O1 $(WARN) -pthread \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(FUZZ_GDB_SRC)
