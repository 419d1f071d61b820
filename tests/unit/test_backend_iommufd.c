/* SPDX-License-Identifier: MIT */
/* Devices by their own node: which way is taken, descriptors that are passed, and what is refused. */
#include "lib/open/device.h"
#include "tests/unit/fake_iommufd_host.h"
#include "tests/unit/jail.h"

static void mediated(void **state)
{
	struct host *host = *state;
	char path[200];

	snprintf(path, sizeof(path), "%s/devices/virtual/mtty/mtty/" UUID, host->sys);
	run("mkdir -p %s %s/bus/mdev/drivers/vfio_mtty; ln -s %s/bus/mdev %s/subsystem; ln -s "
	    "%s/bus/mdev/drivers/vfio_mtty %s/driver",
	    path, host->sys, host->sys, path, host->sys, path);
	add_node(host, path, 0);
	assert_int_equal(open_named(host, 0, path), 0);
	/* No page tables: its driver pins what it reads and writes. */
	expect_calls("bind 00", "ioas 1", "attach 1", NULL);
	assert_string_equal(lend_device_info(host->device[0])->name, UUID);
	assert_true(lend_device_info(host->device[0])->is_mdev);
}

static void auto_prefers_iommufd(void **state)
{
	struct host *host = *state;
	struct lend_device_config config = named("05:00.0");

	add_device(host, "0000:05:00.0", 0);
	config.backend = LEND_BACKEND_AUTO;
	assert_int_equal(try(host, 0, &config), 0);
	assert_int_equal(lend_device_info(host->device[0])->backend, LEND_BACKEND_IOMMUFD);
	close_one(host, 0);
	/* Interrupts are not remapped: the legacy way has a switch of its own for that. */
	kernel.bind = -EPERM;
	assert_int_equal(try(host, 0, &config), -ENOTTY);
	expect(host, "IOMMU group 7");
	config.backend = LEND_BACKEND_IOMMUFD;
	assert_int_equal(try(host, 0, &config), -EPERM);
	expect(host, "/sys/module/iommufd/parameters/allow_unsafe_interrupts");
	kernel.bind = 0;
	config.backend = LEND_BACKEND_AUTO;
	run("rm %s/iommu", host->dev);
	assert_int_equal(try(host, 0, &config), -ENOTTY);
	expect(host, "IOMMU group 7");
	config.backend = LEND_BACKEND_IOMMUFD;
	assert_int_equal(try(host, 0, &config), -EOPNOTSUPP);
	expect(host, "no iommufd");
	expect(host, "iommufd=off");
}

/* Once for each iommufd that is opened here, before there is anything in it, and it is said. */
static void locked_memory_is_counted_for_the_process(void **state)
{
	struct host *host = *state;
	struct lend_device_config config = named("06:00.0");

	add_device(host, "0000:05:00.0", 0);
	add_device(host, "0000:06:00.0", 1);
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	assert_non_null(strstr(host->log, "counted for this process alone"));
	assert_int_equal(open_named(host, 1, "06:00.0"), 0);
	assert_int_equal(kernel.charged, 1);
	close_one(host, 1);
	close_one(host, 0);
	/* Who may not have it so goes on with what the kernel does anyway, as with one that knows no choice.
	 */
	kernel.charge = -EPERM;
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	assert_non_null(strstr(host->log, "all processes of this user together (CAP_SYS_RESOURCE"));
	close_one(host, 0);
	kernel.charge = -ENOTTY;
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	assert_non_null(strstr(host->log, "together (Inappropriate ioctl"));
	close_one(host, 0);
	assert_int_equal(kernel.charged, 3);
	/* One that was given is its owner's. */
	config.iommu_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(try(host, 1, &config), 0);
	assert_int_equal(kernel.charged, 3);
	close_one(host, 1);
	close(config.iommu_fd);
}

static void passed_descriptor(void **state)
{
	struct host *host = *state;
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;

	add_device(host, "0000:05:00.0", 0);
	config.fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	assert_int_equal(try(host, 0, &config), 0);
	assert_string_equal(lend_device_info(host->device[0])->name, "0000:05:00.0");
	close_one(host, 0);
	assert_true(fcntl(config.fd, F_GETFD) >= 0); /* ours still */
	/* Of another device than named. */
	add_device(host, "0000:06:00.0", 1);
	config.address = "05:00.0";
	assert_int_equal(try(host, 0, &config), -ENODEV);
	expect(host, "is 0000:06:00.0, not 0000:05:00.0");
	config.address = NULL;
	config.backend = LEND_BACKEND_LEGACY;
	assert_int_equal(try(host, 0, &config), -EINVAL);
	config.backend = LEND_BACKEND_AUTO;
	close(config.fd);
	assert_int_equal(try(host, 0, &config), -EBADF);
	config.fd = open(host->root, O_RDONLY | O_CLOEXEC);
	assert_int_equal(try(host, 0, &config), -ENOTTY);
	expect(host, "/dev/vfio/devices/vfioN");
	close(config.fd);
	config.fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	assert_int_equal(try(host, 0, &config), -ENODEV);
	close(config.fd);
	assert_int_equal(kernel.count, 0);
}

