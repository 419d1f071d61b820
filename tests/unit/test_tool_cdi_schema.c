/* SPDX-License-Identifier: MIT */
/* The rules that the files of lend cdi are held against (cdi_schema.h). */
#include "tests/unit/cmocka.h"

#include "tests/unit/cdi_schema.h"

/* The rules see what breaks them: each text is one fault in what is right. */
static void rules_of_the_specification(void **state)
{
#define EDITS  "\"containerEdits\":{\"deviceNodes\":[{\"path\":\"/dev/x\",\"permissions\":\"rw\"}]}"
#define DEVICE "{\"name\":\"0\"," EDITS "}"
#define HEAD   "{\"cdiVersion\":\"0.5.0\",\"kind\":\"lend/vfio\",\"devices\":"
	static const struct {
		const char *text, *why; /* NULL: it is right */
	} cases[] = {
		{HEAD "[" DEVICE "]}", NULL},
		{HEAD "[" DEVICE "]," EDITS "}", NULL},
		{HEAD "[]}", "devices is empty"},
		{"{\"kind\":\"lend/vfio\",\"devices\":[" DEVICE "]}", "cdiVersion is missing"},
		{"{\"cdiVersion\":\"0.3.0\",\"kind\":\"lend/vfio\",\"devices\":[" DEVICE "]}",
		 "cdiVersion is wrong"},
		{"{\"cdiVersion\":\"0.5.0\",\"kind\":\"vfio\",\"devices\":[" DEVICE "]}", "kind is wrong"},
		{"{\"cdiVersion\":\"0.5.0\",\"kind\":\"lend-/vfio\",\"devices\":[" DEVICE "]}",
		 "kind is wrong"},
		{"{\"cdiVersion\":\"0.5.0\",\"kind\":\"lend/1\",\"devices\":[" DEVICE "]}", "kind is wrong"},
		{HEAD "[" DEVICE "],\"annotations\":{}}", "annotations is unknown"}, /* of 0.6.0 */
		{HEAD "{}}", "devices is of another type"},
		{HEAD "[" DEVICE "," DEVICE "]}", "a name comes twice"},
		{HEAD "[{\"name\":\"0\"}]}", "containerEdits is missing"},
		{HEAD "[{\"name\":\"0:\"," EDITS "}]}", "name is wrong"},
		{HEAD "[{\"name\":\"a/b\"," EDITS "}]}", "name is wrong"},
		{HEAD "[{\"name\":\"0\",\"containerEdits\":{}}]}", "containerEdits is empty"},
		{HEAD "[{\"name\":\"0\",\"containerEdits\":{\"deviceNodes\":[{\"path\":\"dev/x\"}]}}]}",
		 "path is wrong"},
		{HEAD "[{\"name\":\"0\",\"containerEdits\":{\"deviceNodes\":[{\"type\":\"c\"}]}}]}",
		 "path is missing"},
		{HEAD "[{\"name\":\"0\",\"containerEdits\":{\"deviceNodes\":"
		      "[{\"path\":\"/dev/x\",\"permissions\":\"rx\"}]}}]}",
		 "permissions is wrong"},
		{HEAD "[{\"name\":\"0\",\"containerEdits\":{\"deviceNodes\":"
		      "[{\"path\":\"/dev/x\",\"type\":\"d\"}]}}]}",
		 "type is wrong"},
		{HEAD "[{\"name\":\"0\",\"containerEdits\":{\"deviceNodes\":"
		      "[{\"path\":\"/dev/x\",\"major\":\"1\"}]}}]}",
		 "major is of another type"},
		{HEAD "[{\"name\":\"0\",\"containerEdits\":{\"mounts\":[{\"hostPath\":\"/a\"}]}}]}",
		 "containerPath is missing"},
		{HEAD "[{\"name\":\"0\",\"containerEdits\":{\"hooks\":"
		      "[{\"hookName\":\"now\",\"path\":\"/a\"}]}}]}",
		 "hookName is wrong"},
		{HEAD "[{\"name\":\"0\",\"containerEdits\":{\"env\":[1]}}]}", "env is of another type"},
	};
	char why[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		json_t *spec = json_loads(cases[i].text, JSON_REJECT_DUPLICATES, NULL);

		assert_non_null(spec);
		if (cdi_conforms(spec, why) != !cases[i].why)
			fail_msg("%s: %s", cases[i].text, why);
		if (cases[i].why)
			assert_string_equal(why, cases[i].why);
		json_decref(spec);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_of_the_specification),
	};

	return cmocka_run_group_tests_name("tool_cdi_schema", tests, NULL, NULL);
}
