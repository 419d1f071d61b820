/* SPDX-License-Identifier: MIT */
/* Reading files of rules: strict, bounded, and one line that names file and place. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "lib/rules/rules.h"
#include "tests/unit/test_rules.h"

static struct lend_error error;

static int load(struct rules **out)
{
	error.text[0] = '\0';
	return rules_load(rules_directory(), out, &error);
}

/* Refused, with one line that begins with the file and has `says`. */
static void refused(const char *says)
{
	struct rules *rules;
	char path[128];
	int ret = load(&rules);

	snprintf(path, sizeof(path), "%s/rules.json", rules_directory());
	if (ret != -EINVAL)
		fail_msg("%s: %d instead of -EINVAL", says, ret);
	assert_null(rules);
	if (!strstr(error.text, says))
		fail_msg("'%s' does not say '%s'", error.text, says);
	assert_null(strchr(error.text, '\n'));
	assert_int_equal(strncmp(error.text, path, strlen(path)), 0);
}

static void what_is_wrong_with_a_file(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "line 1, column 0: "},
		{"[", "line 1, column 1: "},
		{"[\n  {\"match\": }\n]", "line 2, column "},
		{"[{\"match\": {\"vendor\": \"8086\"}}] x", "line 1, column "},
		{"[{\"match\": {\"vendor\": \"8086\"}, \"match\": {\"vendor\": \"8086\"}}]",
		 "line 1, column "},
		{"{\"match\": {\"vendor\": \"8086\"}}", "is no list of rules"},
		{"[1]", "rule 1: is no object"},
		{"[{}]", "rule 1: it has no match"},
		{"[{\"match\": {}}]", "rule 1: match is empty"},
		{"[{\"match\": []}]", "rule 1: is no object"},
		{"[{\"match\": {\"vendor\": 32902}}]", "rule 1: vendor is not four"},
		{"[{\"match\": {\"vendor\": \"0x8086\"}}]", "vendor is not four"},
		{"[{\"match\": {\"vendor\": \"808\"}}]", "vendor is not four"},
		{"[{\"match\": {\"vendor\": \"80 6\"}}]", "vendor is not four"},
		{"[{\"match\": {\"vendor\": null}}]", "vendor is not four"},
		{"[{\"match\": {\"class\": \"030\"}}]", "class is not 2, 4 or 6"},
		{"[{\"match\": {\"class\": 3}}]", "class is not 2, 4 or 6"},
		{"[{\"match\": {\"class\": \"zz\"}}]", "class is not 2, 4 or 6"},
		{"[{\"match\": {\"Vendor\": \"8086\"}}]", "there is no key 'Vendor'"},
#define RULE(rest) "[{\"match\": {\"vendor\": \"8086\"}}, {\"match\": {\"vendor\": \"8086\"}, " rest "}]"
		{RULE("\"deny-rom\": true"), "rule 2: there is no key 'deny-rom'"},
		{RULE("\"deny_rom\": 1"), "rule 2: deny_rom is neither true nor false"},
		{RULE("\"forbid_intx\": \"yes\""), "forbid_intx is neither"},
		{RULE("\"strict_config\": null"), "strict_config is neither"},
		{RULE("\"comment\": 5"), "comment is no text"},
		{RULE("\"deny_capabilities\": 5"), "deny_capabilities is no list"},
		{RULE("\"deny_capabilities\": [256]"), "deny_capabilities is 0x100, the most is 0xff"},
		{RULE("\"deny_capabilities\": [-1]"), "deny_capabilities is no number"},
		{RULE("\"deny_capabilities\": [1.0]"), "deny_capabilities is no number"},
		{RULE("\"deny_capabilities\": [\"5\"]"), "deny_capabilities is no number"},
		{RULE("\"deny_capabilities\": [\"0x\"]"), "deny_capabilities is no number"},
		{RULE("\"deny_capabilities\": [\"0x12345678123456781\"]"), "deny_capabilities is no number"},
		{RULE("\"deny_extended_capabilities\": [65536]"), "the most is 0xffff"},
		{RULE("\"close_vendor_registers\": \"1e98\""), "close_vendor_registers is no list"},
		{RULE("\"close_vendor_registers\": [\"0x1e\", 7]"),
		 "close_vendor_registers is not four hexadecimal digits"},
		{RULE("\"close_vendor_registers\": [\"0001\", 7]"),
		 "close_vendor_registers is not four hexadecimal digits"},
		{RULE("\"close_vendor_registers\": [0,0,0,0,0,0,0,0,0]"),
		 "close_vendor_registers has more than 8"},
		{RULE("\"broken_resets\": [\"FLR\"]"), "broken_resets: 'FLR' is none of"},
		{RULE("\"broken_resets\": [7]"), "broken_resets: 'that' is none of"},
		{RULE("\"broken_resets\": [\"flr\",\"flr\",\"flr\",\"flr\",\"flr\",\"flr\",\"flr\",\"flr\"]"),
		 "broken_resets has more than 7"},
		{RULE("\"trap\": {\"bar\": 0}"), "trap is no list"},
		{RULE("\"trap\": [{\"bar\": 6, \"offset\": 0, \"length\": 1}]"), "trap 1: bar is 0x6"},
		{RULE("\"trap\": [{\"bar\": 0, \"offset\": 0, \"length\": 1}, {\"bar\": 0, \"offset\": 0}]"),
		 "rule 2: trap 2: it needs"},
		{RULE("\"trap\": [{\"bar\": 0, \"offset\": 0, \"length\": 0}]"), "trap 1: it needs"},
		{RULE("\"trap\": [{\"bar\": 0, \"offset\": \"0xffffffffffffffff\", \"length\": 1}]"),
		 "trap 1: offset is 0xffffffffffffffff"},
		{RULE("\"trap\": [{\"bar\": 0, \"offset\": 0, \"size\": 1}]"),
		 "trap 1: there is no key 'size'"},
		{RULE("\"trap\": [4096]"), "trap 1: is no object"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		rules_dir(cases[i].text);
		refused(cases[i].says);
	}
}