static void node_of_another_device(void **state)
{
	struct host *host = *state;

	add_device(host, "0000:05:00.0", 0);
	run("ln -sf /dev/null %s/vfio/devices/vfio0", host->dev);
	assert_int_equal(open_named(host, 0, "05:00.0"), -EACCES);
	expect(host, "is not the device that sysfs says it is (1:5)");
	assert_int_equal(kernel.count, 0);
}

/* The kernel would bind and map it, and translate nothing: neither its name nor its descriptor is taken. */
static void node_without_an_iommu(void **state)
{
	struct host *host = *state;
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;

	add_device(host, "0000:05:00.0", 0);
	run("d=%s/bus/pci/devices/0000:05:00.0/vfio-dev; mv $d/vfio0 $d/noiommu-vfio0; "
	    "ln -sfn $d/noiommu-vfio0 %s/dev/char/1:5; cd %s/vfio/devices; mv vfio0 noiommu-vfio0",
	    host->sys, host->sys, host->dev);
	assert_int_equal(open_named(host, 0, "05:00.0"), -EOPNOTSUPP);
	config.fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	assert_int_equal(try(host, 0, &config), -ENOTTY);
	expect(host, "is no VFIO device");
	close(config.fd);
	assert_int_equal(kernel.count, 0);
}

static void busy(void **state)
{
	struct host *host = *state;

	add_device(host, "0000:05:00.0", 0);
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	assert_int_equal(open_named(host, 1, "0000:05:00.0"), -EEXIST);
	expect(host, "given twice");
	close_one(host, 0);
	kernel.bind = -EINVAL; /* what it says of one that is bound already */
	assert_int_equal(open_named(host, 0, "05:00.0"), -EBUSY);
	expect(host, "vfio/devices/vfio0");
	kernel.bind = -EBUSY;
	run("mkdir -p %s/77/fd; echo qemu >%s/77/comm; ln -s %s/vfio/7 %s/77/fd/9", host->proc, host->proc,
	    host->dev, host->proc);
	assert_int_equal(open_named(host, 0, "05:00.0"), -EBUSY);
	expect(host, "process 77 (qemu), which has");
	expect(host, "vfio/7");
	/* A sibling that a driver of the host has looks the same to the kernel. */
	run("mkdir -p %s/bus/pci/devices/0000:05:00.1 %s/bus/pci/drivers/e1000e; cd "
	    "%s/bus/pci/devices/0000:05:00.1; ln -s ../../drivers/e1000e driver; ln -s $PWD "
	    "%s/kernel/iommu_groups/7/devices/",
	    host->sys, host->sys, host->sys, host->sys);
	assert_int_equal(open_named(host, 0, "05:00.0"), -EPERM);
	expect(host, "0000:05:00.1 (e1000e)");
}

static void vf_tokens(void **state)
{
	struct host *host = *state;
	struct lend_device_config config = named("05:00.0");

	add_device(host, "0000:05:00.0", 0);
	make_vf(host, "0000:05:00.0", "0000:04:00.0", "vfio-pci");
	config.vf_token = UUID;
	assert_int_equal(try(host, 0, &config), 0);
	assert_string_equal(kernel.lines[0], "bind 83");
	close_one(host, 0);
	kernel.bind = -EINVAL;
	assert_int_equal(try(host, 0, &config), -EOPNOTSUPP);
	expect(host, "this kernel takes no VF token with iommufd");
	kernel.bind = -EACCES;
	assert_int_equal(try(host, 0, &config), -EACCES);
	expect(host, "is not the one that the user of its physical function 0000:04:00.0 has set");
	config.vf_token = "no token";
	assert_int_equal(try(host, 0, &config), -EINVAL);
	expect(host, "no UUID");
}

