/* SPDX-License-Identifier: MIT */
/*
 * Devices opened by the facts that a caller gives, with the descriptors of a
 * group and a container: no file is opened or looked at, also when it fails.
 */
#include "tests/unit/fake_vfio.h"
#include "tests/unit/jail.h"

static struct lend_device_facts facts;
static const uint8_t raw_config[64] = {0x36, 0x1b, 0x10};
static struct lend_device_config config;

/* What a parent hands over: the nodes are open, and sysfs is nowhere. */
static int hand_over(void **state)
{
	static const struct lend_host_ops ops = {
		.size = sizeof(ops), .vfio_add = kvm_add, .vfio_del = kvm_del};
	struct lend_context_config nowhere = {.size = sizeof(nowhere),
					      .sysfs_root = "/nowhere/sys",
					      .dev_root = "/nowhere/dev",
					      .proc_root = "/nowhere/proc",
					      .quirks_dir = ""};
	char path[120];

	set_up(state);
	lend_space_free(vfio.space);
	lend_context_free(vfio.context);
	assert_int_equal(lend_context_new(&nowhere, &vfio.context), 0);
	assert_int_equal(lend_space_new(vfio.context, &ops, NULL, &vfio.space), 0);
	facts = (struct lend_device_facts)LEND_DEVICE_FACTS_INIT;
	facts.name = "0000:05:00.0";
	facts.group = 7;
	facts.numa_node = 1;
	facts.reset_methods = "flr bus";
	facts.config = raw_config;
	facts.config_length = sizeof(raw_config);
	config = (struct lend_device_config)LEND_DEVICE_CONFIG_INIT;
	config.facts = &facts;
	snprintf(path, sizeof(path), "%s/vfio/7", vfio.dev);
	config.group_fd = open(path, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/vfio/vfio", vfio.dev);
	config.container_fd = open(path, O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/device", vfio.root);
	vfio.handed_out = open(path, O_RDWR | O_CLOEXEC);
	assert_true(config.group_fd > 0 && config.container_fd > 0 && vfio.handed_out > 0);
	return 0;
}

static int take_back(void **state)
{
	close(config.group_fd);
	close(config.container_fd);
	close(vfio.handed_out);
	return tear_down(state);
}

static int open_it(struct lend_device **out)
{
	*out = NULL;
	return lend_device_open_with(vfio.space, &config, out, &vfio.error);
}

static int opens(void)
{
	const struct lend_function_config plain = {.size = sizeof(plain)};
	const struct lend_device_info *info;
	struct lend_function *function;
	struct lend_reset_report report;
	struct lend_device *device;

	jail_check(open_it(&device) == 0);
	jail_check(!strcmp(vfio.order,
			   "status version extension set_container set_iommu iommu_info iommu_info "
			   "kvm+ device info region region region region region region region region "
			   "region irq irq irq irq irq "));
	jail_check(device->raw_length == 64 && !memcmp(device->raw, raw_config, 64));
	info = lend_device_info(device);
	jail_check(!strcmp(info->name, "0000:05:00.0") && info->bdf.bus == 5 && !info->is_mdev);
	jail_check(info->group == 7 && info->numa_node == 1 && info->backend == LEND_BACKEND_LEGACY);
	jail_check(lend_function_new(device, &plain, &function, &vfio.error) == 0);
	lend_context_reset(vfio.context, &function, 1, &report, sizeof(report));
	jail_check(!strcmp(report.offered, "flr bus"));
	lend_function_free(function);
	lend_device_close(device);
	/* The caller's descriptors are its own. */
	jail_check(fcntl(config.group_fd, F_GETFD) >= 0 && fcntl(config.container_fd, F_GETFD) >= 0);
	return 0;
}

static void a_group_and_a_container(void **state)
{
	(void)state;
	in_jail(opens);
}

/* Nothing but what the tables name. */
static int narrow(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	const char *const *names;
	int bad = !filter;

	for (unsigned table = 0; table < 2; table++) {
		size_t count = table ? lend_open_syscalls(&names) : lend_syscalls(&names);

		for (size_t i = 0; i < count && !bad; i++)
			bad = seccomp_rule_add(filter, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(names[i]),
					       0);
	}
	/* The device that is played duplicates itself. */
	jail_check(!bad && !seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(dup), 0) &&
		   !seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 0) &&
		   !seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(exit_group), 0));
	jail_check(!seccomp_load(filter));
	seccomp_release(filter);
	return opens();
}

