/* SPDX-License-Identifier: MIT
 *
 * Reads a statistics file of KVM: header, descriptors, data, wherever the header says they are.
 * Everything is checked against the file's size before it is used. See stats_fd.h.
 */
#include "kvm/stats_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FILE_MAX_BYTES (1u << 20)
#define STATS_MAX 1024u

/* May be written: stats->stat is the caller's. */
static struct kvm_stat *find(const struct kvm_stats *stats, const char *name)
{
	for (unsigned i = 0; i < stats->count; i++)
		if (!strcmp(stats->stat[i].name, name))
			return &stats->stat[i];
	return NULL;
}

static int add_value(struct kvm_stats *stats, const char *name, uint64_t value)
{
	struct kvm_stat *stat = find(stats, name);

	if (stat) {
		stat->value += value;
		return 0;
	}
	if (stats->count == STATS_MAX)
		return -EPROTO;
	stat = reallocarray(stats->stat, stats->count + 1, sizeof(*stat));
	if (!stat)
		return -ENOMEM;
	stats->stat = stat;
	stat += stats->count++;
	*stat = (struct kvm_stat){.value = value};
	memcpy(stat->name, name, strlen(name) + 1);
	return 0;
}

/* One descriptor with its name behind it, at a checked place. */
static int add_descriptor(struct kvm_stats *stats, const struct kvm_stats_header *header,
			  const uint8_t *file, size_t size_bytes, const uint8_t *at)
{
	struct kvm_stats_desc desc;
	char name[KVM_STAT_NAME_BYTES] = "";
	uint64_t value;

	memcpy(&desc, at, sizeof(desc));
	if (desc.size != 1)
		return 0; /* a histogram */
	if ((uint64_t)header->data_offset + desc.offset + sizeof(value) > size_bytes)
		return -EPROTO;
	memcpy(name, at + sizeof(desc),
	       header->name_size < sizeof(name) ? header->name_size : sizeof(name) - 1);
	memcpy(&value, file + header->data_offset + desc.offset, sizeof(value));
	return *name ? add_value(stats, name, value) : 0;
}

int kvm_stats_add(struct kvm_stats *stats, const void *file, size_t size_bytes)
{
	struct kvm_stats_header header;
	const uint8_t *bytes = file;

	if (size_bytes < sizeof(header))
		return -EPROTO;
	memcpy(&header, bytes, sizeof(header));
	uint64_t stride = sizeof(struct kvm_stats_desc) + (uint64_t)header.name_size;
	if (header.num_desc > STATS_MAX || stride > FILE_MAX_BYTES ||
	    header.desc_offset + header.num_desc * stride > size_bytes)
		return -EPROTO;
	for (uint32_t i = 0; i < header.num_desc; i++) {
		int err = add_descriptor(stats, &header, bytes, size_bytes,
					 bytes + header.desc_offset + i * stride);
		if (err)
			return err;
	}
	return 0;
}

int kvm_stats_open(int object_fd)
{
	int fd = ioctl(object_fd, KVM_GET_STATS_FD, NULL);

	if (fd < 0)
		return errno == ENOTTY || errno == EINVAL ? -ENOTSUP : -errno;
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

static int add_file(struct kvm_stats *stats, int fd, uint8_t *buffer)
{
	size_t size_bytes = 0;
	ssize_t n;

	while ((n = pread(fd, buffer + size_bytes, FILE_MAX_BYTES - size_bytes,
			  (off_t)size_bytes)) > 0)
		size_bytes += (size_t)n;
	return n < 0 ? -errno : kvm_stats_add(stats, buffer, size_bytes);
}

int kvm_stats_collect(const int *stats_fd, unsigned count, struct kvm_stats *out)
{
	uint8_t *buffer = malloc(FILE_MAX_BYTES);
	int err = 0;

	*out = (struct kvm_stats){0};
	if (!buffer)
		return -ENOMEM;
	for (unsigned i = 0; i < count && !err; i++)
		err = add_file(out, stats_fd[i], buffer);
	free(buffer);
	if (err)
		kvm_stats_free(out);
	return err;
}

void kvm_stats_free(struct kvm_stats *stats)
{
	free(stats->stat);
	*stats = (struct kvm_stats){0};
}

const struct kvm_stat *kvm_stats_find(const struct kvm_stats *stats, const char *name)
{
	return find(stats, name);
}
