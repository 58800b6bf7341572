/* SPDX-License-Identifier: MIT
 *
 * See small_devices.h.
 */
#include "cmd/small_devices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/console.h"
#include "backend/helpers.h"
#include "cmd/small_options.h"
#include "virtio/rng.h"

#define SHARE_MAX 8

struct share {
	struct share_options options;
	struct child child;
	struct virtio_fs_options virtio;
};

struct small_devices {
	bool has_rng, has_balloon, has_vsock;
	struct rng_options rng;
	struct hvc_options hvc; /* line is empty: none */
	struct console *hvc_console;
	struct port_options port[VIRTIO_PORT_MAX];
	struct virtio_ports_options ports;
	struct balloon_options balloon;
	struct vsock_options vsock;
	struct share share[SHARE_MAX];
	unsigned share_count;
};

/* What opening a device needs. */
struct opening {
	struct small_devices *devices;
	struct loop *loop;
	small_devices_plug_fn *plug;
	void *ctx;
	char *err;
	size_t err_size;
};

int small_devices_create(struct small_devices **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->vsock.vsock.listen_fd = -1;
	for (unsigned i = 0; i < SHARE_MAX; i++)
		(*out)->share[i].child.fd = -1;
	return 0;
}

void small_devices_destroy(struct small_devices *devices)
{
	if (!devices)
		return;
	console_close(devices->hvc_console);
	for (unsigned i = 0; i < devices->ports.count; i++)
		console_close(devices->ports.port[i].console);
	if (devices->vsock.vsock.listen_fd >= 0) {
		close(devices->vsock.vsock.listen_fd);
		unlink(devices->vsock.vsock.path);
	}
	for (unsigned i = 0; i < devices->share_count; i++) {
		child_stop(&devices->share[i].child);
		vhost_user_destroy(devices->share[i].virtio.vhost);
	}
	free(devices);
}

/* --- options */

static int no_more(const char *what, char *err, size_t err_size)
{
	snprintf(err, err_size, "%s", what);
	return -EINVAL;
}

static int add_port(struct small_devices *devices, const char *value, char *err, size_t err_size)
{
	unsigned count = devices->ports.count;
	int error;

	if (count == VIRTIO_PORT_MAX)
		return no_more("there are 14 ports already; more are not possible", err, err_size);
	error = port_options_parse(value, &devices->port[count], err, err_size);
	for (unsigned i = 0; !error && i < count; i++)
		if (!strcmp(devices->port[i].name, devices->port[count].name))
			return no_more("two ports have the same name", err, err_size);
	devices->ports.count += !error;
	return error;
}

static int add_share(struct small_devices *devices, const char *value, char *err, size_t err_size)
{
	unsigned count = devices->share_count;
	int error;

	if (count == SHARE_MAX)
		return no_more("there are 8 shares already; more are not possible", err, err_size);
	error = share_options_parse(value, count, &devices->share[count].options, err, err_size);
	for (unsigned i = 0; !error && i < count; i++)
		if (!strcmp(devices->share[i].options.tag, devices->share[count].options.tag))
			return no_more("two shares have the same tag", err, err_size);
	devices->share_count += !error;
	return error;
}

/* Those that there can be one of. */
static int add_single(struct small_devices *devices, const char *option, const char *value,
		      char *err, size_t err_size)
{
	bool is_rng = !strcmp(option, "rng");
	bool is_balloon = !strcmp(option, "balloon");
	bool is_vsock = !strcmp(option, "vsock");

	if ((is_rng && devices->has_rng) || (is_balloon && devices->has_balloon) ||
	    (is_vsock && devices->has_vsock) ||
	    (!strcmp(option, "virtio-console") && devices->hvc.line[0]))
		return no_more("is there already; one is possible", err, err_size);
	devices->has_rng |= is_rng;
	devices->has_balloon |= is_balloon;
	devices->has_vsock |= is_vsock;
	if (is_rng)
		return rng_options_parse(value, &devices->rng, err, err_size);
	if (is_balloon)
		return balloon_options_parse(value, &devices->balloon, err, err_size);
	if (is_vsock)
		return vsock_options_parse(value, &devices->vsock, err, err_size);
	return hvc_options_parse(value, &devices->hvc, err, err_size);
}

int small_devices_add(struct small_devices *devices, const char *option, const char *value,
		      char *err, size_t err_size)
{
	if (!strcmp(option, "port"))
		return add_port(devices, value, err, err_size);
	if (!strcmp(option, "share"))
		return add_share(devices, value, err, err_size);
	return add_single(devices, option, value, err, err_size);
}

const char *small_devices_hvc_line(const struct small_devices *devices)
{
	return devices->hvc.line[0] ? devices->hvc.line : NULL;
}

/* --- opening */

static int plug(const struct opening *opening, const char *kind, unsigned number,
		const struct placement *placement, struct board_plugin as)
{
	as.plug = placement->mmio ? BOARD_PLUG_VIRTIO_MMIO : BOARD_PLUG_VIRTIO_PCI;
	return opening->plug(opening->ctx, kind, number, &as, placement->packed_ring, opening->err,
			     opening->err_size);
}

