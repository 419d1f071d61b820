/* SPDX-License-Identifier: MIT */
/* Where machines that run are found: one of a name, and nothing stays of those that were killed. */
#include <glob.h>
#include <sys/wait.h>

#include "tests/unit/cmocka.h"

#include "tests/unit/folder.h"
#include "tool/clean.c"
#include "tool/run/registry.c"
#include "tool/say.c"

struct stage {
	char root[64], path[REGISTRY_PATH];
	struct registry_home home;
	struct lend_error error;
};

static int setup(void **state)
{
	struct stage *stage = calloc(1, sizeof(*stage));

	assert_non_null(stage);
	strcpy(stage->root, "/tmp/lend-test-registry-XXXXXX");
	assert_non_null(mkdtemp(stage->root));
	stage->home.runtime = stage->root;
	*state = stage;
	return 0;
}

static int teardown(void **state)
{
	struct stage *stage = *state;

	folder_remove(stage->root);
	free(stage);
	return 0;
}

static bool has(struct stage *stage, const char *name)
{
	snprintf(stage->path, sizeof(stage->path), "%s/lend/%s", stage->root, name);
	return !access(stage->path, F_OK);
}

static void write_entry(const struct registry *registry, const char *name)
{
	json_t *entry = json_pack("{s:s}", "name", name);

	assert_int_equal(registry_write(registry, entry), 0);
	json_decref(entry);
}

static void folder_is_the_users_and_goes_with_its_machine(void **state)
{
	struct stage *stage = *state;
	struct registry registry;
	struct stat st;

	assert_int_equal(registry_enter(&registry, &stage->home, "db", &stage->error), 0);
	write_entry(&registry, "db");
	assert_true(has(stage, "db/machine.json"));
	assert_false(has(stage, "db/machine.json.new"));
	assert_int_equal(stat(registry.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_non_null(strstr(registry.socket, "/lend/db/qmp"));
	registry_leave(&registry);
	assert_false(has(stage, "db"));
	registry_leave(&registry);
}

static void name_is_one_machines(void **state)
{
	struct stage *stage = *state;
	struct registry first, second;

	assert_int_equal(registry_enter(&first, &stage->home, "db", &stage->error), 0);
	write_entry(&first, "db");
	assert_int_equal(registry_enter(&second, &stage->home, "db", &stage->error), -EEXIST);
	assert_non_null(strstr(stage->error.text, "'db' runs already"));
	registry_leave(&second);
	assert_true(has(stage, "db/machine.json"));
	assert_int_equal(registry_enter(&second, &stage->home, "web", &stage->error), 0);
	assert_true(has(stage, "db/machine.json"));
	registry_leave(&second);
	registry_leave(&first);
}

static void killed_machine_leaves_nothing(void **state)
{
	struct stage *stage = *state;
	struct registry registry;
	int status;

	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (!pid) {
			bool entered = !registry_enter(&registry, &stage->home, i ? "old" : "db", NULL);

			if (entered)
				write_entry(&registry, "killed");
			kill(getpid(), SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	assert_true(has(stage, "old/machine.json"));
	assert_int_equal(registry_enter(&registry, &stage->home, "db", &stage->error), 0);
	assert_false(has(stage, "old"));
	assert_false(has(stage, "db/machine.json"));
	registry_leave(&registry);
}

static void user_without_a_run_directory_has_none(void **state)
{
	struct stage *stage = *state;
	struct registry registry;

	stage->home.runtime = NULL;
	assert_int_equal(registry_enter(&registry, &stage->home, "db", &stage->error), -ENOENT);
	assert_null(registry_pattern(&stage->home, 0));
	registry_leave(&registry);
}

static void patterns_find_the_entries(void **state)
{
	struct stage *stage = *state;
	struct registry_home root = {.root = true};
	struct registry registry;
	glob_t files;

	assert_int_equal(registry_enter(&registry, &stage->home, "db", &stage->error), 0);
	write_entry(&registry, "db");
	assert_int_equal(glob(registry_pattern(&stage->home, 0), 0, NULL, &files), 0);
	assert_int_equal(files.gl_pathc, 1);
	globfree(&files);
	assert_null(registry_pattern(&stage->home, 1));
	assert_string_equal(registry_pattern(&root, 0), "/run/lend/*/machine.json");
	assert_non_null(registry_pattern(&root, 1));
	assert_null(registry_pattern(&root, 2));
	registry_leave(&registry);
}

/* A link in the place of the folder leads nowhere. */
static void link_is_not_followed(void **state)
{
	struct stage *stage = *state;
	struct registry registry;

	has(stage, "");
	assert_int_equal(mkdir(stage->path, 0700), 0);
	has(stage, "db");
	assert_int_equal(symlink("/tmp", stage->path), 0);
	assert_true(registry_enter(&registry, &stage->home, "db", &stage->error) < 0);
	registry_leave(&registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(folder_is_the_users_and_goes_with_its_machine, setup,
						teardown),
		cmocka_unit_test_setup_teardown(name_is_one_machines, setup, teardown),
		cmocka_unit_test_setup_teardown(killed_machine_leaves_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(user_without_a_run_directory_has_none, setup, teardown),
		cmocka_unit_test_setup_teardown(patterns_find_the_entries, setup, teardown),
		cmocka_unit_test_setup_teardown(link_is_not_followed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
