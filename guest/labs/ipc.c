/* SPDX-License-Identifier: MIT
 *
 * Two processes exchange data: over pipes, a Unix socket, TCP on the loopback interface (where there is one), and
 * shared memory with a semaphore. What one byte there and back costs, and a stream of data.
 *
 *   ipc [-n ROUND-TRIPS] [-k KIB of stream] [-s SLOTS of shared memory]
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

#define CHUNK_BYTES 16384u
#define SLOTS_MAX 16

static unsigned slots = SLOTS_MAX; /* of shared memory in use */

/* What both processes share from fork on; each way uses some of it. */
static struct channel {
	int to_child[2], to_parent[2]; /* read, write: the same number twice for a socket */
	struct shared {
		sem_t full,
			empty; /* slots: a semaphore makes a system call only to sleep or to wake */
		unsigned next_put, next_take;
		char slot[SLOTS_MAX][CHUNK_BYTES];
	} * there, *back;
} channel;

static uint64_t
	calls; /* system calls of the parent for data; a semaphore's are not seen from here */

static bool open_pipe(void)
{
	return !pipe(channel.to_child) && !pipe(channel.to_parent);
}

static void use_sockets(int parent, int child)
{
	channel.to_child[1] = channel.to_parent[0] = parent;
	channel.to_child[0] = channel.to_parent[1] = child;
}

static bool open_unix(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return false;
	use_sockets(ends[0], ends[1]);
	return true;
}

static bool open_tcp(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	const int listener = socket(AF_INET, SOCK_STREAM, 0),
		  client = socket(AF_INET, SOCK_STREAM, 0);
	const int yes = 1;
	int server;

	if (listener < 0 || client < 0 ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) ||
	    connect(client, (struct sockaddr *)&address, length) ||
	    (server = accept(listener, NULL, NULL)) < 0)
		return false;
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	close(listener);
	use_sockets(client, server);
	return true;
}

static struct shared *map_shared(void)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		lab_die("mmap");
	sem_init(&shared->full, 1, 0);
	sem_init(&shared->empty, 1, slots);
	return shared;
}

static bool open_memory(void)
{
	channel.there = map_shared();
	channel.back = map_shared();
	return true;
}

static void send_all(int fd, const char *data, size_t bytes)
{
	for (size_t done = 0; done < bytes; calls++) {
		const ssize_t sent = write(fd, data + done, bytes - done);

		if (sent <= 0)
			lab_die("write");
		done += (size_t)sent;
	}
}

static void receive_all(int fd, char *data, size_t bytes)
{
	for (size_t done = 0; done < bytes; calls++) {
		const ssize_t got = read(fd, data + done, bytes - done);

		if (got <= 0)
			_exit(0); /* the other one is done */
		done += (size_t)got;
	}
}

/* Both ends work with the data, in each of the ways. */
static void produce(char *data, size_t bytes)
{
	memset(data, 'x', bytes);
}

static void consume(const char *data, size_t bytes)
{
	if (memchr(data, 'y', bytes))
		_exit(1);
}

/* The writer fills a slot in place, and the reader reads it there: nobody copies. */
static void put(struct shared *shared, size_t bytes)
{
	while (sem_wait(&shared->empty))
		;
	produce(shared->slot[shared->next_put++ % slots], bytes);
	sem_post(&shared->full);
}

static void take(struct shared *shared, size_t bytes)
{
	while (sem_wait(&shared->full))
		;
	consume(shared->slot[shared->next_take++ % slots], bytes);
	sem_post(&shared->empty);
}

static char buffer[CHUNK_BYTES];

static void send_bytes(bool to_child, size_t bytes)
{
	if (channel.there) {
		put(to_child ? channel.there : channel.back, bytes);
		return;
	}
	produce(buffer, bytes);
	send_all(to_child ? channel.to_child[1] : channel.to_parent[1], buffer, bytes);
}

static void receive_bytes(bool to_child, size_t bytes)
{
	if (channel.there) {
		take(to_child ? channel.there : channel.back, bytes);
		return;
	}
	receive_all(to_child ? channel.to_child[0] : channel.to_parent[0], buffer, bytes);
	consume(buffer, bytes);
}

/* Gives back each byte, then swallows the stream and confirms its end. */
static void child(uint64_t trips, uint64_t chunks)
{
	for (uint64_t i = 0; i < trips; i++) {
		receive_bytes(true, 1);
		send_bytes(false, 1);
	}
	for (uint64_t i = 0; i < chunks; i++)
		receive_bytes(true, CHUNK_BYTES);
	send_bytes(false, 1);
	_exit(0);
}

static void measure(const char *way, uint64_t trips, uint64_t chunks)
{
	struct rusage before, after;

	getrusage(RUSAGE_SELF, &before);
	const uint64_t start = lab_now_ns();

	for (uint64_t i = 0; i < trips; i++) {
		send_bytes(true, 1);
		receive_bytes(false, 1);
	}
	const uint64_t middle = lab_now_ns();

	getrusage(RUSAGE_SELF, &after);
	calls = 0;
	for (uint64_t i = 0; i < chunks; i++)
		send_bytes(true, CHUNK_BYTES);
	const uint64_t stream_calls = calls;

	receive_bytes(false, 1);
	const double us = (double)(middle - start) / 1000 / (double)trips;
	const double mib = (double)(chunks * CHUNK_BYTES) / (1 << 20);
	const double rate = mib / ((double)(lab_now_ns() - middle) / 1e9);
	const long switches = after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw;

	printf("%-8s %9.1f us there and back, %8.1f MiB/s\n", way, us, rate);
	lab_row("way", "way=%s us=%.2f switches=%.2f rate=%.1f copies=%d calls_per_mib=%.1f", way,
		us, (double)switches / (double)trips, rate, channel.there ? 0 : 2,
		(double)stream_calls / mib);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		bool (*open)(void);
	} ways[] = {{"pipe", open_pipe},
		    {"unix", open_unix},
		    {"tcp", open_tcp},
		    {"memory", open_memory}};
	slots = (unsigned)lab_option(argc, argv, 's', SLOTS_MAX);
	const uint64_t trips = lab_option(argc, argv, 'n', 1000);
	const uint64_t chunks = lab_option(argc, argv, 'k', 16384) * 1024 / CHUNK_BYTES;

	for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!ways[i].open()) {
			printf("%-8s not here\n", ways[i].name);
			continue;
		}
		const pid_t pid = fork();

		if (pid == 0)
			child(trips, chunks);
		measure(ways[i].name, trips, chunks);
		waitpid(pid, NULL, 0);
	}
	return 0;
}
