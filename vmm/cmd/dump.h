/* SPDX-License-Identifier: MIT
 *
 * The printers behind `vitrine dump`, one per kind of table. All print to stdout.
 */
#ifndef VITRINE_CMD_DUMP_H
#define VITRINE_CMD_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "board/board.h"

/* A device tree (checked before) as source text that dtc accepts. */
void dump_fdt(FILE *out, const void *fdt);

/* ACPI tables as board_build_acpi() lays them out at gpa: one line per table, then its main fields.
 * Returns 0, or -EINVAL where a checksum or a length is wrong (which is printed, too). */
int dump_acpi(FILE *out, const void *tables, size_t len_bytes, uint64_t gpa);

/* The same tables as files in directory path, made if need be: dsdt.aml, facp.aml, apic.aml, …. 0 or
 * -errno after one line to stderr. */
int dump_acpi_files(const char *path, const void *tables, size_t len_bytes, uint64_t gpa);

/* CPUID of the first of cpu_count vCPUs for --cpu's argument, on this host. 0, or -errno after one line
 * to stderr: -EINVAL where the model is not one. */
int dump_cpuid(FILE *out, const char *cpu, unsigned cpu_count, bool json);

#endif
