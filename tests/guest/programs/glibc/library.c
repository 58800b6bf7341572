/* SPDX-License-Identifier: MIT
 *
 * A program of Debian's gcc -static: what glibc does at its start and behind its functions (TLS,
 * IRELATIVE relocations, arenas, locales, stdio, threads) works on this kernel.
 */
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <spawn.h>
#include <sys/mman.h>
#include <wchar.h>

#include "../check.h"

#define THREADS 8
#define BLOCKS 500

static void streams(void)
{
	char line[64] = "";
	FILE *file = fopen("text", "w+");

	need(file);
	for (int i = 0; i < 1000; i++)
		fprintf(file, "line %d %5.2f %s\n", i, i / 7.0, "text");
	rewind(file);
	int number, count = 0;
	double value;
	while (fscanf(file, "line %d %lf %63s\n", &number, &value, line) == 3)
		count += number == count && fabs(value - number / 7.0) < 0.01;
	check("stdio: 1,000 lines there and back", count == 1000);
	check("fseek, ftell", !fseek(file, 0, SEEK_END) && ftell(file) > 15000);
	fclose(file);
	file = popen("echo from a shell", "r");
	check("popen", file && fgets(line, sizeof line, file) && !strcmp(line, "from a shell\n") &&
			       pclose(file) == 0);
	check("system", WEXITSTATUS(system("exit 9")) == 9);
	char *text = NULL;
	size_t size;
	file = open_memstream(&text, &size);
	fprintf(file, "%ls", L"wide");
	fclose(file);
	check("open_memstream, wide characters", !strcmp(text, "wide"));
	free(text);
}

static jmp_buf back;

static void jump(int depth)
{
	if (depth == 0)
		longjmp(back, 3);
	if (depth > 0)
		jump(depth - 1);
}

static void the_language(void)
{
	volatile int seen = 0;
	int value = setjmp(back);

	seen++;
	if (!value)
		jump(50);
	check("setjmp, longjmp", value == 3 && seen == 2);
	check("the C locale", setlocale(LC_ALL, "C") && !strcmp(localeconv()->decimal_point, "."));
	check("C.UTF-8 or C", setlocale(LC_ALL, "C.UTF-8") || setlocale(LC_ALL, "C"));
	time_t then = 86400 * 366;
	struct tm *t = gmtime(&then);
	check("gmtime", t->tm_year == 71 && t->tm_yday == 1);
	setenv("TZ", "UTC-1", 1);
	tzset();
	check("localtime", localtime(&then)->tm_hour == 1);
	check("mathematics",
	      fabs(sin(1) - 0.841470984807896) < 1e-14 && lround(pow(2, 0.5) * 1e6) == 1414214);
}

/* Grows, shrinks and frees blocks in a seeded order; each holds its number. */
static void *allocates(void *seed)
{
	static __thread unsigned char *blocks[BLOCKS];
	static __thread size_t sizes[BLOCKS];
	unsigned state = (unsigned)(long)seed;

	for (int i = 0; i < 20000; i++) {
		state = state * 1103515245 + 12345;
		unsigned which = (state >> 8) % BLOCKS;
		size_t size = (state >> 16) % 8 ? (state >> 12) % 2000 + 1
						: (state >> 12) % 200000 + 1;

		if (blocks[which] && (blocks[which][0] != which % 256 ||
				      blocks[which][sizes[which] - 1] != which % 256))
			return (void *)1;
		blocks[which] = realloc(blocks[which], size);
		if (!blocks[which])
			return (void *)2;
		blocks[which][0] = blocks[which][size - 1] = which % 256;
		sizes[which] = size;
	}
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	return NULL;
}

static void memory(void)
{
	pthread_t threads[THREADS];
	void *result;
	int good = 1;

	check("malloc, one thread", !allocates((void *)1));
	for (long i = 0; i < THREADS; i++)
		need(!pthread_create(&threads[i], NULL, allocates, (void *)(i + 2)));
	for (int i = 0; i < THREADS; i++)
		good &= !pthread_join(threads[i], &result) && !result;
	check("malloc, 8 threads", good);
	char *big = malloc(100 << 20);
	check("100 MiB, one page of it touched", big && (big[50 << 20] = 1));
	free(big);
}

static void processes(void)
{
	char *argv[] = {"sh", "-c", "exit 4", NULL}, *envp[] = {"PATH=/bin", NULL};
	int status;
	pid_t pid;

	check("posix_spawn", !posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, envp) &&
				     waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 4);
	check("posix_spawnp: none",
	      posix_spawnp(&pid, "no-such", NULL, NULL, argv, envp) == ENOENT);
	check("sysconf", sysconf(_SC_NPROCESSORS_ONLN) > 0 && sysconf(_SC_PHYS_PAGES) > 0);
	char name[64];
	check("gethostname", !gethostname(name, sizeof name));
}

int main(void)
{
	streams();
	the_language();
	memory();
	processes();
	return check_end();
}
