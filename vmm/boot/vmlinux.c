/* SPDX-License-Identifier: MIT
 *
 * The kernel inside a bzImage. With a warm cache: find the entry, read its runs straight into
 * guest RAM, check them. Without: unpack into a mapping that lives only as long, copy what is not
 * zero, add the entry. Then, in both cases, relocate in place.
 */
#include "boot/vmlinux.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "boot/fail.h"
#include "boot/kaslr.h"
#include "boot/kernel_cache.h"

#define UNPACKED_BYTES_MIN 4096u
#define UNPACKED_BYTES_MAX (512u << 20) /* ten times a distribution's kernel */
#define SIZE_TRAILER_BYTES 4		/* the build appends the unpacked size to the payload */
#define PAYLOAD_HEAD_BYTES 16
#define RUN_GAP_BYTES (64u << 10) /* zeros worth a run of their own */

/* One placing of one payload. */
struct placing {
	struct load *load;
	struct vmlinux *vmlinux;
	const uint8_t *payload;
	uint64_t payload_bytes;
	uint64_t ceiling;
	bool has_id;
	struct kernel_id id;
	struct kernel_layout layout;
	struct kaslr_bases bases;
};

/* Everything that may differ from one boot to the next is decided here. */
static int choose_place(struct placing *p, bool has_table)
{
	struct load *load = p->load;
	const struct kernel_layout *layout = &p->layout;

	p->bases = (struct kaslr_bases){0};
	if (layout->gpa >= p->ceiling || layout->span_bytes > p->ceiling - layout->gpa)
		return boot_fail(load->error, -ENOMEM, load->image->file.path,
				 "the kernel needs RAM up to %" PRIu64
				 " MiB beside the initrd; raise --memory",
				 ((layout->gpa + layout->span_bytes) >> 20) + 1);
	if (load->image->options.kaslr == BOOT_KASLR_OFF)
		p->vmlinux->kaslr = VMLINUX_KASLR_OFF;
	else if (kaslr_forbidden(load->board->cmdline))
		p->vmlinux->kaslr = VMLINUX_KASLR_NOKASLR;
	else if (!has_table)
		p->vmlinux->kaslr = VMLINUX_KASLR_NO_TABLE;
	else if (kaslr_choose(layout->gpa, layout->span_bytes, p->ceiling, &p->bases))
		return boot_fail(load->error, -EIO, NULL,
				 "the host has no random numbers for KASLR");
	else
		p->vmlinux->kaslr = VMLINUX_KASLR_ON;
	return 0;
}

static int relocate(struct placing *p, const uint8_t *table)
{
	uint64_t gpa = p->layout.gpa + p->bases.physical_delta;
	uint8_t *kernel = gmem_slice(p->load->mem, gpa, p->layout.span_bytes);

	if (p->vmlinux->kaslr != VMLINUX_KASLR_ON)
		return 0;
	if (!kernel || kaslr_relocate(kernel, p->layout.gpa, p->layout.span_bytes, table,
				      p->layout.reloc_bytes, p->bases.virtual_delta))
		return boot_fail(
			p->load->error, -ENOEXEC, p->load->image->file.path,
			"the kernel's relocation table is damaged; --kaslr off does without it");
	return 0;
}

/* --- from the cache --- */

static int place_cached(struct placing *p, int fd)
{
	bool wants_table = p->load->image->options.kaslr == BOOT_KASLR_ON;
	const void *table = wants_table ? kernel_cache_map_relocs(fd, &p->layout) : NULL;
	int err = 0;

	if (wants_table && p->layout.reloc_bytes && !table)
		return -EBADMSG;
	err = choose_place(p, table != NULL);
	if (!err)
		err = kernel_cache_read(fd, &p->layout, p->load->mem, p->bases.physical_delta);
	if (!err)
		err = relocate(p, table);
	if (table)
		kernel_cache_unmap_relocs(table, &p->layout);
	return err;
}

/* 0, -ENOENT: not in the cache (or damaged), or an error that is filled in. */
static int try_entry(struct placing *p, int fd)
{
	int err;

	if (fd < 0)
		return -ENOENT;
	err = place_cached(p, fd);
	close(fd);
	p->vmlinux->cache_hit = !err;
	return err == -EBADMSG ? -ENOENT : err;
}

