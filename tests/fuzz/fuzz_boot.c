/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target for boot/: images, kernels inside of images, and entries of the kernel cache.
 *
 * The first byte of an input says what the rest is (enum what) and whether KASLR is on. Inputs are
 * grown from the valid images of tests/unit/boot_images.h. Build and run:
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iabi -Ivmm -Itests/unit -I. \
 *     tests/fuzz/fuzz_boot.c <sources of vmm but main.c> -lfdt -llz4 -lzstd -llzma -lz -o fuzz_boot
 * ./fuzz_boot -max_len=65536 -max_total_time=180
 */
#include "boot_images.h"

/* For the layout of an entry: a mutated header needs a fresh checksum to get anywhere. */
#include "boot/kernel_cache.c"

#define MIB (1ULL << 20)
#define MEMORY_BYTES (32 * MIB)

enum what { WHAT_IMAGE, WHAT_KERNEL, WHAT_FLAT16, WHAT_CACHE, WHAT_COUNT };

#define KASLR_BIT 0x80

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void boot_image(const struct blob *image, uint8_t control)
{
	struct rig *rig = rig_new(image, MEMORY_BYTES);

	rig->options.kaslr = control & KASLR_BIT ? BOOT_KASLR_ON : BOOT_KASLR_OFF;
	rig->options.flat16 = (control & ~KASLR_BIT) % WHAT_COUNT == WHAT_FLAT16;
	rig->options.firmware_path = rig->path;
	if (image->len & 1)
		rig_initrd(rig, 4097);
	if (rig_boot(rig) && !rig->error.text[0])
		abort(); /* an error without a line */
	rig_free(rig);
}

static void boot_kernel(const struct blob *elf, uint8_t control)
{
	struct blob image = make_packed_bzimage(PAYLOAD_ELF, elf);

	boot_image(&image, control);
	free(image.bytes);
}

static void load_entry(const struct blob *file)
{
	struct gmem mem;
	char path[32];
	union header_page page;
	int fd = rig_file(file->bytes, file->len, path);

	if (read_fully(fd, 0, &page, sizeof page) ||
	    gmem_create(&mem, MEMORY_BYTES, GMEM_ANONYMOUS)) {
		close(fd);
		return;
	}
	page.header.file_bytes = file->len;
	page.header.checksum = 0;
	page.header.checksum = page_checksum(&page, sizeof page);

	struct kernel_id id = page.header.id;

	if (header_is_valid(&page, &id, file->len)) {
		const struct kernel_layout *layout = &page.header.layout;
		const void *table = kernel_cache_map_relocs(fd, layout);

		kernel_cache_read(fd, layout, &mem, 2 * MIB);
		if (table)
			kernel_cache_unmap_relocs(table, layout);
	}
	gmem_destroy(&mem);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;

	struct blob blob = {(uint8_t *)(uintptr_t)data + 1, size - 1};

	switch ((data[0] & ~KASLR_BIT) % WHAT_COUNT) {
	case WHAT_KERNEL: boot_kernel(&blob, data[0]); break;
	case WHAT_CACHE: load_entry(&blob); break;
	default: boot_image(&blob, data[0]);
	}
	return 0;
}

static struct blob fresh_entry(void)
{
	struct blob file = blob_new(4 * KERNEL_PAGE_BYTES);
	union header_page page = {0};

	memcpy(page.header.magic, CACHE_MAGIC, sizeof page.header.magic);
	page.header.version = CACHE_VERSION;
	page.header.layout = (struct kernel_layout){
		.gpa = KERNEL_TEXT_GPA,
		.span_bytes = 4 * MIB,
		.entry_gpa = KERNEL_ENTRY,
		.run_count = 2,
		.run = {{KERNEL_TEXT_GPA, KERNEL_PAGE_BYTES, KERNEL_PAGE_BYTES, 0},
			{KERNEL_DATA_GPA, KERNEL_PAGE_BYTES, 2 * KERNEL_PAGE_BYTES, 0}},
		.reloc_offset = 3 * KERNEL_PAGE_BYTES,
		.reloc_bytes = 16};
	memcpy(file.bytes, &page, sizeof page);
	return file;
}

static struct blob fresh_kernel(void)
{
	const uint32_t table[] = {0, 0x81000100, 0, 0x81000108, 0, 0x81000110};
	struct blob elf = make_elf(WITH_PVH);

	blob_append(&elf, table, sizeof table);
	return elf;
}

static struct blob fresh_image(unsigned seed)
{
	struct blob elf = seed & 8 ? make_elf(seed & 16 ? WITH_PVH : WITH_PVH | WITH_VITRINE)
				   : fresh_kernel();
	struct blob image = make_packed_bzimage(seed % 6, &elf);

	if (!(seed & 8)) {
		free(elf.bytes);
		return image;
	}
	free(image.bytes);
	return elf;
}

/* Now and then begins anew with a valid input of some kind. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct blob fresh;

	if (size >= 64 && seed % 50)
		return LLVMFuzzerMutate(data, size, max_size);
	data[0] = (uint8_t)((seed >> 8) % WHAT_COUNT | (seed & 1 ? KASLR_BIT : 0));
	switch ((seed >> 8) % WHAT_COUNT) {
	case WHAT_KERNEL: fresh = fresh_kernel(); break;
	case WHAT_CACHE: fresh = fresh_entry(); break;
	default: fresh = fresh_image(seed >> 10);
	}
	size = fresh.len < max_size - 1 ? fresh.len : max_size - 1;
	memcpy(data + 1, fresh.bytes, size);
	free(fresh.bytes);
	return size + 1;
}
