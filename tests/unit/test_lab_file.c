/* SPDX-License-Identifier: MIT
 *
 * NAME.lab: what is read from it, and each mistake with the line it is in.
 */
#include "lab/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char good[] = "# a comment\n"
			   "[lab]\n"
			   "title   = What it costs\n"
			   "chapter = Time\n"
			   "needs = cpus:2\n"
			   "\n"
			   "[run guest]\n"
			   "vm = --memory 128M\n"
			   "  --cpus 2\n"
			   "program = cost -n 3\n"
			   "quick = cost\n"
			   "status = 3\n"
			   "timeout = 20\n"
			   "stats = counters\r\n"
			   "[run host]\n"
			   "host = x=1; echo $x = $x\n"
			   "[figure one-call]\n"
			   "table = cost\n"
			   "kind = steps\n"
			   "x = n\n"
			   "y = a,b\n"
			   "log = xy\n"
			   "[shape]\n"
			   "it is so = cost.a[where=guest] >\n"
			   "   cost.a[where=host]\n";

static int parse(const char *text, struct lab *lab, char error[LAB_ERROR_MAX])
{
	error[0] = '\0';
	return lab_file_parse("some/where/my-lab.lab", strdup(text), lab, error);
}

static void test_all_of_it(void **state)
{
	char error[LAB_ERROR_MAX];
	struct lab lab;

	(void)state;
	if (parse(good, &lab, error) != 0)
		fail_msg("%s", error);
	assert_string_equal(lab.name, "my-lab");
	assert_string_equal(lab.title, "What it costs");
	assert_string_equal(lab.needs, "cpus:2");
	assert_int_equal(lab.run_count, 2);
	assert_int_equal(lab.run[0].kind, LAB_RUN_VM);
	assert_string_equal(lab.run[0].by_kind[LAB_RUN_VM], "--memory 128M --cpus 2");
	assert_string_equal(lab.run[0].program, "cost -n 3");
	assert_string_equal(lab.run[0].stats, "counters");
	assert_int_equal(lab.run[0].status, 3);
	assert_int_equal(lab.run[0].timeout_s, 20);
	assert_int_equal(lab.run[1].kind, LAB_RUN_HOST);
	assert_string_equal(lab.run[1].by_kind[LAB_RUN_HOST], "x=1; echo $x = $x");
	assert_int_equal(lab.run[1].timeout_s, 60);
	assert_null(lab.run[1].program);
	assert_int_equal(lab.figure_count, 1);
	assert_int_equal(lab.figure[0].kind, LAB_FIGURE_STEPS);
	assert_string_equal(lab.figure[0].y, "a,b");
	assert_int_equal(lab.shape_count, 1);
	assert_string_equal(lab.shape[0].says, "it is so");
	assert_string_equal(lab.shape[0].expression, "cost.a[where=guest] > cost.a[where=host]");
	assert_ptr_equal(lab_find_run(&lab, "hostile", 4), &lab.run[1]);
	assert_null(lab_find_run(&lab, "hostile", 7));
	lab_file_free(&lab);
}

#define LAB "[lab]\ntitle=t\nchapter=c\n"
#define RUN LAB "[run a]\nhost=true\n"

