/* SPDX-License-Identifier: MIT
 *
 * See command.h.
 */
#include "lab/command.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START "/labs/start -- "

/* As a word of a kernel's command line, which has no quotes: guest/labs/start.c undoes it. */
static void write_encoded(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (isalnum((unsigned char)*text) || strchr(" _./=,:+@-", *text))
			putc(*text, out);
		else
			fprintf(out, "%%%02X", (unsigned char)*text);
	}
}

/* Inside single quotes of the shell. */
static void write_quoted(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", out);
		else
			putc(*text, out);
	}
}

static void write_words(FILE *out, const struct lab_run *run, const char *program,
			const char *quiet)
{
	const char *cmdline = run->cmdline ? run->cmdline : "";

	putc('\'', out);
	write_quoted(out, program ? quiet : "");
	write_quoted(out, cmdline);
	if (program) {
		fprintf(out, "%s%s=" START, cmdline[0] ? " " : "",
			run->kind == LAB_RUN_LINUX ? "rdinit" : "init");
		write_encoded(out, program);
	}
	putc('\'', out);
}

static void write_vitrine(FILE *out, const struct lab_run *run, const char *program)
{
	const bool is_linux = run->kind == LAB_RUN_LINUX;

	fputs("exec {vitrine} run --no-reboot ", out);
	if (program)
		fprintf(out, "--initrd %s ", is_linux ? "{linux-initrd}" : "{initrd}");
	if (run->stats)
		fputs("--stats --json ", out);
	fprintf(out, "%s --cmdline ", run->by_kind[run->kind]);
	write_words(out, run, program, is_linux ? "quiet panic=-1 " : "quiet ");
	fprintf(out, " %s", is_linux ? "{linux}" : "{guest}");
}

static void write_qemu(FILE *out, const struct lab_run *run, const char *program)
{
	fprintf(out,
		"exec qemu-system-x86_64 -accel tcg -display none -serial stdio -no-reboot "
		"-M microvm -smp 1 -m 256M %s -kernel {guest} -initrd {initrd} -append ",
		run->by_kind[LAB_RUN_QEMU]);
	write_words(out, run, program, "quiet ");
}

char *command_make(const struct lab_run *run, const struct places *places, bool is_quick)
{
	const char *usual = run->kind == LAB_RUN_HOST ? run->by_kind[LAB_RUN_HOST] : run->program;
	const char *wanted = is_quick && run->quick ? run->quick : usual;
	char *program = wanted ? places_fill(places, wanted) : NULL, *text = NULL, *filled;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out) {
		free(program);
		return NULL;
	}
	switch (run->kind) {
	case LAB_RUN_HOST: fputs(program, out); break;
	case LAB_RUN_QEMU: write_qemu(out, run, program); break;
	default: write_vitrine(out, run, program); break;
	}
	free(program);
	if (fclose(out) != 0)
		return NULL;
	filled = places_fill(places, text);
	free(text);
	return filled;
}
