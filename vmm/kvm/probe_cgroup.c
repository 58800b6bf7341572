/* SPDX-License-Identifier: MIT
 *
 * Control group limits, after the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
 */
#include "kvm/probe_cgroup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kvm/probe_files.h"

#define PATH_BYTES 1024
#define TEXT_BYTES 4096

/* Version 1 has no word for "no limit": it shows the largest int64_t that is page-aligned. */
#define V1_NO_LIMIT UINT64_C(0x7ffffffffffff000)

static uint64_t parse_limit(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	return end == text || text[0] == '-' || value >= V1_NO_LIMIT ? CGROUP_UNLIMITED : value;
}

static int read_file(const char *root, const char *folder, const char *name, char *text,
		     size_t size_bytes)
{
	char path[PATH_BYTES];

	return files_join("", folder, name, path, sizeof(path)) ||
	       files_read_text(root, path, text, size_bytes);
}

static void tighten(uint64_t *limit, uint64_t value)
{
	if (value < *limit)
		*limit = value;
}

static void tighten_by_file(const char *root, const char *folder, const char *name, uint64_t *limit)
{
	char text[64];

	if (!read_file(root, folder, name, text, sizeof(text)))
		tighten(limit, parse_limit(text));
}

/* A quota of microseconds in each period; version 2 has both in one file. */
static void tighten_cpu(const char *root, const char *folder, uint64_t *percent)
{
	char quota[64], period[64];
	uint64_t quota_us, period_us;

	if (!read_file(root, folder, "cpu.max", quota, sizeof(quota))) {
		const char *space = strchr(quota, ' ');

		snprintf(period, sizeof(period), "%s", space ? space + 1 : "0");
	} else if (read_file(root, folder, "cpu.cfs_quota_us", quota, sizeof(quota)) ||
		   read_file(root, folder, "cpu.cfs_period_us", period, sizeof(period))) {
		return;
	}
	quota_us = parse_limit(quota);
	period_us = strtoull(period, NULL, 10);
	if (quota_us < UINT64_MAX / 100 && period_us)
		tighten(percent, quota_us * 100 / period_us);
}

static void read_group(const char *root, const char *folder, struct cgroup_limits *limits)
{
	tighten_by_file(root, folder, "memory.max", &limits->memory_bytes);
	tighten_by_file(root, folder, "memory.limit_in_bytes", &limits->memory_bytes);
	tighten_by_file(root, folder, "pids.max", &limits->pids);
	tighten_cpu(root, folder, &limits->cpu_percent);
}

/* A group and all its ancestors: each of them limits. controller is "" for version 2. */
static void read_group_path(const char *root, const char *controller, const char *group,
			    struct cgroup_limits *limits)
{
	char folder[PATH_BYTES], *slash;
	size_t base = strlen("/sys/fs/cgroup") + (*controller ? 1 + strlen(controller) : 0);

	if (snprintf(folder, sizeof(folder), "/sys/fs/cgroup%s%s%s", *controller ? "/" : "",
		     controller, group) >= (int)sizeof(folder))
		return;
	do {
		read_group(root, folder, limits);
		slash = strrchr(folder + base, '/');
		if (slash)
			*slash = '\0';
	} while (slash);
}

/* /proc/self/cgroup (proc(5)): "0::/group" is version 2, "4:memory:/group" version 1, and a
 * version 1 hierarchy without controllers is "1:name=systemd:/group". */
void cgroup_read_limits(const char *root, struct cgroup_limits *limits)
{
	char text[TEXT_BYTES], *save = NULL;

	*limits = (struct cgroup_limits){CGROUP_UNLIMITED, CGROUP_UNLIMITED, CGROUP_UNLIMITED};
	files_read_text(root, "/proc/self/cgroup", text, sizeof(text));
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *controller = strchr(line, ':');
		char *group = controller ? strchr(controller + 1, ':') : NULL;

		if (!group || strchr(controller, '='))
			continue;
		*group++ = '\0';
		read_group_path(root, controller + 1, group, limits);
	}
}