static void test_mistakes(void **state)
{
	static const struct {
		const char *text, *says;
	} mistakes[] = {
		{"", ":1: [lab] needs title and chapter"},
		{"[lab]\ntitle=t\n", ":1: [lab] needs title and chapter"},
		{LAB, ":1: no [run NAME]"},
		{"title = x\n", ":1: 'title' stands before the first section"},
		{"  title\n", ":1: a line that begins with a blank"},
		{"[lab]\n x\n", ":2: a line that begins with a blank"},
		{"[lab\n", ":1: a section is a line like"},
		{"[lab] x\n", ":1: a section is a line like"},
		{"[lab x]\n", ":1: [lab] has no name"},
		{"[labs]\n", ":1: there is no section [labs]"},
		{"[run]\n", ":1: [run] needs a name"},
		{"[run a b]\n", ":1: [run] needs a name"},
		{"[run ../a]\n", ":1: [run] needs a name"},
		{"[lab]\nwhat\n", ":2: neither [section] nor"},
		{"[lab]\n= x\n", ":2: no key before '='"},
		{"[lab]\ncolour = x\n", ":2: there is no key 'colour'"},
		{"[lab]\ntitle=a\ntitle=b\n", ":3: 'title' is there twice"},
		{RUN "[run a]\nhost=x\n", ":6: there is a run 'a' already"},
		{LAB "[run a]\n", ":4: [run a] needs one of vm"},
		{LAB "[run a]\nvm=\nhost=x\n", ":4: [run a] needs one of vm"},
		{LAB "[run a]\nqemu=\n", ":4: [run a] needs a program"},
		{LAB "[run a]\nhost=x\nprogram=x\n", ":4: [run a]: program, cmdline and under"},
		{LAB "[run a]\nvm=\nquick=x\n", ":4: [run a]: quick without a program"},
		{LAB "[run a]\nhost=x\nstats=x\n", ":4: [run a]: stats are vitrine's"},
		{RUN "status=256\n", ":4: status = 256: write a number up to 255"},
		{RUN "timeout=-1\n", ":4: timeout = -1: write a number"},
		{RUN "timeout=1x\n", ":4: timeout = 1x: write a number"},
		{RUN "[figure f]\nkind=bars\n", ":6: [figure f] needs table, kind, x and y"},
		{RUN "[figure f]\ntable=t\nkind=pie\nx=a\ny=b\n",
		 ":6: [figure f]: there is no kind"},
		{RUN "[figure f]\ntable=t\nkind=gantt\nx=a\ny=b\n", "two columns: from,to"},
		{RUN "[figure f]\ntable=t\nkind=heat\nx=a\ny=b\n", "the column of the colour"},
		{RUN "[figure f]\ntable=t\nkind=bars\nx=a\ny=b\nlog=z\n", "log is x, y or xy"},
		{RUN "[figure f]\n[figure f]\n", ":7: there is a figure 'f' already"},
		{RUN "[shape]\nso = 1 <\n", ":7: it ends too early"},
		{RUN "[shape]\nok = 1 < 2\nso = a.b\n", ":8: it compares nothing"},
	};
	char error[LAB_ERROR_MAX];
	struct lab lab;

	(void)state;
	for (unsigned i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		if (parse(mistakes[i].text, &lab, error) == 0)
			fail_msg("accepted: %s", mistakes[i].text);
		if (strncmp(error, "some/where/my-lab.lab:", 22) != 0 ||
		    !strstr(error, mistakes[i].says))
			fail_msg("'%s', not '%s'", error, mistakes[i].says);
	}
}

/* More of each than there is room for. */
static void test_too_many(void **state)
{
	static const char *const part[] = {"[run r%u]\nhost=x\n", "[figure f%u]\n",
					   "s%u = 1 < 2\n"};
	char error[LAB_ERROR_MAX], *text;
	struct lab lab;

	(void)state;
	for (unsigned p = 0; p < 3; p++) {
		size_t size;
		FILE *out = open_memstream(&text, &size);

		fputs(RUN "[shape]\n", out);
		for (unsigned i = 0; i < 100; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			fprintf(out, part[p], i);
#pragma GCC diagnostic pop
		}
		fclose(out);
		assert_int_not_equal(parse(text, &lab, error), 0);
		assert_non_null(strstr(error, "more than "));
		free(text);
	}
}

static void test_no_file(void **state)
{
	char error[LAB_ERROR_MAX];
	struct lab lab;

	(void)state;
	assert_int_not_equal(lab_file_read("/nowhere/x.lab", &lab, error), 0);
	assert_string_equal(error, "/nowhere/x.lab: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_it),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
