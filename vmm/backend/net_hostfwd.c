/* SPDX-License-Identifier: MIT
 *
 * See net_hostfwd.h.
 */
#include "backend/net_hostfwd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* "[ADDR]:PORT" up to end. */
static int parse_endpoint(const char *text, const char *end, struct in_addr *address,
			  uint16_t *port)
{
	const char *colon = memchr(text, ':', (size_t)(end - text));
	char dotted[INET_ADDRSTRLEN] = "0.0.0.0", *after;
	unsigned long number;

	if (!colon || (size_t)(colon - text) >= sizeof(dotted) || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	if (colon > text) {
		memcpy(dotted, text, (size_t)(colon - text));
		dotted[colon - text] = '\0';
	}
	number = strtoul(colon + 1, &after, 10);
	if (after != end || number < 1 || number > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)number;
	return inet_pton(AF_INET, dotted, address) == 1 ? 0 : -EINVAL;
}

int net_hostfwd_parse(const char *text, struct slirp_forward *forward)
{
	const char *dash = strchr(text, '-');

	if (!dash || (strncmp(text, "tcp:", 4) != 0 && strncmp(text, "udp:", 4) != 0))
		return -EINVAL;
	*forward = (struct slirp_forward){.udp = text[0] == 'u'};
	if (parse_endpoint(text + 4, dash, &forward->host, &forward->host_port) ||
	    parse_endpoint(dash + 1, dash + strlen(dash), &forward->guest, &forward->guest_port))
		return -EINVAL;
	return 0;
}
