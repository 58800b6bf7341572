/* SPDX-License-Identifier: MIT
 *
 * Records of system calls as lines, and records that a hostile guest made up.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "abi/syscall_trace.h"
#include "observe/syscall_signatures.h"
#include "observe/syscall_trace.h"

/* A batch in the making. */
struct batch {
	uint8_t bytes[SYSCALL_TRACE_BYTES_MAX];
	size_t used;
};

static struct syscall_trace_record *add_record(struct batch *batch, uint16_t number, int64_t result)
{
	struct syscall_trace_record *record = (void *)(batch->bytes + batch->used);

	*record = (struct syscall_trace_record){.bytes = sizeof(*record),
						.number = number,
						.tid = 7,
						.program = "cat",
						.result = result};
	batch->used += sizeof(*record);
	return record;
}

static struct syscall_trace_text *add_text(struct batch *batch, struct syscall_trace_record *record,
					   uint16_t argument, const void *bytes, uint32_t count)
{
	struct syscall_trace_text *text = (void *)(batch->bytes + batch->used);
	const size_t padded = (count + 7u) & ~7u;

	*text = (struct syscall_trace_text){.argument = argument, .bytes = count};
	memcpy(text + 1, bytes, count);
	record->text_count++;
	record->bytes = (uint16_t)(record->bytes + sizeof(*text) + padded);
	batch->used += sizeof(*text) + padded;
	return text;
}

static void check_line(const struct batch *batch, const char *expected)
{
	char line[4096];

	assert_int_equal(syscall_trace_format(batch->bytes, batch->used, line, sizeof(line)),
			 ((const struct syscall_trace_record *)batch->bytes)->bytes);
	assert_string_equal(line, expected);
}

static void lines_look_like_straces(void **state)
{
	struct batch batch = {.used = 0};
	struct syscall_trace_record *record = add_record(&batch, 257, -ENOENT);

	(void)state;
	record->argument[0] = (uint32_t)-100;
	record->argument[2] = 02000102;
	record->argument[3] = 0644;
	add_text(&batch, record, 1, "/no\n\"\xff", 6);
	check_line(&batch,
		   "     7 cat              openat(AT_FDCWD, \"/no\\n\\\"\\377\", "
		   "O_RDWR|O_CREAT|O_CLOEXEC, 0644) = -1 ENOENT (No such file or directory)");
	batch.used = 0;
	record = add_record(&batch, 1, 3);
	record->argument[0] = 1;
	record->argument[2] = 300;
	add_text(&batch, record, 1, "abc", 3)->cut = 1;
	check_line(&batch, "     7 cat              write(1, \"abc\"..., 300) = 3");
	batch.used = 0;
	record = add_record(&batch, 9, 0x7f0000001000);
	record->argument[1] = 4096;
	record->argument[2] = 3;
	record->argument[3] = 0x22 | 1u << 30;
	record->argument[4] = (uint64_t)-1;
	check_line(&batch, "     7 cat              mmap(NULL, 4096, PROT_READ|PROT_WRITE, "
			   "MAP_PRIVATE|MAP_ANONYMOUS|0x40000000, -1, 0) = 0x7f0000001000");
	batch.used = 0;
	add_record(&batch, 231, 0)->flags = SYSCALL_TRACE_NO_RETURN;
	check_line(&batch, "     7 cat              exit_group(0) = ?");
	batch.used = 0;
	add_record(&batch, 460, -ENOSYS);
	check_line(&batch,
		   "     7 cat              syscall_460() = -1 ENOSYS (Function not implemented)");
}

static void every_call_has_a_letter_for_each_argument(void **state)
{
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < 70000; i++) {
		const struct syscall_signature *signature = syscall_signature(i);

		if (!signature)
			continue;
		count++;
		assert_true(strlen(signature->letters) <= 6);
		assert_int_equal(strspn(signature->letters, "duxopafPMScsbB"),
				 strlen(signature->letters));
	}
	assert_true(count > 200);
	assert_string_equal(syscall_signature(0)->name, "read");
	assert_string_equal(syscall_signature(0)->letters, "dBu");
}

/* Each damage to an otherwise good record is refused, and nothing beyond the batch is read: the batch ends where
 * its memory does (the sanitizer watches). */