/* What sysfs says of a token is said before anything is opened, whichever way it would be. */
static void tokens_that_are_not_due(void **state)
{
	static const struct {
		const char *driver; /* of its physical function; NULL: it is no virtual function */
		bool can_have_vfs, given;
		int ret;
		const char *says;
	} rows[] = {
		{"vfio-pci", false, false, -EACCES,
		 "no VF token was given; it is a virtual function of 0000:04:00.0"},
		{"mlx5_vfio_pci", false, false, -EACCES, "which is with mlx5_vfio_pci: give the token"},
		{"vfio-pci", false, true, 0, NULL},
		{"igb", false, false, 0, NULL},
		{"igb", false, true, -EINVAL,
		 "takes no VF token: it is a virtual function of 0000:04:00.0, which is with igb"},
		{"", false, true, -EINVAL, "which is with no driver"},
		/* A driver of its own with that word in its name. */
		{"nvidia-vgpu-vfio", false, false, 0, NULL},
		{NULL, false, false, 0, NULL},
		{NULL, false, true, -EINVAL,
		 "takes no VF token: it is no virtual function, and can have none"},
		{NULL, true, false, 0, NULL},
		{NULL, true, true, 0, NULL},
	};
	static const enum lend_backend backends[] = {LEND_BACKEND_IOMMUFD, LEND_BACKEND_LEGACY,
						     LEND_BACKEND_AUTO};
	struct host *host = *state;

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows) * 3; i++) {
		struct lend_device_config config = named("05:00.0");
		const char *driver = rows[i / 3].driver;
		int ret;

		run("rm -rf %s/bus/pci/devices/* %s/vfio/devices/* %s/kernel", host->sys, host->dev,
		    host->sys);
		add_device(host, "0000:05:00.0", 0);
		if (driver)
			make_vf(host, "0000:05:00.0", "0000:04:00.0", driver);
		if (rows[i / 3].can_have_vfs)
			run("echo 7 >%s/bus/pci/devices/0000:05:00.0/sriov_totalvfs", host->sys);
		config.backend = backends[i % 3];
		config.vf_token = rows[i / 3].given ? UUID : NULL;
		ret = try(host, 0, &config);
		if (!rows[i / 3].ret) {
			/* The group's node here is none. */
			assert_true(ret == 0 || ret == -ENOTTY);
			if (!ret)
				close_one(host, 0);
			continue;
		}
		assert_int_equal(ret, rows[i / 3].ret);
		assert_int_equal(kernel.count, 0);
		expect(host, rows[i / 3].says);
		expect(host, "vf-token=");
	}
}

/* The kernel asks for a token where sysfs does not say so. */
static void tokens_that_are_asked_for(void **state)
{
	struct host *host = *state;
	struct lend_device_config config = named("05:00.0");

	add_device(host, "0000:05:00.0", 0);
	kernel.bind = -EACCES;
	assert_int_equal(try(host, 0, &config), -EACCES);
	expect(host, "no VF token was given");
	run("echo 7 >%s/bus/pci/devices/0000:05:00.0/sriov_totalvfs", host->sys);
	assert_int_equal(try(host, 0, &config), -EACCES);
	expect(host, "its virtual functions are in use");
	config.vf_token = UUID;
	assert_int_equal(try(host, 0, &config), -EACCES);
	expect(host, "the VF token is not the right one");
	run("cd %s/bus/pci/devices/0000:05:00.0; rm sriov_totalvfs; ln -s ../0000:04:00.0 physfn", host->sys);
	assert_int_equal(try(host, 0, &config), -EACCES);
	expect(host, "is not the one that the user of its physical function has set");
}

/* What fails behind the attach is taken back to the beginning. */
static void fails_late(void **state)
{
	struct host *host = *state;

	add_device(host, "0000:05:00.0", 0);
	kernel.info = -EIO;
	assert_int_equal(open_named(host, 0, "05:00.0"), -EIO);
	expect_calls("bind 00", "ioas 1", "hwpt 2", "attach 2", "ranges", "detach", "destroy 2", "destroy 1",
		     NULL);
	kernel.info = 0;
	kernel.ioas = -ENOMEM;
	assert_int_equal(open_named(host, 0, "05:00.0"), -ENOMEM);
	assert_int_equal(host->known, 0);
}

/* What the caller says stands in for sysfs: no file is opened or looked at, also when it fails. */
static struct host *jailed;
static struct lend_device_config in_jail_config;

