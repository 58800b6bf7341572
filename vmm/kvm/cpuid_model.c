/* SPDX-License-Identifier: MIT
 *
 * --cpu host|baseline[,+feature|,-feature…]: from the user's words to a struct cpuid_model.
 */
#include "kvm/cpuid.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>

#define NAME_MAX_BYTES 32u
#define NEAR_ENOUGH 3u /* more typing mistakes than this are another word */

/* Levenshtein distance; both words are shorter than NAME_MAX_BYTES. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[NAME_MAX_BYTES];
	unsigned len_b = (unsigned)strlen(b);

	for (unsigned j = 0; j <= len_b; j++)
		row[j] = j;
	for (unsigned i = 1; *a; a++, i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= len_b; j++) {
			unsigned best = diagonal + (*a != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[len_b];
}

static const char *nearest(const char *name)
{
	const char *best = NULL;
	unsigned best_distance = NEAR_ENOUGH + 1;

	for (unsigned i = 0; i < cpuid_feature_count; i++) {
		unsigned d = distance(name, cpuid_feature[i].name);

		if (d < best_distance && d < strlen(name)) {
			best_distance = d;
			best = cpuid_feature[i].name;
		}
	}
	return best;
}

static int unknown(const char *name, char *err, size_t err_size)
{
	const char *hint = nearest(name);

	snprintf(err, err_size, "--cpu: unknown feature '%s'%s%s%s", name,
		 hint ? "; did you mean '" : " (names are those of /proc/cpuinfo)",
		 hint ? hint : "", hint ? "'?" : "");
	return -EINVAL;
}

/* The later word wins: "+avx,-avx" is off. */
static int apply(struct cpuid_model *model, char sign, const char *name, char *err, size_t err_size)
{
	bool found = false;

	for (unsigned i = 0; i < cpuid_feature_count; i++) {
		if (strcmp(cpuid_feature[i].name, name) != 0)
			continue;
		cpuid_add(sign == '+' ? &model->on : &model->off, cpuid_feature[i].id);
		cpuid_remove(sign == '+' ? &model->off : &model->on, cpuid_feature[i].id);
		found = true;
	}
	return found ? 0 : unknown(name, err, err_size);
}

/* One word between commas, behind the model's name. */
static int parse_word(struct cpuid_model *model, const char *word, size_t len, char *err,
		      size_t err_size)
{
	char name[NAME_MAX_BYTES];

	if (len < 2 || (word[0] != '+' && word[0] != '-')) {
		snprintf(err, err_size, "--cpu: write +feature or -feature instead of '%.*s'",
			 (int)(len < 40 ? len : 40), word);
		return -EINVAL;
	}
	if (len > sizeof(name)) {
		snprintf(err, err_size, "--cpu: unknown feature '%.40s…'", word + 1);
		return -EINVAL;
	}
	memcpy(name, word + 1, len - 1);
	name[len - 1] = '\0';
	return apply(model, word[0], name, err, err_size);
}

int cpuid_parse_model(const char *spec, struct cpuid_model *out, char *err, size_t err_size)
{
	size_t len = strcspn(spec, ",");
	bool baseline = len == 8 && !strncmp(spec, "baseline", len);

	if (!baseline && !(len == 4 && !strncmp(spec, "host", len))) {
		snprintf(err, err_size, "--cpu: unknown model '%.*s': use host or baseline",
			 (int)(len < 40 ? len : 40), spec);
		return -EINVAL;
	}
	*out = (struct cpuid_model){.baseline = baseline};
	for (const char *word = spec + len; *word;) {
		word++;
		len = strcspn(word, ",");
		int ret = parse_word(out, word, len, err, err_size);
		if (ret)
			return ret;
		word += len;
	}
	return 0;
}

static struct cpuid_features with_policy(enum cpuid_policy policy)
{
	struct cpuid_features set = {{0}};

	for (unsigned i = 0; i < cpuid_feature_count; i++)
		if (cpuid_feature[i].policy == policy)
			cpuid_add(&set, cpuid_feature[i].id);
	return set;
}

