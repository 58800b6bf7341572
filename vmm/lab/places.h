/* SPDX-License-Identifier: MIT
 *
 * Where the files of labs are, and the words {…} that stand for them in NAME.lab.
 */
#ifndef VITRINE_LAB_PLACES_H
#define VITRINE_LAB_PLACES_H

#include <limits.h>
#include <stddef.h>

/* "" is what isn't there. */
struct places {
	char vitrine[PATH_MAX];
	char guest[PATH_MAX];
	char initrd[PATH_MAX]; /* the system and /labs */
	char labs[PATH_MAX];   /* folder of the programs */
	char linux_kernel[PATH_MAX];
	char linux_system[PATH_MAX]; /* its initramfs as it is made */
	char linux_programs[PATH_MAX];
	char linux_initrd[PATH_MAX]; /* both in one: made in scratch */
	char scratch[PATH_MAX];
	char sheets[PATH_MAX]; /* folder of NAME.md */
	char files[PATH_MAX];  /* folder of NAME.lab */
};

/* Finds all but scratch and linux_initrd. kernel: a guest of the user's, or NULL. */
void places_find(struct places *places, const char *kernel);

/* Makes scratch, and linux_initrd if there is what it is made of. 0 or -errno. */
int places_make_scratch(struct places *places);
void places_remove_scratch(struct places *places);

/* The environment of the host's commands: the programs in PATH; VITRINE, GUEST, INITRD, LABS, LINUX, LINUX_INITRD, SCRATCH. */
void places_set_environment(const struct places *places);

/* text with {vitrine}, {guest}, {initrd}, {labs}, {linux}, {linux-initrd} and {scratch} filled in; other braces
 * stay. malloc'd, NULL: out of memory. */
char *places_fill(const struct places *places, const char *text);

#endif
