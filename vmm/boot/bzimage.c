/* SPDX-License-Identifier: MIT
 *
 * Linux bzImages through the 64-bit boot protocol (Linux, Documentation/arch/x86/boot.rst and
 * zero-page.rst). Normally the vmlinux inside is placed and started directly; a payload that the
 * host can't unpack is left to the decompressor that the image brings.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "boot/fail.h"
#include "boot/load.h"
#include "boot/vmlinux.h"
#include "memory_map.h"

#define SETUP_HEADER_OFFSET offsetof(struct boot_params, hdr)
#define BOOT_FLAG 0xaa55
#define BOOT_FLAG_OFFSET 0x1fe
#define HEADER_MAGIC_OFFSET 0x202
#define HEADER_END_BASE 0x202 /* a jump leads behind the header: its length is at 0x201 */
#define PROTOCOL_MIN 0x020c   /* 2.12, Linux 3.8: the first with a 64-bit entry */
#define SECTOR_BYTES 512u
#define SETUP_SECTORS_DEFAULT 4u /* when the header says 0 */
#define PAYLOAD_BYTES_MIN 16u
#define ENTRY64_OFFSET 0x200 /* of the protected-mode code */
#define LOADER_UNDEFINED 0xff
#define RNG_SEED_BYTES 32u
#define ALIGNMENT_MAX (1u << 30)

_Static_assert(SETUP_HEADER_OFFSET == 0x1f1, "setup header");
_Static_assert(sizeof(struct boot_params) == 4096, "zero page");

/* --- recognising and checking --- */

bool bzimage_has_magic(const uint8_t *head, uint64_t len_bytes)
{
	return len_bytes >= HEADER_MAGIC_OFFSET + 4 &&
	       !memcmp(head + HEADER_MAGIC_OFFSET, "HdrS", 4) &&
	       head[BOOT_FLAG_OFFSET] == (BOOT_FLAG & 0xff) &&
	       head[BOOT_FLAG_OFFSET + 1] == BOOT_FLAG >> 8;
}

static int check_protocol(const struct setup_header *header, const char *path,
			  struct boot_error *error)
{
	if (header->version < PROTOCOL_MIN)
		return boot_fail(
			error, -ENOEXEC, path,
			"Linux boot protocol %u.%02u is too old: 2.12 (Linux 3.8) is needed",
			header->version >> 8, header->version & 0xffu);
	if (!(header->loadflags & LOADED_HIGH))
		return boot_fail(error, -ENOEXEC, path, "a zImage; only a bzImage can be booted");
	if (!(header->xloadflags & XLF_KERNEL_64))
		return boot_fail(error, -ENOEXEC, path,
				 "a 32-bit Linux kernel; only 64-bit ones can be booted");
	return 0;
}

static int check_extent(const struct image_file *file, struct bzimage *bz, struct boot_error *error)
{
	const struct setup_header *header = &bz->header;
	unsigned sectors = header->setup_sects ? header->setup_sects : SETUP_SECTORS_DEFAULT;

	bz->protected_offset = (uint64_t)(sectors + 1) * SECTOR_BYTES;
	bz->payload_offset = bz->protected_offset + header->payload_offset;
	bz->payload_bytes = header->payload_length;
	if (bz->payload_bytes < PAYLOAD_BYTES_MIN)
		return boot_fail(error, -ENOEXEC, file->path, "a bzImage without a payload");
	if (bz->payload_offset + bz->payload_bytes > file->size_bytes)
		return boot_fail(error, -ENOEXEC, file->path,
				 "truncated bzImage: %" PRIu64 " bytes instead of %" PRIu64
				 " or more",
				 file->size_bytes, bz->payload_offset + bz->payload_bytes);
	return 0;
}

/* The first word of the version string that the header points to; "" if it points nowhere. */
static void read_version(const struct image_file *file, struct bzimage *bz)
{
	uint64_t offset = (uint64_t)bz->header.kernel_version + SECTOR_BYTES;
	struct boot_error ignored;
	unsigned len = 0;

	if (!bz->header.kernel_version || offset + sizeof bz->version > bz->protected_offset ||
	    image_file_read(file, offset, bz->version, sizeof bz->version, &ignored))
		bz->version[0] = '\0';
	while (len < sizeof bz->version - 1 && bz->version[len] > ' ' && bz->version[len] < 0x7f)
		len++;
	bz->version[len] = '\0';
}

