/* SPDX-License-Identifier: MIT
 *
 * A flattened device tree as source text, like `dtc -O dts`. A property has no type in the blob, so
 * it is guessed the usual way: printable, NUL-terminated text; else 32-bit cells; else bytes.
 */
#include "cmd/dump.h"

#include <ctype.h>
#include <libfdt.h>
#include <stdbool.h>

static void indent(FILE *out, int depth)
{
	while (depth-- > 0)
		fputc('\t', out);
}

/* One or more non-empty printable strings, each with its NUL. */
static bool is_text(const char *value, int len_bytes)
{
	if (len_bytes < 1 || value[len_bytes - 1])
		return false;
	for (int i = 0; i < len_bytes; i++)
		if (value[i] ? !isprint((unsigned char)value[i]) : i == 0 || !value[i - 1])
			return len_bytes == 1; /* an empty string */
	return true;
}

static void print_text(FILE *out, const char *value, int len_bytes)
{
	fputc('"', out);
	for (int i = 0; i < len_bytes - 1; i++) {
		if (!value[i]) {
			fputs("\", \"", out);
			continue;
		}
		if (value[i] == '"' || value[i] == '\\')
			fputc('\\', out);
		fputc(value[i], out);
	}
	fputc('"', out);
}

static void print_cells(FILE *out, const void *value, int len_bytes)
{
	const fdt32_t *cell = value;

	fputc('<', out);
	for (int i = 0; i < len_bytes / 4; i++)
		fprintf(out, "%s0x%x", i ? " " : "", fdt32_ld(&cell[i]));
	fputc('>', out);
}

static void print_bytes(FILE *out, const uint8_t *value, int len_bytes)
{
	fputc('[', out);
	for (int i = 0; i < len_bytes; i++)
		fprintf(out, "%s%02x", i ? " " : "", value[i]);
	fputc(']', out);
}

static void print_property(FILE *out, const void *fdt, int offset, int depth)
{
	const char *name;
	int len_bytes;
	const void *value = fdt_getprop_by_offset(fdt, offset, &name, &len_bytes);

	if (!value)
		return;
	indent(out, depth);
	fputs(name, out);
	if (len_bytes)
		fputs(" = ", out);
	if (is_text(value, len_bytes))
		print_text(out, value, len_bytes);
	else if (len_bytes && len_bytes % 4 == 0)
		print_cells(out, value, len_bytes);
	else if (len_bytes)
		print_bytes(out, value, len_bytes);
	fputs(";\n", out);
}

static void print_node(FILE *out, const void *fdt, int node, int depth)
{
	const char *name = fdt_get_name(fdt, node, NULL);
	int property, child;

	indent(out, depth);
	fprintf(out, "%s {\n", name && *name ? name : "/");
	fdt_for_each_property_offset(property, fdt, node)
	{
		print_property(out, fdt, property, depth + 1);
	}
	fdt_for_each_subnode(child, fdt, node)
	{
		fputc('\n', out);
		print_node(out, fdt, child, depth + 1);
	}
	indent(out, depth);
	fputs("};\n", out);
}

void dump_fdt(FILE *out, const void *fdt)
{
	fputs("/dts-v1/;\n\n", out);
	for (int i = 0; i < fdt_num_mem_rsv(fdt); i++) {
		uint64_t gpa, size_bytes;

		if (fdt_get_mem_rsv(fdt, i, &gpa, &size_bytes) == 0)
			fprintf(out, "/memreserve/ 0x%llx 0x%llx;\n", (unsigned long long)gpa,
				(unsigned long long)size_bytes);
	}
	fputc('\n', out);
	print_node(out, fdt, 0, 0);
}
