/* SPDX-License-Identifier: MIT */
/* What is left to the keeper, seen by a child that drops the rest. */
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/cmocka.h"
#include "tool/run/rights.h"

static uint64_t set_of(const char *name)
{
	char line[256];
	unsigned long long value = ~0ull;
	FILE *file = fopen("/proc/self/status", "re");
	size_t length = strlen(name);

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, length))
			sscanf(line + length, "%llx", &value);
	if (file)
		fclose(file);
	return value;
}

static int drop(void)
{
	uint64_t bounding = set_of("CapBnd:"), permitted = set_of("CapPrm:");

	if (rights_drop())
		return 1;
	/* Who has no right to drop from the bounding set keeps it, and has nothing else. */
	if (permitted && set_of("CapBnd:") != (bounding & rights_kept()))
		return 2;
	if (set_of("CapPrm:") != (permitted & rights_kept()) || set_of("CapEff:") & ~rights_kept())
		return 3;
	return set_of("CapInh:") & ~rights_kept() || prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 ? 4 : 0;
}

static int status_of(int (*call)(void))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(call());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void the_rest_is_dropped(void **state)
{
	(void)state;
	assert_int_equal(status_of(drop), 0);
}

static int become_user_and_drop(void)
{
	if (setgid(12345) || setuid(12345))
		return 5;
	return rights_drop() || set_of("CapPrm:") || set_of("CapEff:") ? 6 : 0;
}

static void who_has_none_is_no_error(void **state)
{
	(void)state;
	if (geteuid())
		skip();
	assert_int_equal(status_of(become_user_and_drop), 0);
}

/* What nothing here may ever need. */
static void none_for_the_computer_itself(void **state)
{
	static const unsigned char never[] = {CAP_SYS_BOOT, CAP_SYS_TIME,   CAP_SYS_RAWIO, CAP_MKNOD,
					      CAP_NET_RAW,  CAP_SYS_CHROOT, CAP_MAC_ADMIN, CAP_MAC_OVERRIDE};

	(void)state;
	for (size_t i = 0; i < sizeof(never); i++)
		assert_false(rights_kept() >> never[i] & 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rest_is_dropped),
		cmocka_unit_test(who_has_none_is_no_error),
		cmocka_unit_test(none_for_the_computer_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