static void the_tables_name_all_that_is_called(void **state)
{
	(void)state;
	in_jail(narrow);
}

static int second(void)
{
	struct lend_device_facts of_other = facts;
	struct lend_device *first, *other;

	jail_check(open_it(&first) == 0);
	/* Its group fits the container that is there; the group of the first is there too. */
	of_other.name = "0000:06:00.0";
	of_other.group = 8;
	config.facts = &of_other;
	config.container_fd = -1;
	jail_check(open_it(&other) == 0);
	jail_check(lend_device_info(other)->bdf.bus == 6);
	lend_device_close(other);
	/* It fits not, and there is no other one. */
	vfio.fail_set_container = EINVAL;
	jail_check(open_it(&other) == -EINVAL);
	jail_check(strstr(vfio.error.text, "no container was given"));
	lend_device_close(first);
	return 0;
}

static void a_container_for_two(void **state)
{
	(void)state;
	in_jail(second);
}

/* Who is in the way is looked up otherwise, in sysfs and procfs. */
static int refused(void)
{
	struct lend_device *device;

	vfio.not_viable = true;
	jail_check(open_it(&device) == -EPERM);
	jail_check(strstr(vfio.error.text, "not viable"));
	vfio.not_viable = false;
	vfio.fail_device = EBUSY;
	jail_check(open_it(&device) == -EBUSY);
	jail_check(strstr(vfio.error.text, "in use by another process"));
	vfio.fail_device = EINVAL;
	jail_check(open_it(&device) == -EINVAL);
	vfio.fail_device = EACCES;
	jail_check(open_it(&device) == -EACCES);
	jail_check(strstr(vfio.error.text, "no VF token was given"));
	vfio.fail_device = 0;
	vfio.fail_set_container = EPERM;
	jail_check(open_it(&device) == -EPERM);
	return 0;
}

static void failures_look_nowhere(void **state)
{
	(void)state;
	in_jail(refused);
}

static void expect(int want, const char *text)
{
	struct lend_device *device;

	assert_int_equal(open_it(&device), want);
	if (!strstr(vfio.error.text, text))
		fail_msg("\"%s\" is not in: %s", text, vfio.error.text);
}

static void what_makes_no_sense(void **state)
{
	const struct lend_device_config good = config;

	(void)state;
	config.facts = NULL;
	expect(-EINVAL, "with the facts of its device alone");
	config = good;
	config.fd = config.group_fd;
	expect(-EINVAL, "one descriptor: its own or its group's");
	config.group_fd = config.fd = 0;
	expect(-EINVAL, "one descriptor: its own or its group's");
	config = good;
	config.backend = LEND_BACKEND_IOMMUFD;
	expect(-EINVAL, "legacy way");
	config = good;
	config.address = "0000:06:00.0";
	expect(-ENODEV, "0000:06:00.0");
	config = good;
	facts.name = "eth0";
	expect(-EINVAL, "'eth0'");
	facts.name = NULL;
	expect(-EINVAL, "name");
	facts.name = "0000:05:00.0";
	facts.group = -1;
	expect(-EINVAL, "group");
	facts.group = 7;
	facts.size = 8;
	expect(-EINVAL, "lend_device_facts");
	expect_order("");
}

#define handed(test) cmocka_unit_test_setup_teardown(test, hand_over, take_back)

int main(void)
{
	const struct CMUnitTest tests[] = {
		handed(a_group_and_a_container), handed(the_tables_name_all_that_is_called),
		handed(a_container_for_two),     handed(failures_look_nowhere),
		handed(what_makes_no_sense),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
