/* SPDX-License-Identifier: MIT
 *
 * See output.h.
 */
#include "lab/output.h"

#include <errno.h>
#include <unistd.h>

int output_open(struct output *output, const char *folder, const char *lab, const char *part,
		const char *kind)
{
	int length = snprintf(output->path, PATH_MAX, "%s/%s-%s.%s", folder, lab, part, kind);

	output->file = NULL;
	if (length >= PATH_MAX || snprintf(output->unfinished, PATH_MAX, "%s/.%s-%s.%d.%s", folder,
					   lab, part, (int)getpid(), kind) >= PATH_MAX)
		return -ENAMETOOLONG;
	output->file = fopen(output->unfinished, "we");
	return output->file ? 0 : -errno;
}

int output_finish(struct output *output)
{
	const int lost = ferror(output->file);
	const int err = fclose(output->file) != 0 || lost ? -EIO : 0;

	output->file = NULL;
	if (!err && rename(output->unfinished, output->path) == 0)
		return 0;
	unlink(output->unfinished);
	return err ? err : -errno;
}

void output_drop(struct output *output)
{
	if (output->file)
		fclose(output->file);
	output->file = NULL;
	unlink(output->unfinished);
}
