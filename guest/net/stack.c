/* SPDX-License-Identifier: MIT
 *
 * See stack.h. The thread takes what cards received and runs lwIP's clocks, and only those that have
 * something to do: an idle machine isn't woken.
 */
#include "guest/net/stack.h"

#include <lwip/dhcp.h>
#include <lwip/etharp.h>
#include <lwip/igmp.h>
#include <lwip/ip4_frag.h>
#include <lwip/netif.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>
#include <lwip/udp.h>

#include "guest/fs/random.h"
#include "guest/net/card.h"
#include "guest/net/configure.h"
#include "guest/sched/mutex.h"
#include "guest/time/clock.h"

#define NS_PER_MS 1000000ull
#define CABLES_EVERY_MS 1000
#define POLL_EVERY_MS 10
#define LOOP_ROUNDS_MAX 64 /* packets to oneself that answer each other; then the thread goes on */

static struct mutex lock = MUTEX_FREE(lock);
static struct waitq work = WAITQ_EMPTY(work);
static bool has_work, is_started;

/* --- clocks */
static bool tcp_is_busy(void)
{
	return tcp_active_pcbs || tcp_tw_pcbs;
}

static bool has_cards(void)
{
	return card_first();
}

static bool has_groups(void)
{
	struct netif *netif;

	NETIF_FOREACH(netif)
	if (netif_igmp_data(netif) && netif_igmp_data(netif)->next)
		return true;
	return false;
}

static struct {
	uint32_t every_ms;
	void (*tick)(void);
	bool (*is_needed)(void);
	uint64_t at_ns; /* 0: not running */
} clocks[] = {
	{TCP_TMR_INTERVAL, tcp_tmr, tcp_is_busy, 0},
	{ARP_TMR_INTERVAL, etharp_tmr, has_cards, 0},
	{IP_TMR_INTERVAL, ip_reass_tmr, has_cards, 0},
	{CABLES_EVERY_MS, card_watch_cables, has_cards, 0},
	{POLL_EVERY_MS, net_wake, card_is_polled, 0},
	{IGMP_TMR_INTERVAL, igmp_tmr, has_groups, 0},
	{DHCP_FINE_TIMER_MSECS, dhcp_fine_tmr, configure_is_asking, 0},
	{DHCP_COARSE_TIMER_MSECS, dhcp_coarse_tmr, has_cards, 0},
};
#define CLOCK_COUNT (sizeof(clocks) / sizeof(clocks[0]))

/* Runs what is due; when the next one is. */
static uint64_t run_clocks(void)
{
	const uint64_t now = clock_ns();
	uint64_t next = WAIT_FOREVER;

	for (unsigned i = 0; i < CLOCK_COUNT; i++) {
		if (clocks[i].at_ns && clocks[i].at_ns <= now) {
			clocks[i].at_ns = 0;
			clocks[i].tick();
		}
		if (!clocks[i].is_needed())
			clocks[i].at_ns = 0;
		else if (!clocks[i].at_ns)
			clocks[i].at_ns = now + clocks[i].every_ms * NS_PER_MS;
		if (clocks[i].at_ns && clocks[i].at_ns < next)
			next = clocks[i].at_ns;
	}
	return next;
}

/* lwIP says so when the first connection appears. */
void tcp_timer_needed(void)
{
	if (!clocks[0].at_ns)
		net_wake();
}

uint32_t net_random(void)
{
	uint32_t value;

	random_bytes(&value, sizeof(value));
	return value;
}

/* --- lock and thread */
void net_lock(void)
{
	mutex_lock(&lock);
}

static bool deliver_own(void)
{
	struct netif *netif;
	bool any = false;

	NETIF_FOREACH(netif)
	if (netif->loop_first) {
		any = true;
		netif_poll(netif);
	}
	return any;
}

void net_unlock(void)
{
	unsigned rounds = 0;

	while (deliver_own() && ++rounds < LOOP_ROUNDS_MAX)
		;
	if (rounds == LOOP_ROUNDS_MAX)
		net_wake();
	card_flush_all();
	mutex_unlock(&lock);
}

void net_wake(void)
{
	__atomic_store_n(&has_work, true, __ATOMIC_RELEASE);
	waitq_wake(&work);
}

bool net_work(uint64_t *next_ns)
{
	bool more;

	__atomic_store_n(&has_work, false, __ATOMIC_SEQ_CST);
	net_lock();
	more = card_receive_all();
	*next_ns = run_clocks();
	net_unlock();
	return more;
}

static void thread(void *unused)
{
	uint64_t next_ns;

	(void)unused;
	for (;;)
		if (!net_work(&next_ns))
			wait_until_in(&work, __atomic_load_n(&has_work, __ATOMIC_ACQUIRE),
				      TASK_UNINTERRUPTIBLE, next_ns);
}

int net_init(void)
{
	int error = 0;

	if (__atomic_load_n(&is_started, __ATOMIC_ACQUIRE))
		return 0;
	mutex_lock(&lock);
	if (!is_started) {
		netif_init();
		udp_init();
		tcp_init();
		igmp_init();
		error = kthread_start("net", thread, NULL) ? 0 : -ENOMEM;
		__atomic_store_n(&is_started, !error, __ATOMIC_RELEASE);
	}
	mutex_unlock(&lock);
	return error;
}

void net_start(void)
{
	if (!net_first() || net_init())
		return;
	net_lock();
	card_add_all();
	configure_start();
	net_unlock();
	net_wake();
}
