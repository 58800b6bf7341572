/* SPDX-License-Identifier: MIT
 *
 * CPUID as the first vCPU will see it. The only part of `vitrine dump` that needs /dev/kvm: a guest's
 * leaves are made from what this host's KVM supports.
 */
#include "cmd/dump.h"

#include <fcntl.h>
#include <unistd.h>

#include "kvm/cpuid.h"
#include "kvm/probe.h"

/* What vitrine run would find out from its VM. */
static bool is_deprivileged(void)
{
	int kvm_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm_fd < 0)
		return false; /* cpuid_dump() will say why */
	bool deprivileged = kvm_host_classify() == KVM_HOST_DEPRIVILEGED;

	close(kvm_fd);
	return deprivileged;
}

int dump_cpuid(FILE *out, const char *cpu, unsigned cpu_count, bool json)
{
	const struct cpuid_machine machine = {.cpu_count = cpu_count,
					      .lapic_hz = CPUID_LAPIC_HZ,
					      .tsc_deadline = true,
					      .deprivileged = is_deprivileged()};
	struct cpuid_model model;
	char err[256];
	int ret = cpuid_parse_model(cpu, &model, err, sizeof err);

	if (!ret)
		ret = cpuid_dump(out, &model, &machine, json, err, sizeof err);
	if (ret)
		fprintf(stderr, "vitrine dump: %s\n", err);
	return ret;
}
