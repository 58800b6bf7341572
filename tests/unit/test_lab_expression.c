/* SPDX-License-Identifier: MIT
 *
 * What labs say of their data: verdicts, the numbers told with them, and what can't be said.
 */
#include "lab/expression.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const rows[][2] = {
	{"guest", "cost call=getppid ns=500 size=16"},
	{"guest", "cost call=read-4K ns=900 size=16.0"},
	{"host", "cost call=getppid ns=100 size=0x10"},
	{"host", "cost call=read-4K ns=150"},
	{"guest", "run n=1 ms=10 who=a"},
	{"guest", "run n=2 ms=19 who=a"},
	{"guest", "run n=4 ms=18.5 who=b"},
	{"guest", "run n=8 ms=80 who=\"b c\""},
};

static bool is_left_out(void *ctx, const char *run)
{
	(void)ctx;
	return !run || strcmp(run, "qemu") == 0;
}

static bool is_never_left_out(void *ctx, const char *run)
{
	(void)ctx;
	(void)run;
	return false;
}

static enum expression_verdict evaluate(const char *text, char detail[EXPRESSION_DETAIL_MAX],
					bool may_be_left_out)
{
	struct tables tables = {0};
	const struct expression_data data = {
		&tables, may_be_left_out ? is_left_out : is_never_left_out, NULL};
	enum expression_verdict verdict;
	char error[80];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(tables_add(&tables, rows[i][1], rows[i][0], error, sizeof(error)),
				 0);
	verdict = expression_evaluate(text, &data, detail);
	tables_free(&tables);
	return verdict;
}

static void test_verdicts(void **state)
{
	static const struct {
		const char *text;
		bool is_true;
		const char *detail;
	} cases[] = {
		{"1 < 2", true, "1 < 2"},
		{"2<1", false, "2 < 1"},
		{"1 = 1.0", true, NULL},
		{"1 == 1", true, NULL},
		{"1 != 1", false, NULL},
		{"1 <= 1 >= 1", true, "1 <= 1 >= 1"},
		{"1 < 2 < 2", false, "1 < 2 < 2"},
		{"1 + 2 * 3 = 7", true, "7 = 7"},
		{"(1 + 2) * 3 = 9", true, NULL},
		{"10 - 2 - 3 = 5", true, NULL},
		{"12 / 2 / 3 = 2", true, NULL},
		{"-2 * -3 = 6", true, NULL},
		{"1 - -1 = 2", true, NULL},
		{"not 1 < 2", false, NULL},
		{"not (1 < 2 and 2 < 1)", true, NULL},
		{"1 > 2 or 2 > 1 and 1 > 2", false, NULL},
		{"1 < 2 or 2 > 1 and 1 > 2", true, NULL},
		{"(1 < 2) and (2 < 3)", true, "1 < 2, 2 < 3"},
		{"cost.ns[where=guest,call=getppid] > 4 * cost.ns[where=host, call=getppid]", true,
		 "500 > 400"},
		{"cost.ns[call = read-4K, where = host] = 150", true, NULL},
		{"cost.ns[where!=guest,call!=getppid] = 150", true, NULL},
		{"cost.ns[where=guest,size=16,call=read-4K] = 900", true, NULL},
		{"cost.ns[where=host,size=16] = 100", true, NULL},
		{"run.n[who=\"b c\"] = 8", true, NULL},
		{"run.who[n=1] = \"a\"", true, "\"a\" = \"a\""},
		{"run.who[n=1] != \"a\"", false, NULL},
		{"count(run) = 4", true, NULL},
		{"count(run[who=a]) = 2", true, NULL},
		{"count(run.who[who=z]) = 0", true, NULL},
		{"count(cost.size) = 3", true, NULL},
		{"sum(run.n) = 15 and mean(run.n[who=a]) = 1.5", true, NULL},
		{"min(run.ms) = 10 and max(run.ms) = 80", true, NULL},
		{"first(run.n) = 1 and last(run.n) = 8", true, NULL},
		{"rising(run.n)", true, "1 2 4 8"},
		{"rising(run.ms)", false, NULL},
		{"rising(run.ms, 10)", true, NULL},
		{"falling(run.n)", false, NULL},
		{"not falling(run.n, 99) and rising(run.n)", true, NULL},
		{"near(99, 100, 1)", true, "99 ~ 100"},
		{"near(98, 100, 1)", false, NULL},
		{"near(run.ms[n=2], run.ms[n=4], 5)", true, NULL},
		{"max(run.n) - min(run.n) = 7", true, NULL},
	};
	char detail[EXPRESSION_DETAIL_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const enum expression_verdict verdict = evaluate(cases[i].text, detail, false);

		if (verdict != (cases[i].is_true ? EXPRESSION_TRUE : EXPRESSION_FALSE))
			fail_msg("%s: verdict %d, %s", cases[i].text, verdict, detail);
		if (cases[i].detail)
			assert_string_equal(detail, cases[i].detail);
		assert_int_equal(expression_check(cases[i].text, detail, sizeof(detail)), 0);
	}
}