int bzimage_parse(const struct image_file *file, struct bzimage *bz, struct boot_error *error)
{
	uint8_t head[SETUP_HEADER_OFFSET + sizeof bz->header] = {0};
	uint64_t have = file->size_bytes < sizeof head ? file->size_bytes : sizeof head;
	int err = image_file_read(file, 0, head, have, error);

	if (err)
		return err;
	*bz = (struct bzimage){0};
	bz->header_bytes = HEADER_END_BASE + head[HEADER_END_BASE - 1] - SETUP_HEADER_OFFSET;
	if (bz->header_bytes > sizeof bz->header)
		bz->header_bytes = sizeof bz->header; /* newer fields that we don't know */
	memcpy(&bz->header, head + SETUP_HEADER_OFFSET, bz->header_bytes);
	if (have < SETUP_HEADER_OFFSET + bz->header_bytes)
		return boot_fail(error, -ENOEXEC, file->path, "truncated bzImage: no setup header");
	err = check_protocol(&bz->header, file->path, error);
	if (!err)
		err = check_extent(file, bz, error);
	if (!err)
		read_version(file, bz);
	return err;
}

/* --- the image's own decompressor --- */

/* Loads the protected-mode code where it prefers to run. It moves itself out of its own way and
 * needs init_size bytes there; it also does KASLR, unless the command line says nokaslr. */
static int load_decompressor(struct load *load, uint64_t ceiling, struct vmlinux *vmlinux)
{
	const struct bzimage *bz = &load->image->bzimage;
	const struct image_file *file = &load->image->file;
	uint64_t gpa = bz->header.pref_address, need = bz->header.init_size;
	uint64_t len_bytes = file->size_bytes - bz->protected_offset;

	if (need < len_bytes)
		need = len_bytes;
	if (bz->header.kernel_alignment == 0 || bz->header.kernel_alignment > ALIGNMENT_MAX ||
	    gpa < GPA_HIGH_RAM || gpa % bz->header.kernel_alignment)
		return boot_fail(load->error, -ENOEXEC, file->path,
				 "damaged: the setup header prefers address 0x%" PRIx64, gpa);
	if (gpa >= ceiling || need > ceiling - gpa)
		return boot_fail(load->error, -ENOMEM, file->path,
				 "the kernel's decompressor needs %" PRIu64
				 " MiB of guest memory beside the initrd; raise --memory",
				 (gpa >> 20) + (need >> 20) + 1);
	vmlinux->kaslr = load->image->options.kaslr == BOOT_KASLR_ON ? VMLINUX_KASLR_KERNELS_OWN
								     : VMLINUX_KASLR_ADD_NOKASLR;
	vmlinux->gpa = gpa;
	vmlinux->span_bytes = need;
	vmlinux->entry_gpa = gpa + ENTRY64_OFFSET;
	return image_file_read(file, bz->protected_offset, gmem_slice(load->mem, gpa, len_bytes),
			       len_bytes, load->error);
}

/* --- boot_params --- */

static void fill_e820(struct load *load, struct boot_params *params)
{
	struct board_e820_entry e820[BOARD_E820_MAX];
	unsigned count = board_build_e820(load->board, e820);

	for (unsigned i = 0; i < count; i++)
		params->e820_table[i] = (struct boot_e820_entry){
			.addr = e820[i].gpa, .size = e820[i].size_bytes, .type = e820[i].type};
	params->e820_entries = (uint8_t)count;
}

/* A seed for the guest's random numbers, which it takes from here once and wipes (Linux 6.0 and
 * later; older ones skip the type). 0: none. */
static uint64_t write_rng_seed(struct load *load)
{
	const struct setup_data head = {.type = SETUP_RNG_SEED, .len = RNG_SEED_BYTES};
	uint8_t *seed = gmem_slice(load->mem, GPA_SETUP_DATA + sizeof head, RNG_SEED_BYTES);

	if (!seed || gmem_write(load->mem, GPA_SETUP_DATA, &head, sizeof head) ||
	    getrandom(seed, RNG_SEED_BYTES, 0) != RNG_SEED_BYTES)
		return 0;
	return GPA_SETUP_DATA;
}