static void nonsense_is_refused(void **state)
{
	static const struct {
		size_t offset;
		uint64_t value;
		size_t width, len_bytes;
	} cases[] = {
		{0, 0, 2, 104},		  /* a record of no bytes would be read for ever */
		{0, 87, 2, 104},	  /* less than its head */
		{0, 65535, 2, 104},	  /* more than there is */
		{0, 96, 2, 104},	  /* a text that ends behind its record */
		{6, 2, 2, 104},		  /* a text that isn't there */
		{6, 65535, 2, 104},	  /* more texts than there may be */
		{6, 0, 2, 104},		  /* bytes that belong to no text */
		{88, 6, 2, 104},	  /* of an argument that isn't there */
		{92, 9, 4, 104},	  /* longer than its record */
		{92, 97, 4, 104},	  /* longer than texts are */
		{92, 0xffffffff, 4, 104}, /* wraps when it is rounded up */
		{0, 104, 2, 103},	  /* a batch that ends early */
		{0, 104, 2, 87},	  {0, 104, 2, 1}, {0, 104, 2, 0},
	};
	struct batch batch = {.used = 0};
	struct syscall_trace_record *record = add_record(&batch, 1, 3);
	char line[4096];

	(void)state;
	add_text(&batch, record, 1, "abc", 3);
	assert_int_equal(batch.used, 104);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		uint8_t *copy = malloc(cases[i].len_bytes ? cases[i].len_bytes : 1);
		uint8_t damaged[104];

		memcpy(damaged, batch.bytes, sizeof(damaged));
		memcpy(damaged + cases[i].offset, &cases[i].value, cases[i].width);
		memcpy(copy, damaged, cases[i].len_bytes);
		assert_int_equal(syscall_trace_format(copy, cases[i].len_bytes, line, sizeof(line)),
				 -EINVAL);
		free(copy);
	}
}

/* Random records neither crash nor make a line longer than its buffer. */
static void noise_is_harmless(void **state)
{
	uint8_t bytes[512];
	char line[64];
	unsigned seed = 1;

	(void)state;
	for (unsigned round = 0; round < 200000; round++) {
		struct syscall_trace_record *record = (void *)bytes;

		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(rand_r(&seed) >> 7);
		record->bytes = (uint16_t)(88 + round % 30 * 8);
		record->text_count = (uint16_t)(round % 5);
		record->number = (uint16_t)(round % 480);
		for (unsigned i = 0; round % 2 && i < 4; i++) /* often a text that fits */
			memcpy(bytes + 88 + i * 16, &(struct syscall_trace_text){i, 0, 8}, 8);
		memset(line, 'x', sizeof(line));
		syscall_trace_format(bytes, sizeof(bytes), line, sizeof(line) - 1);
		assert_int_equal(line[sizeof(line) - 1], 'x');
	}
}

static void a_file_gets_the_lines(void **state)
{
	char path[] = "/tmp/vitrine-strace-XXXXXX", text[512] = "";
	struct batch batch = {.used = 0};
	struct syscall_trace *trace;
	FILE *file;

	(void)state;
	close(mkstemp(path));
	add_record(&batch, 39, 7);
	add_record(&batch, 102, 0);
	assert_int_equal(syscall_trace_open("/nowhere/at/all", &trace), -ENOENT);
	assert_int_equal(syscall_trace_open(path, &trace), 0);
	assert_int_equal(syscall_trace_write(trace, batch.bytes, batch.used), 2);
	assert_int_equal(syscall_trace_write(trace, batch.bytes, 0), 0);
	assert_int_equal(syscall_trace_write(trace, batch.bytes, batch.used - 1), -EINVAL);
	syscall_trace_close(trace);
	file = fopen(path, "r");
	assert_true(fread(text, 1, sizeof(text) - 1, file) > 0);
	fclose(file);
	remove(path);
	assert_string_equal(text, "     7 cat              getpid() = 7\n"
				  "     7 cat              getuid() = 0\n"
				  "     7 cat              getpid() = 7\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_look_like_straces),
		cmocka_unit_test(every_call_has_a_letter_for_each_argument),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(noise_is_harmless),
		cmocka_unit_test(a_file_gets_the_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
