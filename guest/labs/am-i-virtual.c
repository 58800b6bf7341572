/* SPDX-License-Identifier: MIT
 *
 * Am I in a virtual machine? Asks the processor, its clock, the devices and the firmware's tables; all of it from
 * user mode. Each sign is worth a row, and the last row says what they add up to.
 */
#include <cpuid.h>
#include <dirent.h>
#include <unistd.h>

#include "lab.h"

#define HYPERVISOR_BIT (1u << 31) /* CPUID leaf 1, ECX: processors keep it 0 */
#define HYPERVISOR_LEAF 0x40000000
#define TIMES 200

static unsigned signs;

static void report(const char *sign, bool virtual, const char *what)
{
	signs += virtual;
	printf("%-22s %-3s  %s\n", sign, virtual ? "yes" : "no", what);
	lab_row("sign", "sign=%s virtual=%d what=\"%s\"", sign, virtual, what);
}

static void ask_for_hypervisor(void)
{
	unsigned a, b, c = 0, d;

	__get_cpuid(1, &a, &b, &c, &d);
	report("cpuid-bit", c & HYPERVISOR_BIT,
	       c & HYPERVISOR_BIT ? "leaf 1, ECX bit 31 is set" : "leaf 1, ECX bit 31 is clear");
}

static void ask_for_name(void)
{
	uint32_t name[4] = {0};
	char text[64];
	unsigned last;
	bool known;

	__cpuid(HYPERVISOR_LEAF, last, name[0], name[1], name[2]);
	known = last >= HYPERVISOR_LEAF && last < HYPERVISOR_LEAF + 0x10000;
	for (char *c = (char *)name; known && *c; c++)
		known = *c >= ' ' && *c < 0x7f && *c != '"';
	snprintf(text, sizeof(text), "leaf 0x40000000 says %.12s",
		 known ? (char *)name : "nothing");
	report("cpuid-name", known && name[0], text);
}

/* An instruction that leaves the VM takes much longer than one that only waits for all before it. */
static void time_cpuid(void)
{
	uint64_t best = UINT64_MAX, best_nothing = UINT64_MAX;
	char text[64];

	for (unsigned i = 0; i < TIMES; i++) {
		unsigned a, b, c, d;
		uint64_t start = lab_tsc();

		__cpuid(0, a, b, c, d);
		const uint64_t took = lab_tsc() - start;

		start = lab_tsc();
		const uint64_t nothing = lab_tsc() - start;

		best = took < best ? took : best;
		best_nothing = nothing < best_nothing ? nothing : best_nothing;
	}
	snprintf(text, sizeof(text), "cpuid takes %lu cycles, the clock alone %lu",
		 (unsigned long)best, (unsigned long)best_nothing);
	report("cpuid-time", best > 15 * best_nothing + 300, text);
	lab_row("cycles", "cpuid=%lu nothing=%lu", (unsigned long)best,
		(unsigned long)best_nothing);
}

/* The first file of a folder's entries whose line begins with one of the words; "": none. */
static void find_device(const char *folder, const char *file, const char *const *words,
			char found[64])
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	char path[512], line[64];

	found[0] = '\0';
	while (dir && !found[0] && (entry = readdir(dir))) {
		FILE *in;

		snprintf(path, sizeof(path), "%s/%s/%s", folder, entry->d_name, file);
		in = fopen(path, "re");
		if (!in)
			continue;
		if (fgets(line, sizeof(line), in))
			for (unsigned i = 0; words[i] && !found[0]; i++)
				if (!strncmp(line, words[i], strlen(words[i])))
					snprintf(found, 64, "%.20s: %.8s", entry->d_name, words[i]);
		fclose(in);
	}
	if (dir)
		closedir(dir);
}

static void look_for_devices(void)
{
	/* virtio, VMware, QEMU's own, Xen, Microsoft */
	static const char *const vendors[] = {"0x1af4", "0x15ad", "0x1234",
					      "0x5853", "0x1414", NULL};
	char found[64], text[96];

	find_device("/sys/bus/pci/devices", "vendor", vendors, found);
	snprintf(text, sizeof(text), "PCI %s",
		 found[0] ? found : "has nobody known for it, or isn't there");
	report("pci-vendor", found[0], text);
}

static void look_at_disks(void)
{
	const bool virtio = access("/sys/block/vda", F_OK) == 0 || access("/dev/vda", F_OK) == 0;

	report("disk-name", virtio,
	       virtio ? "a disk is called vda: virtio" : "no disk is called vda");
}

static void ask_firmware(void)
{
	char vendor[64] = "";
	FILE *in = fopen("/sys/class/dmi/id/sys_vendor", "re");

	if (in && !fgets(vendor, sizeof(vendor), in))
		vendor[0] = '\0';
	if (in)
		fclose(in);
	vendor[strcspn(vendor, "\n\"")] = '\0';
	report("dmi-vendor",
	       strstr(vendor, "QEMU") || strstr(vendor, "VMware") || strstr(vendor, "Xen"),
	       vendor[0] ? vendor : "the firmware left no DMI tables");
}

/* A microsecond that lasted ten: somebody else had the processor. Tells of a neighbour, not of a VM. */
static void look_for_holes(void)
{
	uint64_t last = lab_tsc(), longest = 0, sum = 0;
	char text[64];

	for (unsigned i = 0; i < 200000; i++) {
		const uint64_t now = lab_tsc();

		longest = now - last > longest ? now - last : longest;
		sum += now - last;
		last = now;
	}
	snprintf(text, sizeof(text), "longest hole %lu cycles, mean step %lu",
		 (unsigned long)longest, (unsigned long)(sum / 200000));
	printf("%-22s %-3s  %s\n", "holes", "?", text);
}

int main(void)
{
	ask_for_hypervisor();
	ask_for_name();
	time_cpuid();
	look_for_devices();
	look_at_disks();
	ask_firmware();
	look_for_holes();
	printf("%u signs of a virtual machine\n", signs);
	lab_row("verdict", "signs=%u", signs);
	return 0;
}