static void kinds_of_files(void **state)
{
	char path[128], target[128];

	(void)state;
	rules_empty();
	snprintf(path, sizeof(path), "%s/rules.json", rules_directory());
	assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
	refused("is no regular file");
	rules_empty();
	assert_int_equal(symlink("rules.json", path), 0);
	refused("symbolic links");
	rules_empty();
	assert_int_equal(symlink("/dev/null", path), 0);
	refused("is no regular file");
	rules_empty();
	assert_int_equal(symlink("nowhere", path), 0);
	refused("No such file");
	rules_empty();
	assert_int_equal(mkdir(path, 0700), 0);
	refused("is no regular file");
	assert_int_equal(rmdir(path), 0);
	/* A link to a file is fine, as packages that manage /etc make them. */
	rules_put("target", "[]", 2);
	snprintf(target, sizeof(target), "%s/target", rules_directory());
	assert_int_equal(symlink(target, path), 0);
	struct rules *rules;

	assert_int_equal(load(&rules), 0);
	assert_int_equal(rules->count, 0);
	rules_free(rules);
}

static void sizes(void **state)
{
	char *text = malloc(RULES_FILE_BYTES + 2);
	struct rules *rules;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', RULES_FILE_BYTES + 2);
	text[0] = '[';
	text[1] = ']';
	rules_empty();
	rules_put("rules.json", text, RULES_FILE_BYTES);
	assert_int_equal(load(&rules), 0);
	rules_free(rules);
	rules_put("rules.json", text, RULES_FILE_BYTES + 1);
	refused("has 65537 bytes");
	/* Bytes of 0 and what is no UTF-8. */
	rules_put("rules.json", "[\0]", 3);
	refused("line 1");
	rules_put("rules.json", "[\"\xff\"]", 5);
	refused("line 1");
	/* Nested as deep as fits. */
	memset(text, '[', RULES_FILE_BYTES);
	rules_put("rules.json", text, RULES_FILE_BYTES);
	refused("line 1");
	free(text);
}

static void numbers_of_files_and_rules(void **state)
{
	static const char one[] = "{\"match\": {\"vendor\": \"8086\"}}";
	char text[RULES_FILE_BYTES] = "[", name[32];
	struct rules *rules;

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		strcat(text, i ? "," : "");
		strcat(text, one);
	}
	strcat(text, "]");
	rules_dir(text);
	assert_int_equal(load(&rules), 0);
	assert_int_equal(rules->count, 200);
	rules_free(rules);
	rules_put("20.json", text, strlen(text)); /* comes first, by its name */
	refused("rule 57: more than 256 rules");
	rules_empty();
	for (unsigned i = 0; i < RULES_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "%02u.json", i);
		rules_put(name, "[]", 2);
	}
	assert_int_equal(load(&rules), 0);
	rules_free(rules);
	rules_put("zz.json", "[]", 2);
	assert_int_equal(load(&rules), -EINVAL);
	assert_non_null(strstr(error.text, "more than 64 files"));
}

