/* SPDX-License-Identifier: MIT
 *
 * Rows of tables, what a hostile guest prints instead, CSV, and vitrine's counters as rows.
 */
#include "lab/table.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lab/stats_rows.h"

static int add(struct tables *tables, const char *row)
{
	char error[80] = "";

	return tables_add(tables, row, "guest", error, sizeof(error));
}

static const char *cell(const struct tables *tables, const char *name, unsigned row,
			const char *column)
{
	const struct table *table = tables_find(tables, name, strlen(name));

	assert_non_null(table);
	assert_true(row < table->row_count);
	return table_cell(table, row, table_column(table, column, strlen(column)));
}

static void test_rows(void **state)
{
	struct tables tables = {0};

	(void)state;
	assert_int_equal(add(&tables, "cost call=getppid ns=12.5"), 0);
	assert_int_equal(add(&tables, "cost  call=\"read 4K\"   ns=99 more=\"\" "), 0);
	assert_int_equal(add(&tables, "empty"), 0);
	assert_int_equal(tables.count, 2);
	assert_string_equal(cell(&tables, "cost", 0, "call"), "getppid");
	assert_string_equal(cell(&tables, "cost", 0, "more"), "");
	assert_string_equal(cell(&tables, "cost", 1, "call"), "read 4K");
	assert_string_equal(cell(&tables, "cost", 1, "where"), "guest");
	assert_string_equal(cell(&tables, "cost", 1, "nothing"), "");
	assert_string_equal(cell(&tables, "empty", 0, "where"), "guest");
	assert_null(tables_find(&tables, "costs", 5));
	assert_non_null(tables_find(&tables, "costs", 4));
	tables_free(&tables);
}

static void test_no_rows(void **state)
{
	static const char *const bad[] = {
		"",	      " cost a=1",     "=",	      "-x a=1",
		"cost a",     "cost =1",       "cost a=1 b",  "cost a b=1",
		"cost a=\"1", "cost a=\"1\"2", "c\x01st a=1", "cost a.b=1"};
	struct tables tables = {0};

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (add(&tables, bad[i]) != -EINVAL)
			fail_msg("'%s' is no row", bad[i]);
	tables_free(&tables);
}

static void test_too_much(void **state)
{
	struct tables tables = {0};
	char row[128];
	int err = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(row, sizeof(row), "table%u a=1", i);
		err = add(&tables, row);
	}
	assert_int_equal(err, -E2BIG);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(row, sizeof(row), "table0 a%u=1", i);
		err = add(&tables, row);
	}
	assert_int_equal(err, -E2BIG);
	for (unsigned i = 0; i < 300000; i++)
		err = add(&tables, "table1 a=1");
	assert_int_equal(err, -E2BIG);
	assert_int_equal(tables_find(&tables, "table1", 6)->row_count, 200000);
	tables_free(&tables);
}

static void test_numbers(void **state)
{
	static const char *const bad[] = {"", "x", "1x", "nan", "inf", "1e999", "--1"};
	double number;

	(void)state;
	assert_true(table_number("-1.5e3", &number) && number < -1499 && number > -1501);
	assert_true(table_number("0x10", &number) && number > 15 && number < 17);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(table_number(bad[i], &number));
}

static void test_csv(void **state)
{
	struct tables tables = {0};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	add(&tables, "t a=1 b=\"two, three\"");
	add(&tables, "t a=say'so c=4");
	assert_int_equal(table_write_csv(tables_find(&tables, "t", 1), out), 0);
	fclose(out);
	assert_string_equal(text, "a,b,where,c\n1,\"two, three\",guest,\nsay'so,,guest,4\n");
	free(text);
	tables_free(&tables);
}

static void test_csv_quotes(void **state)
{
	char quoted[] = "he said \"no\"", lines[] = "a\nb", where[] = "guest";
	char *cells[] = {quoted, lines}, *columns[] = {where, where};
	struct table_row row = {cells, 2};
	const struct table table = {
		.column = columns, .column_count = 2, .row = &row, .row_count = 1};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	table_write_csv(&table, out);
	fclose(out);
	assert_string_equal(text, "guest,guest\n\"he said \"\"no\"\"\",\"a\nb\"\n");
	free(text);
}

static const char counters[] =
	"{\n \"image\": \"a \\\"b\\\"\", \"exits_total\": 150, \"rate\": 4.5e1, \"ok\": true,\n"
	" \"exits\": {\"pio_write\": 79, \"hlt\": 0},\n"
	" \"vcpus\": [{\"vcpu\": 1, \"exits\": {\"hlt\": 7}}], \"none\": [], \"nothing\": {},\n"
	" \"windows\": [{\"device\": \"com1\", \"region\": 2, \"reads\": 3}],\n"
	" \"queues\": [{\"device\": \"disk0\", \"model\": \"virtio\", \"queue\": \"q0\", \"kicks\": 5,"
	" \"depth\": [8, 9]}],\n"
	" \"figures\": [{\"device\": \"b0\", \"figure\": \"bytes\", \"value\": 11}]\n}\n";

static void test_counters(void **state)
{
	static const char *const expected[][2] = {
		{"exits_total", "150"},		  {"rate", "4.5e1"},
		{"exits.pio_write", "79"},	  {"exits.hlt", "0"},
		{"vcpus.1.exits.hlt", "7"},	  {"windows.com1.2.reads", "3"},
		{"queues.disk0.q0.kicks", "5"},	  {"queues.disk0.q0.depth.0", "8"},
		{"queues.disk0.q0.depth.1", "9"}, {"figures.b0.bytes", "11"},
	};
	const unsigned count = sizeof(expected) / sizeof(*expected);
	struct tables tables = {0};

	(void)state;
	assert_int_equal(stats_rows_add(&tables, "vm", "guest", counters), 0);
	assert_int_equal(tables_find(&tables, "vm", 2)->row_count, count);
	for (unsigned i = 0; i < count; i++) {
		assert_string_equal(cell(&tables, "vm", i, "name"), expected[i][0]);
		assert_string_equal(cell(&tables, "vm", i, "value"), expected[i][1]);
		assert_string_equal(cell(&tables, "vm", i, "where"), "guest");
	}
	tables_free(&tables);
}

/* Cut off anywhere it is an error, never more than that. */
static void test_counters_damaged(void **state)
{
	static const char *const bad[] = {
		"",	     "[",	  "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
		"{a:1}",     "{\"a\" 1}", "{\"a\":}",
		"{\"a\":1,}"};
	char copy[sizeof(counters)];

	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct tables tables = {0};

		assert_int_equal(stats_rows_add(&tables, "vm", "g", bad[i]), -EINVAL);
		tables_free(&tables);
	}
	for (size_t length = 0; length + 2 < sizeof(counters); length++) {
		struct tables tables = {0};

		memcpy(copy, counters, length);
		copy[length] = '\0';
		assert_int_equal(stats_rows_add(&tables, "vm", "g", copy), -EINVAL);
		tables_free(&tables);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	 cmocka_unit_test(test_no_rows),
		cmocka_unit_test(test_too_much), cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_csv),	 cmocka_unit_test(test_csv_quotes),
		cmocka_unit_test(test_counters), cmocka_unit_test(test_counters_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