/* By the file's identity: nothing of the payload is read. */
static int try_cache_by_file(struct placing *p)
{
	const struct boot_image *image = p->load->image;

	if (!image->options.cache_dir)
		return -ENOENT;
	return try_entry(p, kernel_cache_open_known(image->options.cache_dir, &image->file.opened,
						    &p->layout));
}

static int try_cache_by_content(struct placing *p)
{
	const struct boot_image *image = p->load->image;
	const char *dir = image->options.cache_dir;
	uint64_t key[HASH_KEY_BYTES / sizeof(uint64_t)];
	int err;

	if (!dir || p->payload_bytes > HASH_INPUT_MAX || kernel_cache_key(dir, key))
		return -ENOENT;
	p->id = (struct kernel_id){content_hash(key, p->payload, p->payload_bytes),
				   p->payload_bytes};
	p->has_id = true;
	err = try_entry(p, kernel_cache_open(dir, &p->id, &p->layout));
	if (!err)
		kernel_cache_remember(dir, &image->file.opened, &p->id);
	return err;
}

/* --- unpacked --- */

static bool is_zero(const uint8_t *bytes, uint64_t len_bytes)
{
	return bytes[0] == 0 && !memcmp(bytes, bytes + 1, len_bytes - 1);
}

/* Remembers that the page at gpa (link address) holds something. Pages come in ascending order. */
static void add_page(struct kernel_layout *layout, uint64_t gpa)
{
	struct kernel_run *last = layout->run_count ? &layout->run[layout->run_count - 1] : NULL;

	if (last && (gpa - last->gpa - last->len_bytes < RUN_GAP_BYTES ||
		     gpa < last->gpa + last->len_bytes || layout->run_count == KERNEL_RUN_MAX))
		last->len_bytes = gpa + KERNEL_PAGE_BYTES - last->gpa;
	else
		layout->run[layout->run_count++] = (struct kernel_run){
			.gpa = gpa, .len_bytes = KERNEL_PAGE_BYTES};
}

/* Guest RAM is fresh, so zeros are there already; not touching them saves its host pages. */
static int copy_segment(struct placing *p, const uint8_t *unpacked, const struct elf_segment *s)
{
	uint64_t piece;

	for (uint64_t at = 0; at < s->file_bytes; at += piece) {
		uint64_t gpa = s->gpa + at, in_page = gpa % KERNEL_PAGE_BYTES;
		const uint8_t *from = unpacked + s->offset + at;

		piece = KERNEL_PAGE_BYTES - in_page;
		if (piece > s->file_bytes - at)
			piece = s->file_bytes - at;
		if (is_zero(from, piece))
			continue;
		if (gmem_write(p->load->mem, gpa + p->bases.physical_delta, from, piece))
			return -EFAULT;
		add_page(&p->layout, gpa - in_page);
	}
	return 0;
}

static int copy_kernel(struct placing *p, const uint8_t *unpacked, const struct elf_image *elf)
{
	for (unsigned i = 0; i < elf->segment_count; i++)
		if (copy_segment(p, unpacked, &elf->segment[i]))
			return boot_fail(p->load->error, -EFAULT, p->load->image->file.path,
					 "the kernel leaves guest RAM");
	return 0;
}

static int place_unpacked(struct placing *p, const uint8_t *unpacked, uint64_t unpacked_bytes)
{
	const struct boot_image *image = p->load->image;
	const uint8_t *table = unpacked;
	struct elf_image elf = {0};
	int err = elf_parse(unpacked, unpacked_bytes, image->file.path, &elf, p->load->error);

	if (err)
		return err;
	err = elf_check_memory(&elf, p->load->mem, image->file.path, p->load->error);
	if (err)
		return err;
	if (!elf_contains(&elf, elf.entry))
		return boot_fail(p->load->error, -ENOEXEC, image->file.path,
				 "the kernel's entry 0x%" PRIx64 " lies outside of it", elf.entry);
	p->layout = (struct kernel_layout){.gpa = elf_start(&elf) & ~(KERNEL_PAGE_BYTES - 1),
					   .entry_gpa = elf.entry};
	p->layout.span_bytes = elf_end(&elf) - p->layout.gpa;
	if (elf.file_end < unpacked_bytes &&
	    kaslr_table_is_known(unpacked + elf.file_end, unpacked_bytes - elf.file_end)) {
		table = unpacked + elf.file_end;
		p->layout.reloc_bytes = unpacked_bytes - elf.file_end;
	}
	err = choose_place(p, p->layout.reloc_bytes != 0);
	if (!err)
		err = copy_kernel(p, unpacked, &elf);
	if (!err)
		err = image_file_check_unchanged(&image->file, p->load->error);
	/* A cache that can't be written costs time only. */
	if (!err && p->has_id &&
	    !kernel_cache_add(image->options.cache_dir, &p->id, &p->layout, p->load->mem,
			      p->bases.physical_delta, table, KERNEL_CACHE_BYTES_MAX))
		kernel_cache_remember(image->options.cache_dir, &image->file.opened, &p->id);
	return err ? err : relocate(p, table);
}