static void names_and_order(void **state)
{
	static const char a[] = "[{\"match\": {\"vendor\": \"000a\"}}]";
	static const char b[] = "[{\"match\": {\"vendor\": \"000b\"}}]";
	struct rules *rules;

	(void)state;
	rules_empty();
	rules_put("20-b.json", b, strlen(b));
	rules_put("10-a.json", a, strlen(a));
	rules_put(".30-hidden.json", "no", 2);
	rules_put("README", "no", 2);
	rules_put("40-x.json~", "no", 2);
	rules_put(".json", "no", 2);
	assert_int_equal(load(&rules), 0);
	assert_int_equal(rules->count, 2);
	assert_int_equal(rules->rule[0].match.vendor, 0xa);
	assert_int_equal(rules->rule[1].match.vendor, 0xb);
	assert_string_equal(rules->rule[1].place, "20-b.json, rule 1");
	rules_free(rules);
	rules_empty();
	assert_int_equal(load(&rules), 0);
	assert_null(rules);
	/* A name that would be two lines. */
	rules_put("a\nb.json", a, strlen(a));
	assert_int_equal(load(&rules), 0);
	assert_string_equal(rules->rule[0].place, "a?b.json, rule 1");
	rules_free(rules);
	rules_put("a\nb.json", "no", 2);
	assert_int_equal(load(&rules), -EINVAL);
	assert_null(strchr(error.text, '\n'));
	assert_int_equal(rules_load("/nowhere/at/all", &rules, &error), 0);
	assert_null(rules);
	assert_int_equal(rules_load("/dev/null", &rules, &error), -ENOTDIR);
	assert_non_null(strstr(error.text, "/dev/null"));
}

/* The example cut short anywhere, and with any byte another: read or refused, and never more than that. */
static void damaged_files(void **state)
{
	static const char others[] = {0, '"', '[', ']', '{', '}', ',', ':', '9', 'x', '\\', (char)0xff};
	FILE *file = fopen("examples/quirks.d/10-example.json", "r");
	char text[2048], damaged[2048];
	struct rules *rules;
	size_t length;
	unsigned read = 0;

	(void)state;
	assert_non_null(file);
	length = fread(text, 1, sizeof(text), file);
	fclose(file);
	assert_true(length > 100 && length < sizeof(text));
	rules_empty();
	for (size_t i = 0; i < length - 2; i++) {
		rules_put("rules.json", text, i);
		refused("");
	}
	for (size_t i = 0; i < length; i++) {
		for (size_t j = 0; j < sizeof(others); j++) {
			memcpy(damaged, text, length);
			damaged[i] = others[j];
			rules_put("rules.json", damaged, length);
			if (load(&rules)) {
				refused("");
				continue;
			}
			read++;
			assert_true(rules->count <= 2);
			rules_free(rules);
		}
	}
	assert_true(read > 0 && read < length * sizeof(others) / 2);
}

static void all_keys(void **state)
{
	struct rules *rules;
	const struct rule *rule;

	(void)state;
	rules_dir("[{\"comment\": \"all\", \"match\": {\"vendor\": \"10DE\", \"device\": \"1234\", "
		  "\"subsystem_vendor\": \"0001\", \"subsystem\": \"0002\", \"class\": \"0300\"}, "
		  "\"deny_capabilities\": [5, \"0x11\"], \"deny_extended_capabilities\": [\"0x10\"], "
		  "\"trap\": [{\"bar\": 5, \"offset\": \"0x10\", \"length\": 8}], \"forbid_intx\": true, "
		  "\"deny_rom\": false, \"broken_resets\": [\"flr\", \"cxl_bus\"], \"strict_config\": true, "
		  "\"close_vendor_registers\": [\"1E98\", \"8086\"]}]");
	assert_int_equal(load(&rules), 0);
	assert_int_equal(rules->count, 1);
	rule = &rules->rule[0];
	assert_int_equal(rule->match.vendor, 0x10de);
	assert_int_equal(rule->match.subsystem, 2);
	assert_int_equal(rule->match.class_code, 0x030000);
	assert_int_equal(rule->match.class_mask, 0xffff00);
	assert_int_equal(rule->cap_count, 2);
	assert_int_equal(rule->caps[1], 0x11);
	assert_int_equal(rule->extended[0], 0x10);
	assert_int_equal(rule->vendor_count, 2);
	assert_int_equal(rule->vendors[0], 0x1e98);
	assert_int_equal(rule->vendors[1], 0x8086);
	assert_int_equal(rule->trap_count, 1);
	assert_int_equal(rule->traps[0].bar, 5);
	assert_int_equal(rule->traps[0].offset, 0x10);
	assert_int_equal(rule->traps[0].length, 8);
	assert_true(rule->forbid_intx);
	assert_false(rule->deny_rom);
	assert_true(rule->strict);
	assert_int_equal(rule->broken_resets, 1u << 2 | 1u << 6);
	rules_free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_with_a_file),
		cmocka_unit_test(kinds_of_files),
		cmocka_unit_test(sizes),
		cmocka_unit_test(numbers_of_files_and_rules),
		cmocka_unit_test(names_and_order),
		cmocka_unit_test(all_keys),
		cmocka_unit_test(damaged_files),
	};

	return cmocka_run_group_tests_name("rules_file", tests, NULL, rules_clean);
}
