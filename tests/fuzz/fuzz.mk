# SPDX-License-Identifier: MIT
# make fuzz-dev   libFuzzer over the devices (clang); run build/fuzz/fuzz_dev -max_total_time=120

FUZZ_DEV_SRC := tests/fuzz/fuzz_dev.c vmm/bus/device.c vmm/bus/vm_control.c \
	$(filter-out vmm/dev/host_clock.c vmm/dev/e1000%.c vmm/dev/ne2000%.c,$(wildcard vmm/dev/*.c))

.PHONY: fuzz-dev
fuzz-dev: build/fuzz/fuzz_dev

build/fuzz/fuzz_dev: $(FUZZ_DEV_SRC) $(wildcard vmm/dev/*.h tests/unit/dev_fake.h)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -std=gnu17 -g -O1 $(WARN) -pthread \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(FUZZ_DEV_SRC)

# make fuzz-boot  libFuzzer over the loaders; run build/fuzz/fuzz_boot -max_len=65536 -max_total_time=180

# The target includes kernel_cache.c itself, to get at the layout of an entry.
FUZZ_BOOT_SRC := tests/fuzz/fuzz_boot.c vmm/kvm/gmem.c \
	$(filter-out vmm/boot/kernel_cache.c,$(wildcard vmm/boot/*.c)) \
	$(filter-out vmm/board/machine.c,$(wildcard vmm/board/*.c)) $(wildcard vmm/bus/*.c vmm/dev/*.c vmm/loop/*.c vmm/backend/*.c)

.PHONY: fuzz-boot
fuzz-boot: build/fuzz/fuzz_boot

build/fuzz/fuzz_boot: $(FUZZ_BOOT_SRC) vmm/boot/kernel_cache.c tests/unit/boot_images.h
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -Itests/unit -std=gnu17 -g -O1 $(WARN) -pthread -ffunction-sections \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -Wl,--gc-sections \
		-o $@ $(FUZZ_BOOT_SRC) -lfdt -llz4 -lzstd -llzma -lz

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

# make fuzz-nic   the network cards; run build/fuzz/fuzz_e1000, build/fuzz/fuzz_ne2000 -max_total_time=600
FUZZ_NIC_SRC := vmm/bus/device.c vmm/bus/pci.c vmm/bus/msix.c vmm/kvm/gmem.c vmm/dev/pci_host.c \
	vmm/dev/inet_sum.c vmm/dev/nic.c vmm/backend/net_header.c
FUZZ_NIC_HDR := $(wildcard vmm/dev/*.h tests/unit/*fake.h tests/unit/e1000_fixture.h)

.PHONY: fuzz-nic
fuzz-nic: build/fuzz/fuzz_e1000 build/fuzz/fuzz_ne2000

build/fuzz/fuzz_e1000 build/fuzz/fuzz_ne2000: build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c $(wildcard vmm/dev/e1000*.c \
	vmm/dev/ne2000*.c) $(FUZZ_NIC_SRC) $(FUZZ_NIC_HDR)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -std=gnu17 -g -O1 $(WARN) -pthread -ffunction-sections -Wl,--gc-sections \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ \
		tests/fuzz/fuzz_$*.c $(wildcard vmm/dev/$**.c) $(FUZZ_NIC_SRC)

# make fuzz-ide   the IDE controller, with its lists in memory; run build/fuzz/fuzz_ide -max_len=2048 -max_total_time=600
FUZZ_IDE_SRC := tests/fuzz/fuzz_ide.c vmm/bus/device.c vmm/bus/pci.c vmm/bus/msix.c vmm/dev/pci_host.c vmm/kvm/gmem.c \
	$(wildcard vmm/dev/ide*.c)

.PHONY: fuzz-ide
fuzz-ide: build/fuzz/fuzz_ide

build/fuzz/fuzz_ide: $(FUZZ_IDE_SRC) $(wildcard vmm/dev/ide*.h tests/unit/*fake.h)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -std=gnu17 -g -O1 $(WARN) -pthread \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(FUZZ_IDE_SRC)

# make fuzz-virtq-split fuzz-virtq-packed   a hostile driver against a virtqueue; run build/fuzz/fuzz_virtq_split -max_total_time=660
FUZZ_VIRTQ_SRC := tests/fuzz/fuzz_virtq.c vmm/kvm/gmem.c $(wildcard virtio/queue*.c)

.PHONY: fuzz-virtq-split fuzz-virtq-packed
fuzz-virtq-split: build/fuzz/fuzz_virtq_split
fuzz-virtq-packed: build/fuzz/fuzz_virtq_packed
build/fuzz/fuzz_virtq_split: FUZZ_FORMAT := 0
build/fuzz/fuzz_virtq_packed: FUZZ_FORMAT := '(1ULL<<34)'

build/fuzz/fuzz_virtq_split build/fuzz/fuzz_virtq_packed: $(FUZZ_VIRTQ_SRC) $(wildcard virtio/queue*.h)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -DFUZZ_FORMAT=$(FUZZ_FORMAT) -std=gnu17 -g -O1 $(WARN) -pthread \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(FUZZ_VIRTQ_SRC)

# make fuzz-net   the same over frames from other VMs; run build/fuzz/fuzz_net -max_len=8192 -max_total_time=600
FUZZ_NET_SRC := tests/fuzz/fuzz_net.c $(wildcard vmm/backend/net*.c) vmm/cmd/net_options.c \
	vmm/cmd/keyvals.c vmm/backend/paths.c vmm/loop/loop.c vmm/slirp/frame_ring.c

.PHONY: fuzz-net
fuzz-net: build/fuzz/fuzz_net

build/fuzz/fuzz_net: $(FUZZ_NET_SRC) $(wildcard vmm/backend/net*.h)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -std=gnu17 -g -O1 $(WARN) -pthread \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(FUZZ_NET_SRC)

# make fuzz-vsock fuzz-ports   guests and programs of the host over virtio-vsock and virtio-ports; run build/fuzz/fuzz_vsock -max_total_time=660
FUZZ_SOCKETS_SRC := tests/fuzz/fuzz_sockets.c vmm/kvm/gmem.c virtio/device.c virtio/chains.c virtio/vsock.c \
	virtio/vsock_conn.c virtio/vsock_host.c virtio/console_ports.c virtio/console_port.c \
	$(wildcard virtio/queue*.c) $(wildcard vmm/loop/*.c) vmm/backend/console.c vmm/backend/console_line.c \
	vmm/backend/terminal.c vmm/backend/terminal_size.c vmm/backend/unix_socket.c

.PHONY: fuzz-vsock fuzz-ports
fuzz-vsock: build/fuzz/fuzz_vsock
fuzz-ports: build/fuzz/fuzz_ports
build/fuzz/fuzz_vsock: FUZZ_PORTS := 0
build/fuzz/fuzz_ports: FUZZ_PORTS := 1

build/fuzz/fuzz_vsock build/fuzz/fuzz_ports: $(FUZZ_SOCKETS_SRC) $(wildcard virtio/*.h tests/unit/virt*.h)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -DFUZZ_PORTS=$(FUZZ_PORTS) -Itests/unit -std=gnu17 -g -O1 $(WARN) -pthread \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(FUZZ_SOCKETS_SRC) -lcmocka

# make fuzz-mmio fuzz-pci   either transport, a disk, a card or entropy behind; run build/fuzz/fuzz_pci -max_len=4096 -max_total_time=660
FUZZ_TRANSPORT_SRC := tests/fuzz/fuzz_transport.c vmm/kvm/gmem.c vmm/bus/device.c vmm/bus/pci.c vmm/bus/msix.c \
	vmm/dev/pci_host.c $(addprefix virtio/,device.c mmio.c pci.c pci_common.c blk.c rng.c chains.c vhost_net.c) \
	$(wildcard virtio/net*.c virtio/queue*.c)

.PHONY: fuzz-mmio fuzz-pci
fuzz-mmio: build/fuzz/fuzz_mmio
fuzz-pci: build/fuzz/fuzz_pci
build/fuzz/fuzz_mmio: FUZZ_PCI := false
build/fuzz/fuzz_pci: FUZZ_PCI := true

build/fuzz/fuzz_mmio build/fuzz/fuzz_pci: $(FUZZ_TRANSPORT_SRC) tests/unit/virtio_fakes.h $(wildcard virtio/*.h tests/unit/wiring_fake.h)
	$(call say,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)clang $(CPPFLAGS) -DFUZZ_PCI=$(FUZZ_PCI) -Itests/unit -std=gnu17 -g -O1 $(WARN) -pthread \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -o $@ $(FUZZ_TRANSPORT_SRC)

# make fuzz-guest-net   the guest's TCP/IP; run build/fuzz/guest/fuzz_guest_net -max_total_time=600. A given number of
# frames without libFuzzer: make SAN=1 build/san/tests/count_guest_net, and build/san/tests/count_guest_net FRAMES [SEED]
FUZZ_GUEST_NET = $(FAKES_SRC:%.c=$(K)/%.o) $(NET_OBJ) $(K)/libkernel.a

.PHONY: fuzz-guest-net
fuzz-guest-net:
	$(Q)$(MAKE) --no-print-directory CC=clang SAN=1 B=build/fuzz/guest KERNEL_FUZZ=-fsanitize=fuzzer-no-link \
		build/fuzz/guest/fuzz_guest_net

$(B)/fuzz_guest_net: $(K)/tests/fuzz/fuzz_guest_net.o $(FUZZ_GUEST_NET)
	$(call say,FUZZ,$@)
	$(Q)$(CC) $(LDFLAGS) -pie -fsanitize=fuzzer -Wl,--allow-multiple-definition -o $@ $^

$(K)/counted/fuzz_guest_net.o: tests/fuzz/fuzz_guest_net.c $(FLAGS_STAMP) tests/kernel/net_rig.h tests/kernel/net_wire.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(KERNEL_CPPFLAGS) $(KERNEL_CFLAGS) -DFUZZ_COUNTED -c -o $@ $<

$(B)/tests/count_guest_net: $(K)/counted/fuzz_guest_net.o $(FUZZ_GUEST_NET)
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -pie -Wl,--allow-multiple-definition -o $@ $^
