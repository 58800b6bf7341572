/* SPDX-License-Identifier: MIT
 *
 * Checksums of received frames (SDM 3.2.9): what the descriptor says of them has been verified
 * here, unless the back end vouches for the frame. The frame may lie in guest memory: headers are
 * copied once, and the guest that changes the rest only deceives itself.
 */
#include <arpa/inet.h>
#include <string.h>

#include "dev/e1000_internal.h"
#include "dev/inet_sum.h"

#define ETHERNET_BYTES 14
#define TYPE_IPV4 0x0800
#define TYPE_IPV6 0x86dd
#define IPV4_MIN_BYTES 20
#define IPV6_BYTES 40
#define FRAGMENT_MASK 0x3fff /* offset, and "more fragments" */
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define UDP_CHECKSUM_AT 6
#define HEAD_BYTES (ETHERNET_BYTES + 60)

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* The transport segment in a frame, and the addresses of its pseudo header. */
struct segment {
	unsigned start, len_bytes;
	unsigned addresses_at, addresses_bytes;
	uint8_t protocol;
};

static bool transport_is_good(const uint8_t *frame, const struct segment *s)
{
	struct inet_sum sum = {0};

	inet_sum_add(&sum, frame + s->addresses_at, s->addresses_bytes);
	inet_sum_add_number(&sum, s->protocol);
	inet_sum_add_number(&sum, (uint16_t)s->len_bytes);
	inet_sum_add(&sum, frame + s->start, s->len_bytes);
	return inet_sum_fold(&sum) == 0xffff;
}

static struct e1000_rx_verdict check_transport(const uint8_t *frame, const struct segment *s,
					       bool known_good)
{
	struct e1000_rx_verdict verdict = {0};
	unsigned least = s->protocol == PROTOCOL_TCP ? 20 : 8;

	if ((s->protocol != PROTOCOL_TCP && s->protocol != PROTOCOL_UDP) || s->len_bytes < least)
		return verdict;
	if (s->protocol == PROTOCOL_UDP && !get16(frame + s->start + UDP_CHECKSUM_AT))
		return verdict; /* the sender made none */
	verdict.status = RXD_TCPCS;
	if (!known_good && !transport_is_good(frame, s))
		verdict.errors = RXD_ERR_TCPE;
	return verdict;
}

static struct e1000_rx_verdict check_ipv4(const uint8_t *frame, unsigned len_bytes,
					  const uint8_t *head, uint32_t rxcsum, bool known_good)
{
	const uint8_t *ip = head + ETHERNET_BYTES;
	unsigned header = (ip[0] & 15u) * 4, total = get16(ip + 2);
	struct e1000_rx_verdict verdict = {0}, transport;
	struct inet_sum sum = {0};
	struct segment s = {.start = ETHERNET_BYTES + header,
			    .len_bytes = total - header,
			    .addresses_at = ETHERNET_BYTES + 12,
			    .addresses_bytes = 8,
			    .protocol = ip[9]};

	if (ip[0] >> 4 != 4 || header < IPV4_MIN_BYTES || total < header ||
	    total > len_bytes - ETHERNET_BYTES)
		return verdict;
	inet_sum_add(&sum, ip, header);
	if (rxcsum & RXCSUM_IPOFL) {
		verdict.status = RXD_IPCS;
		verdict.errors = inet_sum_fold(&sum) == 0xffff ? 0 : RXD_ERR_IPE;
	}
	if (!(rxcsum & RXCSUM_TUOFL) || get16(ip + 6) & FRAGMENT_MASK)
		return verdict;
	transport = check_transport(frame, &s, known_good);
	verdict.status |= transport.status;
	verdict.errors |= transport.errors;
	return verdict;
}

/* Only what follows the header directly: extension headers are left to the driver. */
static struct e1000_rx_verdict check_ipv6(const uint8_t *frame, unsigned len_bytes,
					  const uint8_t *head, uint32_t rxcsum, bool known_good)
{
	const uint8_t *ip = head + ETHERNET_BYTES;
	struct segment s = {.start = ETHERNET_BYTES + IPV6_BYTES,
			    .len_bytes = get16(ip + 4),
			    .addresses_at = ETHERNET_BYTES + 8,
			    .addresses_bytes = 32,
			    .protocol = ip[6]};

	if (!(rxcsum & RXCSUM_TUOFL) || len_bytes < s.start || s.len_bytes > len_bytes - s.start)
		return (struct e1000_rx_verdict){0};
	return check_transport(frame, &s, known_good);
}

struct e1000_rx_verdict e1000_rx_checksum(const uint8_t *frame, unsigned len_bytes, uint32_t rxcsum,
					  bool known_good)
{
	struct e1000_rx_verdict verdict = {0};
	uint8_t head[HEAD_BYTES] = {0};

	if (len_bytes < ETHERNET_BYTES + IPV4_MIN_BYTES ||
	    !(rxcsum & (RXCSUM_IPOFL | RXCSUM_TUOFL)))
		return (struct e1000_rx_verdict){.status = RXD_IXSM};
	memcpy(head, frame, len_bytes < sizeof(head) ? len_bytes : sizeof(head));
	if (get16(head + 12) == TYPE_IPV4)
		verdict = check_ipv4(frame, len_bytes, head, rxcsum, known_good);
	else if (get16(head + 12) == TYPE_IPV6)
		verdict = check_ipv6(frame, len_bytes, head, rxcsum, known_good);
	if (!verdict.status)
		verdict.status = RXD_IXSM;
	return verdict;
}