/* What the host can give: KVM's words, and what is true although they don't say it. */
static struct cpuid_features host_features(const struct cpuid_machine *machine,
					   const struct kvm_cpuid2 *supported)
{
	const struct kvm_cpuid_entry2 *xstate = cpuid_find(supported, 0xd, 0);
	struct cpuid_features host = {{0}};

	for (unsigned w = 0; w < CPUID_WORD_COUNT; w++) {
		const struct cpuid_place *at = &cpuid_place[w];
		const struct kvm_cpuid_entry2 *e = cpuid_find(supported, at->function, at->index);

		if (e) {
			struct kvm_cpuid_entry2 copy = *e;

			host.word[w] = *cpuid_register(&copy, at->reg);
		}
	}
	cpuid_add(&host, CPUID_HYPERVISOR);
	cpuid_add(&host, CPUID_X2APIC); /* the LAPIC is KVM's, whatever the host's is */
	cpuid_remove(&host, CPUID_TSC_DEADLINE);
	if (machine->tsc_deadline)
		cpuid_add(&host, CPUID_TSC_DEADLINE);
	cpuid_remove(&host, CPUID_OSXSAVE); /* KVM shows what the guest's CR4 says */
	cpuid_remove(&host, CPUID_OSPKE);
	if (!xstate)
		cpuid_remove(&host, CPUID_XSAVE);
	if (!xstate || !(xstate->eax & 1u << 2))
		cpuid_remove(&host, CPUID_AVX);
	if (!xstate || (xstate->eax >> 5 & 7) != 7)
		cpuid_remove(&host, CPUID_AVX512F);
	if (!xstate || !(xstate->eax & 1u << 9))
		cpuid_remove(&host, CPUID_PKU);
	if (machine->deprivileged) {
		cpuid_remove(&host, CPUID_KVM_PV_UNHALT);
		cpuid_remove(&host, CPUID_KVM_PV_IPI);
		cpuid_remove(&host, CPUID_KVM_PV_SCHED_YIELD);
	}
	return host;
}

/* A feature asked for brings what it needs. */
static int add_needs(struct cpuid_features *on, const struct cpuid_features *off, char *err,
		     size_t err_size)
{
	for (unsigned i = cpuid_need_count; i-- > 0;) {
		const struct cpuid_need *need = &cpuid_need[i];

		if (!cpuid_has(on, need->feature))
			continue;
		if (cpuid_has(off, need->needs)) {
			snprintf(err, err_size, "--cpu: '%s' needs '%s', which is switched off",
				 cpuid_feature_name(need->feature),
				 cpuid_feature_name(need->needs));
			return -ENOTSUP;
		}
		cpuid_add(on, need->needs);
	}
	return 0;
}

static void drop_without_needs(struct cpuid_features *set)
{
	for (unsigned i = 0; i < cpuid_need_count; i++)
		if (!cpuid_has(set, cpuid_need[i].needs))
			cpuid_remove(set, cpuid_need[i].feature);
}

/* Everything named with '+', and what that needs, has to be there. */
static int check_wanted(const struct cpuid_features *on, const struct cpuid_features *named,
			const struct cpuid_features *host, const struct cpuid_features *never,
			char *err, size_t err_size)
{
	for (unsigned i = 0; i < cpuid_feature_count; i++) {
		const struct cpuid_feature *f = &cpuid_feature[i];

		if (!cpuid_has(on, f->id))
			continue;
		if (cpuid_has(never, f->id)) {
			snprintf(err, err_size, "--cpu: '%s' cannot be given to a guest", f->name);
			return -ENOTSUP;
		}
		if (!cpuid_has(host, f->id)) {
			snprintf(err, err_size, "--cpu: this host's KVM does not offer '%s'%s",
				 f->name,
				 cpuid_has(named, f->id) ? "" : ", which a '+' feature needs");
			return -ENOTSUP;
		}
	}
	return 0;
}

int cpuid_settle(const struct cpuid_model *model, const struct cpuid_machine *machine,
		 const struct kvm_cpuid2 *supported, struct cpuid_features *out, char *err,
		 size_t err_size)
{
	struct cpuid_features never = with_policy(CPUID_NEVER);
	struct cpuid_features hide = with_policy(CPUID_HIDE);
	struct cpuid_features baseline = with_policy(CPUID_BASELINE);
	struct cpuid_features host = host_features(machine, supported);
	struct cpuid_features on = model->on;

	/* A single vCPU sends no interrupts to others, its timer is an MSR and its EOIs are mostly PV:
	 * all that x2APIC would bring is the detour by which Linux switches to it, 200 exits for
	 * saving and restoring the IOAPIC. "+x2apic" shows it all the same. */
	if (machine->cpu_count == 1)
		cpuid_add(&hide, CPUID_X2APIC);
	int ret = check_wanted(&on, &on, &host, &never, err, err_size);

	if (!ret)
		ret = add_needs(&on, &model->off, err, err_size);
	if (!ret)
		ret = check_wanted(&on, &model->on, &host, &never, err, err_size);
	if (ret)
		return ret;
	for (unsigned w = 0; w < CPUID_WORD_COUNT; w++) {
		uint32_t wanted = (model->baseline ? baseline.word[w] : UINT32_MAX) & ~hide.word[w];

		out->word[w] = (wanted | on.word[w]) & ~model->off.word[w] & host.word[w] &
			       ~never.word[w];
	}
	drop_without_needs(out);
	return 0;
}