/* The text can be read, but not said of these data. */
static void test_not_of_these_data(void **state)
{
	static const char *const cases[][2] = {
		{"nothing.ns > 1", "there is no table 'nothing'"},
		{"count(nothing) = 0", "there is no table 'nothing'"},
		{"cost.cycles > 1", "table cost has no column 'cycles'"},
		{"cost.ns[cull=x] > 1", "table cost has no column 'cull'"},
		{"cost.ns > 1", "4 rows match cost.ns; say which"},
		{"cost.ns[call=fork] > 1", "0 rows match cost.ns[call=fork]"},
		{"max(cost.ns[call=fork]) > 1", "0 rows match"},
		{"max(cost.call) > 1", "no numbers"},
		{"rising(run.n[n=1])", "too few for rising()"},
		{"run.who[n=1] > \"a\"", "texts are compared by ="},
		{"run.who[n=1] = 1", "texts are compared by ="},
		{"run.who[n=1] + 1 = 2", "a text where a number is needed"},
		{"1 / (run.n[n=1] - 1) = 2", "1 is divided by 0"},
	};
	char detail[EXPRESSION_DETAIL_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (expression_check(cases[i][0], detail, sizeof(detail)) != 0)
			fail_msg("%s: %s", cases[i][0], detail);
		assert_int_equal(evaluate(cases[i][0], detail, false), EXPRESSION_ERROR);
		if (!strstr(detail, cases[i][1]))
			fail_msg("%s: '%s'", cases[i][0], detail);
	}
}

static void test_left_out(void **state)
{
	char detail[EXPRESSION_DETAIL_MAX];

	(void)state;
	assert_int_equal(evaluate("cost.ns[where=qemu,call=getppid] > 1", detail, true),
			 EXPRESSION_LEFT_OUT);
	assert_string_equal(detail, "run qemu was left out");
	assert_int_equal(evaluate("1 < 2 and count(cost[where=qemu]) = 0", detail, true),
			 EXPRESSION_LEFT_OUT);
	assert_int_equal(evaluate("other.ns > 1", detail, true), EXPRESSION_LEFT_OUT);
	assert_int_equal(evaluate("cost.ns[where=nobody,call=getppid] > 1", detail, true),
			 EXPRESSION_ERROR);
}

static void test_unreadable(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"1",
		"\"a\"",
		"cost.ns",
		"1 <",
		"< 1",
		"1 < 2 3",
		"(1 < 2",
		"1 < 2)",
		"1 + < 2",
		"cost > 1",
		"cost. > 1",
		"cost.ns[ > 1",
		"cost.ns[call] > 1",
		"cost.ns[call=a > 1",
		"cost.ns[=a] > 1",
		"cost.ns[a=\"b] > 1",
		"cost.ns[] > 1",
		"cost.ns[a=1]] > 1",
		"\"a = 1",
		"median(cost.ns) > 1",
		"max() > 1",
		"max(cost) > 1",
		"max(cost.ns > 1",
		"near(1, 2) ",
		"near(1 2 3)",
		"rising(cost.ns, )",
		"1 < 2 and",
		"not",
		"1 ! 2",
		"$",
		"a.b[a=1,b=2,c=3,d=4,e=5,f=6,g=7,h=8,i=9] > 1",
	};
	char detail[EXPRESSION_DETAIL_MAX];

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (expression_check(bad[i], detail, sizeof(detail)) == 0 || !detail[0])
			fail_msg("'%s' can be read", bad[i]);
}

/* Neither the stack nor the text that is told overflows. */
static void test_deep_and_long(void **state)
{
	static const char *const parts[] = {"(", "-", "not ", "1 < 2 < 3 and ", "max(", "near("};
	char detail[EXPRESSION_DETAIL_MAX];
	const size_t size = 1 << 20;
	char *text = malloc(size);

	(void)state;
	for (unsigned p = 0; p < sizeof(parts) / sizeof(*parts); p++) {
		size_t length = 0;

		while (length + 16 < size) {
			memcpy(text + length, parts[p], strlen(parts[p]));
			length += strlen(parts[p]);
		}
		text[length] = '\0';
		assert_int_equal(evaluate(text, detail, false), EXPRESSION_ERROR);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),      cmocka_unit_test(test_not_of_these_data),
		cmocka_unit_test(test_left_out),      cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_deep_and_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
