/* SPDX-License-Identifier: MIT
 *
 * /proc/hyper: features, one a line with its state, its count and what that counts; exits of this VM, as
 * the VMM knows them.
 */
#include "guest/fs/procfs/proc.h"
#include "guest/hyper/features.h"
#include "guest/hyper/hypercall.h"
#include "guest/mm/page.h"

static int show_features(const struct proc_subject *subject, struct text *text)
{
	static const char *const state[] = {"absent", "off", "on"};

	(void)subject;
	for (unsigned i = 0; i < PV_FEATURE_COUNT; i++)
		text_print(text, "%-9s %-6s %10lu %s\n", pv_feature_info[i].name,
			   state[pv_state[i]], pv_count[i], pv_feature_info[i].counts);
	return text->error;
}

/* Empty where there is no VMM to ask. */
static int show_exits(const struct proc_subject *subject, struct text *text)
{
	struct page *page = page_alloc(0, 0);
	const struct hypercall_counter *row;
	int64_t count;

	(void)subject;
	if (!page)
		return -ENOMEM;
	_Static_assert(HYPERCALL_COUNTERS_MAX * sizeof(*row) <= PAGE_BYTES, "all fit");
	row = page_data(page);
	count = hypercall(HYPERCALL_COUNTERS, page_gpa(page), HYPERCALL_COUNTERS_MAX);
	for (int64_t i = 0; i < count && i < HYPERCALL_COUNTERS_MAX; i++)
		text_print(text, "%s %lu\n", row[i].name, row[i].value);
	page_put(page);
	return text->error;
}

const struct proc_entry proc_hyper_table[] = {
	{.name = "exits", .permissions = 0444, .show = show_exits},
	{.name = "features", .permissions = 0444, .show = show_features},
	{0},
};