static int open_hvc(const struct opening *opening, const struct console_keys *keys)
{
	struct small_devices *devices = opening->devices;
	int error = console_open("--virtio-console", devices->hvc.line, opening->loop, keys,
				 &devices->hvc_console, opening->err, opening->err_size);

	if (error)
		return error;
	return plug(opening, "hvc", 0, &devices->hvc.placement,
		    (struct board_plugin){.model = &virtio_console_model,
					  .options = devices->hvc_console});
}

/* All ports hang on one device, plugged in as the first one says. */
static int open_ports(const struct opening *opening)
{
	struct small_devices *devices = opening->devices;
	int error = 0;

	for (unsigned i = 0; !error && i < devices->ports.count; i++) {
		struct virtio_port_options *port = &devices->ports.port[i];

		memcpy(port->name, devices->port[i].name, sizeof(port->name));
		error = console_open("--port", devices->port[i].line, opening->loop, NULL,
				     &port->console, opening->err, opening->err_size);
	}
	return error ? error
		     : plug(opening, "ports", 0, &devices->port[0].placement,
			    (struct board_plugin){.model = &virtio_ports_model,
						  .options = &devices->ports});
}

static int open_vsock(const struct opening *opening)
{
	struct vsock_options *options = &opening->devices->vsock;

	options->vsock.listen_fd = unix_socket_listen(options->vsock.path, 16);
	if (options->vsock.listen_fd < 0) {
		snprintf(opening->err, opening->err_size, "--vsock unix:%s: %s",
			 options->vsock.path, strerror(-options->vsock.listen_fd));
		return options->vsock.listen_fd;
	}
	return plug(
		opening, "vsock", 0, &options->placement,
		(struct board_plugin){.model = &virtio_vsock_model, .options = &options->vsock});
}

static int open_share(const struct opening *opening, unsigned index)
{
	struct share *share = &opening->devices->share[index];
	struct virtiofsd_options options = {.folder = share->options.folder,
					    .read_only = share->options.read_only};
	int error = virtiofsd_start(&options, &share->child, opening->err, opening->err_size);

	if (error)
		return error;
	error = vhost_user_create(share->child.fd, "virtiofsd", &share->virtio.vhost);
	share->child.fd = -1; /* the connection has it */
	if (error) {
		snprintf(opening->err, opening->err_size,
			 "--share %s: virtiofsd does not serve it: %s", share->options.folder,
			 strerror(-error));
		return error;
	}
	memcpy(share->virtio.tag, share->options.tag, sizeof(share->virtio.tag));
	return plug(opening, "share", index, &share->options.placement,
		    (struct board_plugin){.model = &virtio_fs_model,
					  .options = &share->virtio,
					  .shares_memory = true});
}

int small_devices_open(struct small_devices *devices, struct loop *loop,
		       const struct console_keys *keys, small_devices_plug_fn *plug_in, void *ctx,
		       char *err, size_t err_size)
{
	struct opening opening = {devices, loop, plug_in, ctx, NULL, err_size};
	int error = 0;

	opening.err = err;
	if (devices->has_rng)
		error = plug(&opening, "rng", 0, &devices->rng.placement,
			     (struct board_plugin){.model = &virtio_rng_model});
	if (!error && devices->has_balloon)
		error = plug(&opening, "balloon", 0, &devices->balloon.placement,
			     (struct board_plugin){.model = &virtio_balloon_model,
						   .options = &devices->balloon.balloon});
	if (!error && devices->hvc.line[0])
		error = open_hvc(&opening, keys);
	if (!error && devices->ports.count)
		error = open_ports(&opening);
	if (!error && devices->has_vsock)
		error = open_vsock(&opening);
	for (unsigned i = 0; !error && i < devices->share_count; i++)
		error = open_share(&opening, i);
	return error;
}

int small_devices_place(struct small_devices *devices, small_devices_plug_fn *plug_in, void *ctx,
			char *err, size_t err_size) /* NOLINT(readability-non-const-parameter) */
{
	struct opening opening = {devices, NULL, plug_in, ctx, NULL, err_size};
	const struct {
		const char *kind;
		bool is_there;
		const struct placement *placement;
	} single[] = {
		{"rng", devices->has_rng, &devices->rng.placement},
		{"balloon", devices->has_balloon, &devices->balloon.placement},
		{"hvc", devices->hvc.line[0], &devices->hvc.placement},
		{"ports", devices->ports.count, &devices->port[0].placement},
		{"vsock", devices->has_vsock, &devices->vsock.placement},
	};
	int error = 0;

	opening.err = err;
	for (unsigned i = 0; !error && i < sizeof(single) / sizeof(*single); i++)
		if (single[i].is_there)
			error = plug(&opening, single[i].kind, 0, single[i].placement,
				     (struct board_plugin){0});
	for (unsigned i = 0; !error && i < devices->share_count; i++)
		error = plug(&opening, "share", i, &devices->share[i].options.placement,
			     (struct board_plugin){0});
	return error;
}