static int write_boot_params(struct load *load, const struct vmlinux *vmlinux)
{
	const struct bzimage *bz = &load->image->bzimage;
	struct boot_params *params = gmem_slice(load->mem, GPA_BOOT_PARAMS, sizeof *params);

	if (!params)
		return boot_fail(load->error, -ENOMEM, NULL, "no guest RAM for boot structures");
	memcpy(&params->hdr, &bz->header, bz->header_bytes);
	params->hdr.type_of_loader = LOADER_UNDEFINED;
	params->hdr.loadflags = LOADED_HIGH;
	if (vmlinux->kaslr == VMLINUX_KASLR_ON)
		params->hdr.loadflags |=
			KASLR_FLAG; /* also makes it randomise its memory regions */
	params->hdr.code32_start = (uint32_t)vmlinux->gpa;
	params->hdr.cmd_line_ptr = GPA_CMDLINE;
	params->hdr.ramdisk_image = (uint32_t)load->board->initrd_gpa; /* below the hole */
	params->hdr.ramdisk_size = (uint32_t)load->board->initrd_bytes;
	params->hdr.setup_data = write_rng_seed(load);
	params->acpi_rsdp_addr = GPA_ACPI_TABLES;
	fill_e820(load, params);
	return 0;
}

/* --- putting it together --- */

static void describe(struct load *load, const struct vmlinux *vmlinux)
{
	static const char *const kaslr[] = {
		[VMLINUX_KASLR_OFF] = "off",
		[VMLINUX_KASLR_NOKASLR] = "off (nokaslr on the command line)",
		[VMLINUX_KASLR_NO_TABLE] = "off (the kernel has no relocation table)",
		[VMLINUX_KASLR_ON] = "on, virtual offset",
		[VMLINUX_KASLR_KERNELS_OWN] = "is the decompressor's",
		[VMLINUX_KASLR_ADD_NOKASLR] = "off (nokaslr added to the command line)",
	};
	struct boot_report *report = load->report;
	bool unpacked = payload_can_unpack(vmlinux->format);
	char offset[32] = "";

	report->cache_hit = vmlinux->cache_hit;
	report->kernel_gpa = vmlinux->gpa;
	report->kernel_bytes = vmlinux->span_bytes;
	snprintf(report->description, sizeof report->description, "Linux %s, bzImage, %s %s",
		 load->image->bzimage.version, payload_format_name(vmlinux->format),
		 !unpacked			  ? "left to the kernel's own decompressor"
		 : vmlinux->cache_hit		  ? "unpacked before, from the cache"
		 : vmlinux->format == PAYLOAD_ELF ? "payload"
						  : "unpacked by the host");
	if (vmlinux->kaslr == VMLINUX_KASLR_ON)
		snprintf(offset, sizeof offset, " 0x%" PRIx64, vmlinux->virtual_delta);
	snprintf(report->detail, sizeof report->detail,
		 "kernel at 0x%" PRIx64 ", %" PRIu64 " KiB, entry 0x%" PRIx64 "; KASLR %s%s",
		 vmlinux->gpa, vmlinux->span_bytes >> 10, vmlinux->entry_gpa, kaslr[vmlinux->kaslr],
		 offset);
}

static int load_kernel(struct load *load, struct vmlinux *vmlinux)
{
	uint64_t ceiling = load->board->initrd_bytes ? load->board->initrd_gpa : load->ram_end;
	int err = vmlinux_load(load, ceiling, vmlinux);

	if (err != -ENOTSUP)
		return err;
	return load_decompressor(load, ceiling, vmlinux);
}

int load_bzimage(struct load *load)
{
	const struct setup_header *header = &load->image->bzimage.header;
	struct vmlinux vmlinux = {0};
	int err = load_initrd(load, (uint64_t)header->initrd_addr_max + 1);

	if (!err)
		err = load_kernel(load, &vmlinux);
	if (!err)
		err = load_cmdline(load, (uint64_t)header->cmdline_size + 1,
				   vmlinux.kaslr == VMLINUX_KASLR_ADD_NOKASLR ? " nokaslr" : "");
	if (!err)
		err = write_boot_params(load, &vmlinux);
	if (!err)
		err = load_start_state(load, BOOT_MODE_LONG64);
	if (err)
		return err;
	load->entry->rip = vmlinux.entry_gpa;
	load->entry->rsi = GPA_BOOT_PARAMS;
	describe(load, &vmlinux);
	return 0;
}
