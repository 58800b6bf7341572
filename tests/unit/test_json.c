/* SPDX-License-Identifier: MIT
 *
 * The JSON writer: exact text where it is simple, python3's opinion where it is not.
 */
#include "observe/json.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "python_json.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

struct text {
	char *data;
	size_t size;
	FILE *out;
};

static void start(struct text *t, struct json *j)
{
	t->out = open_memstream(&t->data, &t->size);
	assert_non_null(t->out);
	json_open(j, t->out);
}

static void end(struct text *t, struct json *j)
{
	assert_int_equal(json_close(j), 0);
	fclose(t->out);
}

static void expect(struct text *t, const char *expression, const char *wanted)
{
	char answer[512];

	assert_int_equal(python_json(t->data, t->size, expression, answer, sizeof(answer)), 0);
	assert_string_equal(answer, wanted);
}

static void writes_containers(void **state)
{
	struct text t;
	struct json j;

	(void)state;
	start(&t, &j);
	json_object(&j, NULL);
	json_u64(&j, "a", 1);
	json_array(&j, "b");
	json_u64(&j, NULL, 2);
	json_object(&j, NULL);
	json_end(&j);
	json_array(&j, NULL);
	json_end(&j);
	json_end(&j);
	json_object(&j, "c");
	json_bool(&j, "d", true);
	json_end(&j);
	json_end(&j);
	end(&t, &j);
	assert_string_equal(t.data, "{\n  \"a\": 1,\n  \"b\": [\n    2,\n    {},\n    []\n  ],\n"
				    "  \"c\": {\n    \"d\": true\n  }\n}\n");
	expect(&t, "d", "{'a': 1, 'b': [2, {}, []], 'c': {'d': True}}");
	free(t.data);
}

static void top_level_may_be_anything(void **state)
{
	struct text t;
	struct json j;

	(void)state;
	start(&t, &j);
	json_array(&j, NULL);
	json_end(&j);
	end(&t, &j);
	assert_string_equal(t.data, "[]\n");
	free(t.data);
	start(&t, &j);
	json_string(&j, NULL, NULL);
	end(&t, &j);
	assert_string_equal(t.data, "null\n");
	free(t.data);
}

static void keeps_numbers(void **state)
{
	static const double real[] = {0.0, -0.0, 0.1, 1e300, 5e-324, 1.0 / 3, 123456789.125, -2.5};
	struct text t;
	struct json j;

	(void)state;
	start(&t, &j);
	json_array(&j, NULL);
	json_u64(&j, NULL, UINT64_MAX);
	json_i64(&j, NULL, INT64_MIN);
	json_double(&j, NULL, INFINITY);
	json_double(&j, NULL, -INFINITY);
	json_double(&j, NULL, NAN);
	for (unsigned i = 0; i < COUNT(real); i++)
		json_double(&j, NULL, real[i]);
	json_end(&j);
	end(&t, &j);
	expect(&t, "d[:5]", "[18446744073709551615, -9223372036854775808, None, None, None]");
	expect(&t, "d[5:] == [0.0, -0.0, 0.1, 1e300, 5e-324, 1.0 / 3, 123456789.125, -2.5]",
	       "True");
	free(t.data);
}

static void nests_to_the_limit(void **state)
{
	struct text t;
	struct json j;

	(void)state;
	start(&t, &j);
	for (unsigned i = 0; i < JSON_DEPTH_MAX - 1; i++)
		json_array(&j, NULL);
	for (unsigned i = 0; i < JSON_DEPTH_MAX - 1; i++)
		json_end(&j);
	end(&t, &j);
	expect(&t, "str(d).count(\"[\")", "31");
	free(t.data);
}

static void escapes_strings(void **state)
{
	static const struct {
		const char *text, *ascii; /* what json.dumps() makes of it */
	} cases[] = {
		{"", "\"\""},
		{"plain", "\"plain\""},
		{"quote \" backslash \\ slash /", "\"quote \\\" backslash \\\\ slash /\""},
		{"\n\r\t\b\f\x01\x1f\x7f", "\"\\n\\r\\t\\b\\f\\u0001\\u001f\\u007f\""},
		{"\xc3\xa9", "\"\\u00e9\""},
		{"\xe2\x82\xac \xf0\x9f\x98\x80", "\"\\u20ac \\ud83d\\ude00\""},
		{"\xef\xbf\xbf\xf4\x8f\xbf\xbf", "\"\\uffff\\udbff\\udfff\""},
		/* Not UTF-8: stray, cut off, overlong, surrogate, too large, 5 bytes. */
		{"\x80", "\"\\ufffd\""},
		{"a\xff"
		 "b",
		 "\"a\\ufffdb\""},
		{"\xc3", "\"\\ufffd\""},
		{"\xe2\x82", "\"\\ufffd\\ufffd\""},
		{"\xe2\x82z", "\"\\ufffd\\ufffdz\""},
		{"\xc0\x80", "\"\\ufffd\\ufffd\""},
		{"\xe0\x80\x80", "\"\\ufffd\\ufffd\\ufffd\""},
		{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
		{"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
		{"\xf8\x88\x80\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\""},
	};

	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct text t;
		struct json j;

		start(&t, &j);
		json_string(&j, NULL, cases[i].text);
		end(&t, &j);
		expect(&t, "json.dumps(d).replace(\"\\x7f\", \"\\\\u007f\")", cases[i].ascii);
		free(t.data);
	}
}

static void escapes_keys(void **state)
{
	struct text t;
	struct json j;

	(void)state;
	start(&t, &j);
	json_object(&j, NULL);
	json_null(&j, "a \"b\"\n\xff");
	json_end(&j);
	end(&t, &j);
	expect(&t, "json.dumps(d)", "{\"a \\\"b\\\"\\n\\ufffd\": null}");
	free(t.data);
}

static void reports_a_full_disk(void **state)
{
	struct json j;
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	json_open(&j, full);
	json_u64(&j, NULL, 1);
	assert_int_equal(json_close(&j), -EIO);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_containers),   cmocka_unit_test(top_level_may_be_anything),
		cmocka_unit_test(keeps_numbers),       cmocka_unit_test(nests_to_the_limit),
		cmocka_unit_test(escapes_strings),     cmocka_unit_test(escapes_keys),
		cmocka_unit_test(reports_a_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
