/* SPDX-License-Identifier: MIT
 *
 * Sockets of the Internet: TCP, UDP, ICMP and raw IP, as files.
 */
#ifndef GUEST_NET_INET_H
#define GUEST_NET_INET_H

struct file;

/* socket(AF_INET, type, protocol); flags: SOCK_NONBLOCK. 0 or -errno. */
int inet_create(unsigned type, int protocol, unsigned flags, struct file **file);

#endif
