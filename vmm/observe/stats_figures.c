/* SPDX-License-Identifier: MIT
 *
 * The part of --stats about what single kinds of devices have to tell: a balloon of the guest's memory, a disk of its
 * back end. See stats.h.
 */
#include "observe/json.h"
#include "observe/stats.h"

void stats_print_figures(FILE *out, const struct stats_input *input)
{
	bool headed = false;
	char text[32];

	for (unsigned i = 0; i < input->figure_count; i++) {
		const struct stats_figure *f = &input->figure[i];

		if (!f->figure.value)
			continue;
		if (!headed)
			fputs("figures of devices\n", out);
		headed = true;
		fprintf(out, "  %-12s %-28s %18s\n", f->device, f->figure.name,
			stats_grouped(f->figure.value, text));
	}
}

void stats_json_figures(struct json *j, const struct stats_input *input)
{
	json_array(j, "figures");
	for (unsigned i = 0; i < input->figure_count; i++) {
		const struct stats_figure *f = &input->figure[i];

		json_object(j, NULL);
		json_string(j, "device", f->device);
		json_string(j, "model", f->model);
		json_string(j, "figure", f->figure.name);
		json_u64(j, "value", f->figure.value);
		json_end(j);
	}
	json_end(j);
}
