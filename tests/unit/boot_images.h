/* SPDX-License-Identifier: MIT
 *
 * Small valid images for the tests of boot/, made in memory so that a test can break one field of
 * them: an ELF kernel as Linux and Vitrine guests have it, and bzImages around payloads of every
 * format.
 */
#ifndef VITRINE_TESTS_BOOT_IMAGES_H
#define VITRINE_TESTS_BOOT_IMAGES_H

#include <asm/bootparam.h>
#include <elf.h>
#include <lz4.h>
#include <lzma.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "boot/boot.h"
#include "boot/unpack.h"
#include "elf_note.h"

struct blob {
	uint8_t *bytes;
	size_t len;
};

/* The ELF kernel:  offset   gpa        file    memory
 *   text            0x1000  0x1000000  0x5000  0x5000   (pages 2 and 3 are zero; notes in page 4)
 *   data            0x6000  0x1200000  0x1100  0x90000
 * and behind it, where wished, Linux's relocation table. */
enum {
	KERNEL_TEXT_OFFSET = 0x1000,
	KERNEL_TEXT_GPA = 0x1000000,
	KERNEL_TEXT_BYTES = 0x5000,
	KERNEL_DATA_OFFSET = 0x6000,
	KERNEL_DATA_GPA = 0x1200000,
	KERNEL_DATA_BYTES = 0x1100,
	KERNEL_DATA_MEMORY = 0x90000,
	KERNEL_NOTE_OFFSET = 0x5000,
	KERNEL_ELF_BYTES = 0x7100,
	KERNEL_ENTRY = 0x1000040,
	KERNEL_ENTRY64 = 0x1000080,
	KERNEL_SPAN = KERNEL_DATA_GPA + KERNEL_DATA_MEMORY - KERNEL_TEXT_GPA,
};

/* Bits of what make_elf() adds. */
enum { WITH_PVH = 1, WITH_VITRINE = 2 };

static inline struct blob blob_new(size_t len)
{
	return (struct blob){calloc(1, len ? len : 1), len};
}

static inline uint32_t put_note(uint8_t *at, const char *owner, uint32_t type, const void *desc,
				uint32_t desc_bytes)
{
	uint32_t name_bytes = (uint32_t)strlen(owner) + 1, padded = (name_bytes + 3) & ~3u;
	Elf64_Nhdr note = {.n_namesz = name_bytes, .n_descsz = desc_bytes, .n_type = type};

	memcpy(at, &note, sizeof note);
	memcpy(at + sizeof note, owner, name_bytes);
	memcpy(at + sizeof note + padded, desc, desc_bytes);
	return (uint32_t)sizeof note + padded + ((desc_bytes + 3) & ~3u);
}

static inline uint32_t put_notes(uint8_t *at, unsigned with)
{
	uint32_t used = put_note(at, "GNU", 3, "0123456789abcdefghi", 19);
	uint32_t entry32 = KERNEL_ENTRY;
	uint64_t entry64 = KERNEL_ENTRY64;

	if (with & WITH_PVH)
		used += put_note(at + used, ELF_NOTE_PVH_OWNER, ELF_NOTE_PVH_ENTRY32, &entry32, 4);
	if (with & WITH_VITRINE)
		used += put_note(at + used, ELF_NOTE_VITRINE_OWNER, ELF_NOTE_VITRINE_ENTRY64,
				 &entry64, 8);
	return used;
}

static inline struct blob make_elf(unsigned with)
{
	struct blob elf = blob_new(KERNEL_ELF_BYTES);
	Elf64_Ehdr *header = (void *)elf.bytes;
	Elf64_Phdr *program = (void *)(header + 1);

	memcpy(header->e_ident, ELFMAG, SELFMAG);
	header->e_ident[EI_CLASS] = ELFCLASS64;
	header->e_ident[EI_DATA] = ELFDATA2LSB;
	header->e_ident[EI_VERSION] = EV_CURRENT;
	header->e_type = ET_EXEC;
	header->e_machine = EM_X86_64;
	header->e_version = EV_CURRENT;
	header->e_entry = KERNEL_ENTRY;
	header->e_phoff = sizeof *header;
	header->e_ehsize = sizeof *header;
	header->e_phentsize = sizeof *program;
	header->e_phnum = 3;
	for (unsigned i = KERNEL_TEXT_OFFSET; i < KERNEL_ELF_BYTES; i++)
		elf.bytes[i] = (uint8_t)(i * 2654435761u >> 13);
	memset(elf.bytes + KERNEL_TEXT_OFFSET + 0x2000, 0, 0x3000);
	program[0] = (Elf64_Phdr){.p_type = PT_LOAD,
				  .p_offset = KERNEL_TEXT_OFFSET,
				  .p_paddr = KERNEL_TEXT_GPA,
				  .p_vaddr = 0xffffffff80000000 + KERNEL_TEXT_GPA,
				  .p_filesz = KERNEL_TEXT_BYTES,
				  .p_memsz = KERNEL_TEXT_BYTES};
	program[1] = (Elf64_Phdr){.p_type = PT_LOAD,
				  .p_offset = KERNEL_DATA_OFFSET,
				  .p_paddr = KERNEL_DATA_GPA,
				  .p_filesz = KERNEL_DATA_BYTES,
				  .p_memsz = KERNEL_DATA_MEMORY};
	program[2] = (Elf64_Phdr){.p_type = PT_NOTE,
				  .p_offset = KERNEL_NOTE_OFFSET,
				  .p_filesz = put_notes(elf.bytes + KERNEL_NOTE_OFFSET, with)};
	return elf;
}

