/* SPDX-License-Identifier: MIT
 *
 * POSIX threads on this kernel's clone and futex: mutexes, condition variables, barriers, TLS,
 * cancellation, 64 at once, and how threads and processes end.
 */
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "check.h"

#define MANY 64

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static long total;
static __thread long mine = 5;

static void *adds(void *unused)
{
	(void)unused;
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&lock);
		total++;
		pthread_mutex_unlock(&lock);
		mine++;
	}
	return (void *)(uintptr_t)mine;
}

static void many(void)
{
	pthread_t threads[MANY];
	void *result;
	int good = 1;

	for (int i = 0; i < MANY; i++)
		need(!pthread_create(&threads[i], NULL, adds, NULL));
	for (int i = 0; i < MANY; i++)
		good &= !pthread_join(threads[i], &result) && (uintptr_t)result == 1005;
	check("64 threads: the mutex", total == MANY * 1000);
	check("64 threads: each its own variable", good && mine == 5);
}

static int turn;

static void *plays(void *player)
{
	int me = (int)(intptr_t)player;

	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&lock);
		while (turn % 2 != me)
			pthread_cond_wait(&changed, &lock);
		turn++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

static void conditions(void)
{
	struct timespec soon;
	pthread_t other;

	need(!pthread_create(&other, NULL, plays, (void *)1));
	plays((void *)0);
	check("two take turns", !pthread_join(other, NULL) && turn == 400);
	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_nsec += 30000000;
	soon.tv_sec += soon.tv_nsec / 1000000000;
	soon.tv_nsec %= 1000000000;
	pthread_mutex_lock(&lock);
	check("timedwait", pthread_cond_timedwait(&changed, &lock, &soon) == ETIMEDOUT);
	check("trylock of a locked one", pthread_mutex_trylock(&lock) == EBUSY);
	pthread_mutex_unlock(&lock);
}

static pthread_barrier_t barrier;
static volatile int arrived, leaders;

static void *meets(void *unused)
{
	(void)unused;
	for (int round = 1; round <= 20; round++) {
		__sync_fetch_and_add(&arrived, 1);
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			__sync_fetch_and_add(&leaders, 1);
		if (arrived < 8 * round)
			return (void *)1;
		pthread_barrier_wait(&barrier);
	}
	return NULL;
}

static void barriers(void)
{
	pthread_t threads[8];
	void *result;
	int good = 1;

	need(!pthread_barrier_init(&barrier, NULL, 8));
	for (int i = 0; i < 8; i++)
		need(!pthread_create(&threads[i], NULL, meets, NULL));
	for (int i = 0; i < 8; i++)
		good &= !pthread_join(threads[i], &result) && !result;
	check("8 threads at a barrier, 20 times", good && leaders == 20);
}

static volatile int cleaned, destroyed;
static pthread_key_t key;

static void clean(void *unused)
{
	(void)unused;
	cleaned++;
}

static void destroy(void *value)
{
	destroyed += (int)(intptr_t)value;
}

static void *sleeps(void *unused)
{
	pthread_cleanup_push(clean, NULL);
	pthread_setspecific(key, (void *)7);
	for (;;)
		sleep_ms(10000);
	pthread_cleanup_pop(0);
	return unused;
}

static void *exits(void *value)
{
	pthread_setspecific(key, (void *)3);
	pthread_exit(value);
}

static void ends(void)
{
	pthread_t thread;
	void *result;

	need(!pthread_key_create(&key, destroy));
	need(!pthread_create(&thread, NULL, sleeps, NULL));
	sleep_ms(30);
	need(!pthread_cancel(thread));
	check("cancellation wakes a sleeper",
	      !pthread_join(thread, &result) && result == PTHREAD_CANCELED && cleaned == 1);
	check("destructors run", destroyed == 7);
	need(!pthread_create(&thread, NULL, exits, (void *)12));
	check("pthread_exit",
	      !pthread_join(thread, &result) && result == (void *)12 && destroyed == 10);
	need(!pthread_create(&thread, NULL, exits, NULL) && !pthread_detach(thread));
	sleep_ms(20);
	check("a detached one ends alone", destroyed == 13);
}

static void *ids(void *out)
{
	pid_t *id = out;

	id[0] = getpid();
	id[1] = (pid_t)syscall(SYS_gettid);
	id[2] = open("/dev/null", O_RDONLY);
	chdir("/");
	return NULL;
}

static void what_is_shared(void)
{
	pid_t id[3] = {0};
	char folder[16] = "";
	pthread_t thread;

	need(!pthread_create(&thread, NULL, ids, id) && !pthread_join(thread, NULL));
	check("one process, several threads", id[0] == getpid() && id[1] != id[0] && id[1] > 0);
	check("descriptors are shared", fcntl(id[2], F_GETFD) >= 0);
	check("the working directory too", getcwd(folder, 16) && !strcmp(folder, "/"));
}

static void *exits_process(void *unused)
{
	(void)unused;
	_exit(33);
}

static void *spins(void *unused)
{
	for (;;)
		;
	return unused;
}

static int end_by_thread(void *others)
{
	pthread_t thread;

	for (int i = 0; i < (intptr_t)others; i++)
		pthread_create(&thread, NULL, i % 2 ? sleeps : spins, NULL);
	pthread_create(&thread, NULL, exits_process, NULL);
	for (;;)
		pause();
	return 1;
}

static void *faults(void *unused)
{
	*(volatile int *)8 = 1;
	return unused;
}

static int die_by_thread(void *unused)
{
	pthread_t thread;

	(void)unused;
	pthread_create(&thread, NULL, spins, NULL);
	pthread_create(&thread, NULL, faults, NULL);
	for (;;)
		pause();
	return 1;
}

static void *waits_a_bit(void *unused)
{
	(void)unused;
	sleep_ms(50);
	_exit(44);
}

static int leader_first(void *unused)
{
	pthread_t thread;

	(void)unused;
	pthread_create(&thread, NULL, waits_a_bit, NULL);
	pthread_exit(NULL);
}

static void *executes(void *unused)
{
	execl("/bin/sh", "sh", "-c", "exit 55", NULL);
	return unused;
}

static int exec_by_thread(void *unused)
{
	pthread_t thread;

	(void)unused;
	pthread_create(&thread, NULL, spins, NULL);
	pthread_create(&thread, NULL, executes, NULL);
	for (;;)
		pause();
	return 1;
}

static void the_process(void)
{
	check("_exit of a thread ends all", in_child(end_by_thread, (void *)5) == 33);
	check("a fault of a thread ends all", in_child(die_by_thread, NULL) == 128 + SIGSEGV);
	check("the first thread may end before others", in_child(leader_first, NULL) == 44);
	check("execve of a thread ends the others", in_child(exec_by_thread, NULL) == 55);
}

static void the_rest(void)
{
	pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
	sem_t semaphore;

	check("rwlock", !pthread_rwlock_rdlock(&rw) && !pthread_rwlock_rdlock(&rw) &&
				pthread_rwlock_trywrlock(&rw) == EBUSY);
	need(!sem_init(&semaphore, 0, 1));
	check("semaphore", !sem_wait(&semaphore) && sem_trywait(&semaphore) == -1 &&
				   errno == EAGAIN && !sem_post(&semaphore));
}

int main(void)
{
	many();
	conditions();
	barriers();
	ends();
	what_is_shared();
	the_process();
	the_rest();
	return check_end();
}
