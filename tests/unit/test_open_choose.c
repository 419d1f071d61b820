/* SPDX-License-Identifier: MIT */
/* Which way to a device is taken. Files are a played faccessat(): what is there, and for whom. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib/open/choose.h"
#include "tests/unit/cmocka.h"

/* What may be opened as the process is (its effective ids), and as whoever started it (its real ids). */
static struct {
	const char *effective[4], *real[4];
} files;

static bool among(const char *const list[4], const char *path)
{
	for (unsigned i = 0; i < 4 && list[i]; i++)
		if (!strcmp(list[i], path))
			return true;
	return false;
}

int faccessat(int dir, const char *path, int mode, int flags)
{
	assert_int_equal(dir, AT_FDCWD);
	(void)mode;
	errno = among(files.effective, path) || among(files.real, path) ? EACCES : ENOENT;
	return among(flags & AT_EACCESS ? files.effective : files.real, path) ? 0 : -1;
}

int access(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, 0);
}

static struct lend_context *context;

static int set_up(void **state)
{
	const struct lend_context_config config = {.size = sizeof(config), .dev_root = "/d"};

	(void)state;
	memset(&files, 0, sizeof(files));
	return lend_context_new(&config, &context);
}

static int tear_down(void **state)
{
	(void)state;
	lend_context_free(context);
	return 0;
}

static void expect(enum lend_backend want, bool want_other)
{
	static const struct lend_host_device host = {.vfio_node = "vfio3", .group = 7};
	const struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;
	bool other = !want_other;

	assert_int_equal(choose_backend(context, &host, &config, &other), want);
	assert_int_equal(other, want_other);
}

/* A program with the set-user-ID bit, or one that changed its ids, opens files as its effective ids may. */
static void effective_ids_count(void **state)
{
	(void)state;
	files.effective[0] = "/d/vfio/devices/vfio3";
	files.effective[1] = "/d/iommu";
	files.effective[2] = "/d/vfio/7";
	expect(LEND_BACKEND_IOMMUFD, true);
	files.effective[2] = NULL;
	expect(LEND_BACKEND_IOMMUFD, false); /* no group to turn to */
	for (unsigned i = 0; i < 2; i++) {
		memset(&files, 0, sizeof(files));
		files.real[0] = "/d/vfio/devices/vfio3";
		files.real[1] = "/d/iommu";
		files.real[2] = "/d/vfio/7";
		files.effective[0] = files.real[i];
		expect(LEND_BACKEND_LEGACY, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(effective_ids_count, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("open_choose", tests, NULL, NULL);
}
