/* SPDX-License-Identifier: MIT
 *
 * Facts about the host from CPUID, /proc, /sys and /dev. What isn't there isn't known; nothing here
 * fails. CPUID leaf 4000_0000h: the convention of hypervisors for their signature.
 */
#include "kvm/probe_host.h"

#include <cpuid.h>
#include <errno.h>
#include <grp.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kvm/probe_files.h"

#define PATH_BYTES 1024
#define TEXT_BYTES 16384 /* of /proc/cpuinfo the first CPU is enough */
#define GROUP_MAX 256

#define KVM_PARAM "/sys/module/kvm/parameters/"
#define INTEL_PARAM "/sys/module/kvm_intel/parameters/"
#define AMD_PARAM "/sys/module/kvm_amd/parameters/"
#define THP "/sys/kernel/mm/transparent_hugepage/"

static void read_cpuid(struct host_facts *f)
{
	unsigned a, b, c, d;

	if (__get_cpuid(1, &a, &b, &c, &d)) {
		f->cpuid_vmx = c & 1u << 5;
		f->hypervisor_bit = c & 1u << 31;
	}
	if (__get_cpuid(0x80000001, &a, &b, &c, &d))
		f->cpuid_svm = c & 1u << 2;
	if (f->hypervisor_bit) {
		__cpuid(0x40000000, a, b, c, d);
		memcpy(f->hypervisor, &b, 4);
		memcpy(f->hypervisor + 4, &c, 4);
		memcpy(f->hypervisor + 8, &d, 4);
	}
}

static void read_cpu(const char *root, struct host_facts *f)
{
	char text[TEXT_BYTES];
	const char *value;
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	cpu_set_t set;

	read_cpuid(f);
	f->cpu_count = online > 0 ? (unsigned)online : 1;
	f->cpu_allowed = f->cpu_count;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		f->cpu_allowed = (unsigned)CPU_COUNT(&set);
	files_read_text(root, "/proc/cpuinfo", text, sizeof(text));
	value = files_find_field(text, "model name");
	if (value)
		files_copy_line(f->cpu_model, sizeof(f->cpu_model), value);
	value = files_find_field(text, "flags");
	f->flag_vmx = files_have_word(value, "vmx");
	f->flag_svm = files_have_word(value, "svm");
}

static uint64_t field_number(const char *text, const char *name)
{
	const char *value = files_find_field(text, name);

	return value ? strtoull(value, NULL, 10) : 0;
}

static void read_memory(const char *root, struct host_facts *f)
{
	char text[TEXT_BYTES];

	files_read_choice(root, THP "enabled", f->thp, sizeof(f->thp));
	files_read_choice(root, THP "shmem_enabled", f->thp_shmem, sizeof(f->thp_shmem));
	f->overcommit = (int)files_read_number(root, "/proc/sys/vm/overcommit_memory", -1);
	files_read_text(root, "/proc/meminfo", text, sizeof(text));
	f->memory_bytes = field_number(text, "MemTotal") << 10;
	f->memory_free_bytes = field_number(text, "MemAvailable") << 10;
	f->hugetlb_page_bytes = field_number(text, "Hugepagesize") << 10;
	f->hugetlb_pages = field_number(text, "HugePages_Total");
	f->hugetlb_free = field_number(text, "HugePages_Free");
}

static void read_modules(const char *root, struct host_facts *f)
{
	char text[64];

	f->module_intel = files_exist(root, "/sys/module/kvm_intel");
	f->module_amd = files_exist(root, "/sys/module/kvm_amd");
	f->module_pvm = files_exist(root, "/sys/module/kvm_pvm");
	f->ept = files_read_flag(root, INTEL_PARAM "ept");
	f->npt = files_read_flag(root, AMD_PARAM "npt");
	f->unrestricted_guest = files_read_flag(root, INTEL_PARAM "unrestricted_guest");
	f->nested = files_read_flag(root, INTEL_PARAM "nested");
	if (f->nested < 0)
		f->nested = files_read_flag(root, AMD_PARAM "nested");
	f->halt_poll_ns = files_read_number(root, KVM_PARAM "halt_poll_ns", -1);
	files_read_text(root, KVM_PARAM "nx_huge_pages", text, sizeof(text));
	files_copy_line(f->nx_huge_pages, sizeof(f->nx_huge_pages), text);
}

static enum host_access check_access(const char *root, const char *path)
{
	if (!files_exist(root, path))
		return HOST_ACCESS_MISSING;
	return files_are_writable(root, path) ? HOST_ACCESS_OK : HOST_ACCESS_DENIED;
}

static bool in_group(gid_t gid)
{
	gid_t groups[GROUP_MAX];
	int count = getgroups(GROUP_MAX, groups);

	for (int i = 0; i < count; i++)
		if (groups[i] == gid)
			return true;
	return getegid() == gid;
}

/* /etc/group by hand: getgrnam() of a static program would load modules of the C library. */
static void read_groups(const char *root, const struct stat *device, struct host_kvm_device *kvm)
{
	char path[PATH_BYTES];
	FILE *file = files_join(root, "/etc/group", "", path, sizeof(path)) ? NULL
									    : fopen(path, "re");
	const struct group *group;

	while (file && (group = fgetgrent(file))) {
		if (strcmp(group->gr_name, "kvm") == 0) {
			kvm->kvm_group = true;
			kvm->in_kvm_group = in_group(group->gr_gid);
		}
		if (device && group->gr_gid == device->st_gid)
			files_copy_line(kvm->group, sizeof(kvm->group), group->gr_name);
	}
	if (file)
		fclose(file);
}

static void read_kvm_device(const char *root, struct host_kvm_device *kvm)
{
	char path[PATH_BYTES];
	struct stat st;
	bool exists = !files_join(root, "/dev/kvm", "", path, sizeof(path)) && !stat(path, &st);

	kvm->is_root = geteuid() == 0;
	read_groups(root, exists ? &st : NULL, kvm);
	kvm->access = check_access(root, "/dev/kvm");
	if (!exists)
		return;
	kvm->is_char_device = S_ISCHR(st.st_mode);
	kvm->mode = st.st_mode & 07777;
}

static int try_io_uring(void)
{
	struct io_uring_params params = {0};
	int fd = (int)syscall(SYS_io_uring_setup, 2, &params);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

void host_facts_read(const char *root, struct host_facts *facts)
{
	char text[TEXT_BYTES];
	struct utsname name;

	*facts = (struct host_facts){0};
	if (uname(&name) == 0)
		files_copy_line(facts->kernel, sizeof(facts->kernel), name.release);
	read_cpu(root, facts);
	read_memory(root, facts);
	read_modules(root, facts);
	read_kvm_device(root, &facts->kvm);
	cgroup_read_limits(root, &facts->cgroup);
	files_read_text(root, "/proc/self/mountinfo", text, sizeof(text));
	facts->favordynmods = strstr(text, "favordynmods");
	facts->io_uring_error = try_io_uring();
	facts->vhost_net = check_access(root, "/dev/vhost-net");
	facts->tun = check_access(root, "/dev/net/tun");
}
