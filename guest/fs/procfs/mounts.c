/* SPDX-License-Identifier: MIT
 *
 * /proc/PID/mounts and mountinfo: those mounts that can be reached from the reader's root.
 */
#include "guest/fs/mounts.h"
#include "guest/fs/files.h"
#include "guest/fs/procfs/proc.h"
#include "guest/lib/print.h"
#include "guest/lib/string.h"
#include "guest/mm/slab.h"

static const struct {
	unsigned flag;
	const char *name;
} option[] = {
	{MS_NOSUID, ",nosuid"},	  {MS_NODEV, ",nodev"},	     {MS_NOEXEC, ",noexec"},
	{MS_NOATIME, ",noatime"}, {MS_SYNCHRONOUS, ",sync"}, {MS_RELATIME, ",relatime"},
};

static void show_options(const struct mount *mount, struct text *text)
{
	const bool read_only = (mount->flags & MS_RDONLY) || mount->super->read_only;

	text_print(text, "%s", read_only ? "ro" : "rw");
	for (unsigned i = 0; i < sizeof(option) / sizeof(option[0]); i++)
		if (mount->flags & option[i].flag)
			text_print(text, "%s", option[i].name);
}

/* Blanks and the like as Linux's getmntent() readers expect them. */
static void show_escaped(const char *name, struct text *text)
{
	for (; *name; name++)
		if (*name == ' ' || *name == '\t' || *name == '\n' || *name == '\\')
			text_print(text, "\\%u%u%u", *name >> 6 & 3, *name >> 3 & 7, *name & 7);
		else
			text_add(text, name, 1);
}

/* Where it is mounted, into buffer; NULL: out of the reader's sight. */
static const char *place_of(struct mount *mount, char *buffer)
{
	const struct path root = {mount, mount->root};

	return path_text(&root, buffer, PATH_MAX);
}

static void show_mount(struct mount *mount, unsigned number, bool info, char *buffer,
		       struct text *text)
{
	const char *place = place_of(mount, buffer);
	const uint64_t device = mount->super->device;

	if (!place)
		return;
	if (info) {
		text_print(text, "%u %u %lu:%lu / ", number, mount->parent ? 1 : 0,
			   device >> 8 & 0xfff, (device & 0xff) | (device >> 12 & 0xfff00));
		show_escaped(place, text);
		text_print(text, " ");
		show_options(mount, text);
		text_print(text, " - %s ", mount->super->type->name);
		show_escaped(mount->source[0] ? mount->source : "none", text);
		text_print(text, " %s\n", mount->super->read_only ? "ro" : "rw");
		return;
	}
	show_escaped(mount->source[0] ? mount->source : "none", text);
	text_print(text, " ");
	show_escaped(place, text);
	text_print(text, " %s ", mount->super->type->name);
	show_options(mount, text);
	text_print(text, " 0 0\n");
}

/* The index-th mount, referenced. */
static struct mount *mount_at(unsigned index)
{
	const uint64_t flags = spin_lock(&mount_lock);
	struct mount *found = NULL;

	list_for_each(link, &mount_all)
	{
		if (index--)
			continue;
		found = container_of(link, struct mount, in_all);
		mount_get(found);
		break;
	}
	spin_unlock(&mount_lock, flags);
	return found;
}

static int show_all(struct text *text, bool info)
{
	char *buffer = kmalloc(PATH_MAX);
	struct mount *mount;

	if (!buffer)
		return -ENOMEM;
	for (unsigned i = 0; (mount = mount_at(i)); i++) {
		show_mount(mount, i + 1, info, buffer, text);
		mount_put(mount);
	}
	kfree(buffer);
	return text->error;
}

int proc_show_mounts(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	return show_all(text, false);
}

int proc_show_mountinfo(const struct proc_subject *subject, struct text *text)
{
	(void)subject;
	return show_all(text, true);
}