/* The trailer decides how much memory is reserved, no more: unpacking must fill exactly that. */
static int unpack_and_place(struct placing *p)
{
	const char *path = p->load->image->file.path;
	uint64_t packed_bytes = p->payload_bytes - SIZE_TRAILER_BYTES;
	uint32_t size;
	int err;

	memcpy(&size, p->payload + packed_bytes, sizeof size);
	if (size < UNPACKED_BYTES_MIN || size > UNPACKED_BYTES_MAX)
		return boot_fail(p->load->error, -ENOEXEC, path,
				 "damaged: the payload claims to unpack to %" PRIu32 " bytes",
				 size);

	uint8_t *unpacked = mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (unpacked == MAP_FAILED)
		return boot_fail(p->load->error, -ENOMEM, path,
				 "no memory to unpack the kernel (%" PRIu32 " MiB)", size >> 20);
	madvise(unpacked, size, MADV_HUGEPAGE);
	err = payload_unpack(p->vmlinux->format, p->payload, packed_bytes, unpacked, size);
	if (err)
		err = boot_fail(p->load->error, err, path, "the %s payload is damaged",
				payload_format_name(p->vmlinux->format));
	else
		err = place_unpacked(p, unpacked, size);
	munmap(unpacked, size);
	return err;
}

/* Maps the image for as long as its payload is needed. */
static int place_from_image(struct placing *p)
{
	const struct boot_image *image = p->load->image;
	const uint8_t *bytes = image_file_map(&image->file, p->load->error);
	int err = -ENOENT;

	if (!bytes)
		return -ENOMEM;
	p->payload = bytes + image->bzimage.payload_offset;
	if (p->vmlinux->format != PAYLOAD_ELF) {
		err = try_cache_by_content(p);
		if (err == -ENOENT)
			err = unpack_and_place(p);
	} else {
		err = place_unpacked(p, p->payload, p->payload_bytes);
	}
	image_file_unmap(&image->file, bytes);
	return err;
}

static int recognise_payload(struct placing *p)
{
	const struct boot_image *image = p->load->image;
	uint8_t head[PAYLOAD_HEAD_BYTES];
	int err = image_file_read(&image->file, image->bzimage.payload_offset, head, sizeof head,
				  p->load->error);

	if (err)
		return err;
	p->vmlinux->format = payload_format(head, sizeof head);
	return payload_can_unpack(p->vmlinux->format) ? 0 : -ENOTSUP;
}

int vmlinux_load(struct load *load, uint64_t ceiling, struct vmlinux *vmlinux)
{
	struct placing p = {.load = load,
			    .vmlinux = vmlinux,
			    .payload_bytes = load->image->bzimage.payload_bytes,
			    .ceiling = ceiling};
	int err;

	*vmlinux = (struct vmlinux){0};
	err = recognise_payload(&p);
	if (err)
		return err;
	err = try_cache_by_file(&p);
	if (err == -ENOENT)
		err = place_from_image(&p);
	vmlinux->gpa = p.layout.gpa + p.bases.physical_delta;
	vmlinux->span_bytes = p.layout.span_bytes;
	vmlinux->entry_gpa = p.layout.entry_gpa + p.bases.physical_delta;
	vmlinux->virtual_delta = p.bases.virtual_delta;
	return err;
}
