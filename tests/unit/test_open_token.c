/* SPDX-License-Identifier: MIT */
/* VF tokens where a device is taken out of its group; by its own node: test_backend_iommufd.c. */
#include "tests/unit/fake_vfio.h"

/* The kernel refuses a token, or asks for one, when the device is taken out of its group. */
static void tokens_by_a_group(void **state)
{
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;
	struct lend_device *device;

	(void)state;
	config.address = "05:00.0";
	config.backend = LEND_BACKEND_LEGACY;
	run("cd %s/sys/bus/pci/devices; mkdir -p 0000:04:00.0 ../drivers/vfio-pci; ln -s ../0000:04:00.0 "
	    "0000:05:00.0/physfn; ln -s ../../drivers/vfio-pci 0000:04:00.0/driver",
	    vfio.root);
	assert_int_equal(lend_device_open_with(vfio.space, &config, &device, &vfio.error), -EACCES);
	assert_non_null(
		strstr(vfio.error.text, "no VF token was given; it is a virtual function of 0000:04:00.0"));
	expect_order("");
	config.vf_token = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001";
	vfio.fail_device = EACCES;
	assert_int_equal(lend_device_open_with(vfio.space, &config, &device, &vfio.error), -EACCES);
	assert_non_null(strstr(vfio.error.text,
			       "is not the one that the user of its physical function 0000:04:00.0"));
	vfio.fail_device = EINVAL;
	assert_int_equal(lend_device_open_with(vfio.space, &config, &device, &vfio.error), -EINVAL);
	assert_non_null(strstr(vfio.error.text, "takes no VF token"));
	vfio.fail_device = 0;
	assert_int_equal(lend_device_open_with(vfio.space, &config, &device, &vfio.error), 0);
	lend_device_close(device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tokens_by_a_group, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("open_token", tests, NULL, NULL);
}