static inline void blob_append(struct blob *blob, const void *bytes, size_t len)
{
	blob->bytes = realloc(blob->bytes, blob->len + len);
	memcpy(blob->bytes + blob->len, bytes, len);
	blob->len += len;
}

static inline void blob_patch(struct blob *blob, size_t offset, unsigned width, uint64_t value)
{
	memcpy(blob->bytes + offset, &value, width);
}

/* --- payloads --- */

static inline void pack_lz4(struct blob *out, const struct blob *in)
{
	uint32_t magic = 0x184c2102;

	blob_append(out, &magic, 4);
	for (size_t at = 0; at < in->len; at += 8 << 20) {
		int piece = in->len - at < 8 << 20 ? (int)(in->len - at) : 8 << 20;
		struct blob block = blob_new((size_t)LZ4_compressBound(piece));
		uint32_t got = (uint32_t)LZ4_compress_default(
			(char *)in->bytes + at, (char *)block.bytes, piece, (int)block.len);

		blob_append(out, &got, 4);
		blob_append(out, block.bytes, got);
		free(block.bytes);
	}
}

static inline void pack_xz(struct blob *out, const struct blob *in)
{
	lzma_options_lzma lzma;
	/* As the kernel's build: BCJ filter for x86, LZMA2, CRC32. */
	lzma_filter filters[] = {
		{LZMA_FILTER_X86, NULL}, {LZMA_FILTER_LZMA2, &lzma}, {LZMA_VLI_UNKNOWN, NULL}};
	struct blob packed = blob_new(lzma_stream_buffer_bound(in->len));
	size_t used = 0;

	lzma_lzma_preset(&lzma, 1);
	if (lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, in->bytes, in->len,
				      packed.bytes, &used, packed.len) != LZMA_OK)
		abort();
	blob_append(out, packed.bytes, used);
	free(packed.bytes);
}

static inline void pack_gzip(struct blob *out, const struct blob *in)
{
	z_stream stream = {.next_in = in->bytes, .avail_in = (uInt)in->len};

	deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);

	struct blob packed = blob_new(deflateBound(&stream, in->len));

	stream.next_out = packed.bytes;
	stream.avail_out = (uInt)packed.len;
	deflate(&stream, Z_FINISH);
	blob_append(out, packed.bytes, packed.len - stream.avail_out);
	deflateEnd(&stream);
	free(packed.bytes);
}

static inline void pack_zstd(struct blob *out, const struct blob *in)
{
	struct blob packed = blob_new(ZSTD_compressBound(in->len));

	blob_append(out, packed.bytes,
		    ZSTD_compress(packed.bytes, packed.len, in->bytes, in->len, 3));
	free(packed.bytes);
}

/* Packed, and with the size behind it, as the kernel's build leaves it. */
static inline struct blob make_payload(enum payload_format format, const struct blob *elf)
{
	struct blob out = blob_new(0);
	uint32_t size = (uint32_t)elf->len;

	switch (format) {
	case PAYLOAD_LZ4: pack_lz4(&out, elf); break;
	case PAYLOAD_ZSTD: pack_zstd(&out, elf); break;
	case PAYLOAD_XZ: pack_xz(&out, elf); break;
	case PAYLOAD_GZIP: pack_gzip(&out, elf); break;
	case PAYLOAD_BZIP2: blob_append(&out, "BZh91AY&SY and so on", 20); break;
	default: blob_append(&out, elf->bytes, elf->len); return out;
	}
	blob_append(&out, &size, 4);
	return out;
}

/* --- bzImages --- */

enum {
	BZIMAGE_SETUP_SECTORS = 3,
	BZIMAGE_PROTECTED_OFFSET = (BZIMAGE_SETUP_SECTORS + 1) * 512,
	BZIMAGE_PAYLOAD_OFFSET = 0x300, /* in the protected-mode code: behind its 64-bit entry */
	BZIMAGE_INIT_SIZE = 0x400000,
};