static int by_facts(void)
{
	struct host *host = jailed;

	jail_check(try(host, 0, &in_jail_config) == 0);
	jail_check(lend_device_info(host->device[0])->backend == LEND_BACKEND_IOMMUFD);
	jail_check(lend_device_info(host->device[0])->group == -1);
	jail_check(try(host, 1, &in_jail_config) == -EEXIST);
	close_one(host, 0);
	kernel.bind = -EBUSY;
	jail_check(try(host, 0, &in_jail_config) == -EBUSY);
	jail_check(strstr(host->error.text, "in use by another process"));
	kernel.bind = -EINVAL;
	jail_check(try(host, 0, &in_jail_config) == -EBUSY);
	in_jail_config.vf_token = UUID;
	jail_check(try(host, 0, &in_jail_config) == -EINVAL);
	jail_check(strstr(host->error.text, "takes no VF token"));
	kernel.bind = -EACCES;
	jail_check(try(host, 0, &in_jail_config) == -EACCES);
	jail_check(strstr(host->error.text, "is not the one that"));
	in_jail_config.vf_token = NULL;
	jail_check(try(host, 0, &in_jail_config) == -EACCES);
	jail_check(strstr(host->error.text, "no VF token was given"));
	kernel.bind = 0;
	in_jail_config.iommu_fd = -1;
	jail_check(try(host, 0, &in_jail_config) == -EINVAL);
	jail_check(strstr(host->error.text, "no iommufd was given"));
	return 0;
}

static void node_by_facts(void **state)
{
	struct lend_device_facts facts = LEND_DEVICE_FACTS_INIT;
	char path[128];

	jailed = *state;
	in_jail_config = (struct lend_device_config)LEND_DEVICE_CONFIG_INIT;
	in_jail_config.facts = &facts;
	facts.name = "0000:05:00.0";
	in_jail_config.fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/iommu", jailed->dev);
	in_jail_config.iommu_fd = open(path, O_RDWR | O_CLOEXEC);
	in_jail(by_facts);
	close(in_jail_config.fd);
	close(in_jail_config.iommu_fd);
}

static void config_of_another_header(void **state)
{
	struct host *host = *state;
	struct lend_device_config config = named("05:00.0");

	config.size = 8;
	assert_int_equal(try(host, 0, &config), -EINVAL);
	config = (struct lend_device_config)LEND_DEVICE_CONFIG_INIT;
	assert_int_equal(try(host, 0, &config), -EINVAL);
	expect(host, "neither an address nor a descriptor");
}

/* As by a group (test_backend_legacy.c). */
static void its_own_config_space(void **state)
{
	struct host *host = *state;

	add_device(host, "0000:05:00.0", 0);
	run("yes abc | head -c 4096 >%s/bus/pci/devices/0000:05:00.0/config", host->sys);
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	assert_int_equal(host->device[0]->raw_length, 4096);
	assert_int_equal(host->device[0]->raw[4095], '\n');
}

/* The address space of the last device is there for the next one, with its maps. */
static void kept_without_a_device(void **state)
{
	static uint8_t page[0x1000] __attribute__((aligned(0x1000)));
	struct host *host = *state;
	const struct lend_range ram = {.length = 0x1000, .va = page, .fd = -1, .kind = LEND_RANGE_RAM};

	add_device(host, "0000:05:00.0", 0);
	lend_space_keep(host->space);
	assert_int_equal(open_named(host, 0, "05:00.0"), 0);
	assert_int_equal(lend_space_map(host->space, &ram, 1, NULL), 0);
	for (unsigned i = 0; i < 3; i++) {
		close_one(host, 0);
		expect_calls("detach", "destroy 2", NULL);
		assert_int_equal(kernel.attached, 0);
		run("rm -f %s/iommu", host->dev); /* it is open still */
		kernel.next_id = 1;
		assert_int_equal(open_named(host, 0, "05:00.0"), 0);
		expect_calls("bind 00", "hwpt 2", "attach 2", "ranges", NULL);
	}
	assert_int_equal(lend_space_mapped(host->space), 0x1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		on_host(mediated),
		on_host(auto_prefers_iommufd),
		on_host(locked_memory_is_counted_for_the_process),
		on_host(passed_descriptor),
		on_host(node_of_another_device),
		on_host(node_without_an_iommu),
		on_host(busy),
		on_host(vf_tokens),
		on_host(tokens_that_are_not_due),
		on_host(tokens_that_are_asked_for),
		on_host(fails_late),
		on_host(node_by_facts),
		on_host(config_of_another_header),
		on_host(its_own_config_space),
		on_host(kept_without_a_device),
	};

	return cmocka_run_group_tests_name("backend_iommufd", tests, NULL, NULL);
}
