/* SPDX-License-Identifier: MIT */
/* A machine starts with a kernel or with firmware: what of both is refused. */
#include <errno.h>
#include <string.h>

#include "tests/unit/cmocka.h"
#include "vmm/vmm.h"

static void kernel_and_firmware_exclude_each_other(void **state)
{
	const struct vmm_firmware_config firmware = {.code_fd = -1, .vars_fd = -1, .template_fd = -1};
	const struct vmm_config config = {
		.memory = 64 << 20, .kernel_fd = 0, .initrd_fd = -1, .firmware = &firmware};
	struct lend_error error;

	(void)state;
	assert_int_equal(vmm_check(&config, &error), -EINVAL);
	assert_non_null(strstr(error.text, "-kernel and -firmware exclude each other"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_and_firmware_exclude_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