#define HDR(field) (0x1f1 + offsetof(struct setup_header, field))

static inline struct blob make_bzimage(const struct blob *payload)
{
	struct blob image = blob_new(BZIMAGE_PROTECTED_OFFSET + BZIMAGE_PAYLOAD_OFFSET);
	struct setup_header header = {.setup_sects = BZIMAGE_SETUP_SECTORS,
				      .boot_flag = 0xaa55,
				      .jump = 0x6aeb, /* header ends at 0x202 + 0x6a */
				      .header = 0x53726448,
				      .version = 0x020f,
				      .kernel_version = 0x200,
				      .loadflags = LOADED_HIGH,
				      .code32_start = 0x100000,
				      .initrd_addr_max = 0x7fffffff,
				      .kernel_alignment = 0x200000,
				      .relocatable_kernel = 1,
				      .min_alignment = 21,
				      .xloadflags = XLF_KERNEL_64,
				      .cmdline_size = 2047,
				      .payload_offset = BZIMAGE_PAYLOAD_OFFSET,
				      .payload_length = (uint32_t)payload->len,
				      .pref_address = KERNEL_TEXT_GPA,
				      .init_size = BZIMAGE_INIT_SIZE};

	memcpy(image.bytes + 0x1f1, &header, sizeof header);
	strcpy((char *)image.bytes + 0x400, "6.1.0-test (builder@host) #1 SMP");
	memset(image.bytes + BZIMAGE_PROTECTED_OFFSET, 0xf4, BZIMAGE_PAYLOAD_OFFSET);
	blob_append(&image, payload->bytes, payload->len);
	return image;
}

static inline struct blob make_packed_bzimage(enum payload_format format, const struct blob *elf)
{
	struct blob payload = make_payload(format, elf);
	struct blob image = make_bzimage(&payload);

	free(payload.bytes);
	return image;
}

/* --- a machine to load them into --- */

struct rig {
	struct boot_options options;
	struct board board;
	struct gmem mem;
	struct boot_image *image;
	struct boot_entry entry;
	struct boot_report report;
	struct boot_error error;
	int fd, initrd_fd;
	char path[32], initrd_path[32];
};

static inline int rig_file(const void *bytes, size_t len, char path[32])
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, len) != (ssize_t)len)
		abort();
	snprintf(path, 32, "/proc/self/fd/%d", fd);
	return fd;
}

static inline struct rig *rig_new(const struct blob *image, uint64_t memory_bytes)
{
	struct rig *rig = calloc(1, sizeof *rig);

	rig->fd = rig_file(image->bytes, image->len, rig->path);
	rig->initrd_fd = -1;
	rig->options.image_path = rig->path;
	rig->board = (struct board){.memory_bytes = memory_bytes,
				    .cpu_count = 2,

				    .cmdline = "console=ttyS0 quiet"};
	if (gmem_create(&rig->mem, memory_bytes, GMEM_ANONYMOUS))
		abort();
	return rig;
}

static inline void rig_initrd(struct rig *rig, size_t len)
{
	struct blob initrd = blob_new(len);

	memset(initrd.bytes, 0x5a, len);
	rig->initrd_fd = rig_file(initrd.bytes, len, rig->initrd_path);
	rig->options.initrd_path = rig->initrd_path;
	free(initrd.bytes);
}

static inline int rig_boot(struct rig *rig)
{
	int err = boot_image_open(&rig->options, &rig->image, &rig->error);

	return err ? err
		   : boot_load(rig->image, &rig->mem, &rig->board, &rig->entry, &rig->report,
			       &rig->error);
}

static inline void rig_free(struct rig *rig)
{
	boot_image_close(rig->image);
	gmem_destroy(&rig->mem);
	close(rig->fd);
	if (rig->initrd_fd >= 0)
		close(rig->initrd_fd);
	free(rig);
}

/* Does guest memory hold the sample kernel, with zeros behind its data? */
static inline int rig_has_kernel(const struct rig *rig, const struct blob *elf, uint64_t delta)
{
	const uint8_t *text = gmem_slice(&rig->mem, KERNEL_TEXT_GPA + delta, KERNEL_TEXT_BYTES);
	const uint8_t *data = gmem_slice(&rig->mem, KERNEL_DATA_GPA + delta, KERNEL_DATA_MEMORY);

	if (!text || !data || memcmp(text, elf->bytes + KERNEL_TEXT_OFFSET, KERNEL_TEXT_BYTES) ||
	    memcmp(data, elf->bytes + KERNEL_DATA_OFFSET, KERNEL_DATA_BYTES))
		return 0;
	for (unsigned i = KERNEL_DATA_BYTES; i < KERNEL_DATA_MEMORY; i++)
		if (data[i])
			return 0;
	return 1;
}

#endif
