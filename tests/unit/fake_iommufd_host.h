/* SPDX-License-Identifier: MIT */
/* A made-up host whose kernel is the one of fake_iommufd.h: its tree, its devices, its hypervisor. */
#ifndef TESTS_UNIT_FAKE_IOMMUFD_HOST_H
#define TESTS_UNIT_FAKE_IOMMUFD_HOST_H

#include <fcntl.h>
#include <unistd.h>

#include "lend/lend.h"
#include "tests/unit/fake_iommufd.h"
#include "tests/unit/open_files.h"

#define UUID "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"

struct host {
	char root[64], sys[80], dev[80], proc[80];
	struct lend_context *context;
	struct lend_space *space;
	struct lend_device *device[3];
	struct lend_error error;
	char order[64]; /* what the hypervisor was told, in the middle of the kernel's calls */
	unsigned known;
	unsigned fds;   /* open before */
	char log[1024]; /* lines */
};

static inline void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	assert_int_equal(system(command), 0);
}

static inline int vfio_add(void *opaque, int fd)
{
	struct host *host = opaque;

	assert_true(fcntl(fd, F_GETFD) >= 0);
	host->known++;
	snprintf(host->order, sizeof(host->order), "add behind %u calls", kernel.count);
	return 0;
}

static inline int vfio_del(void *opaque, int fd)
{
	struct host *host = opaque;

	assert_true(fcntl(fd, F_GETFD) >= 0);
	host->known--;
	return 0;
}

static inline void keep_line(void *opaque, enum lend_log_level level, const char *line)
{
	struct host *host = opaque;

	(void)level;
	snprintf(host->log + strlen(host->log), sizeof(host->log) - strlen(host->log), "%s\n", line);
}

static inline int setup(void **state)
{
	const struct lend_host_ops ops = {.size = sizeof(ops), .vfio_add = vfio_add, .vfio_del = vfio_del};
	struct host *host = calloc(1, sizeof(*host));
	struct lend_context_config config = {.size = sizeof(config)};

	memset(&kernel, 0, sizeof(kernel));
	assert_non_null(host);
	host->fds = open_fds();
	strcpy(host->root, "/tmp/lend-node-XXXXXX");
	assert_non_null(mkdtemp(host->root));
	snprintf(host->sys, sizeof(host->sys), "%s/sys", host->root);
	snprintf(host->dev, sizeof(host->dev), "%s/dev", host->root);
	snprintf(host->proc, sizeof(host->proc), "%s/proc", host->root);
	run("mkdir -p %s/bus/pci/devices %s/bus/pci/drivers/vfio-pci %s/dev/char %s/vfio/devices %s",
	    host->sys, host->sys, host->sys, host->dev, host->proc);
	run("ln -s /dev/null %s/iommu; touch %s/vfio/7", host->dev, host->dev);
	config.log = keep_line;
	config.opaque = host;
	config.sysfs_root = host->sys;
	config.dev_root = host->dev;
	config.proc_root = host->proc;
	assert_int_equal(lend_context_new(&config, &host->context), 0);
	assert_int_equal(lend_space_new(host->context, &ops, host, &host->space), 0);
	*state = host;
	return 0;
}

static inline int teardown(void **state)
{
	struct host *host = *state;

	for (unsigned i = 0; i < 3; i++)
		lend_device_close(host->device[i]);
	lend_space_free(host->space);
	lend_context_free(host->context);
	assert_int_equal(kernel.objects, 0);
	assert_int_equal(kernel.attached, 0);
	assert_int_equal(host->known, 0);
	assert_int_equal(open_fds(), host->fds);
	run("rm -rf %s", host->root);
	free(host);
	return 0;
}

/* The node is /dev/zero (1:5) by another name: it reads as zeros, and is a character device. */
static inline void add_node(struct host *host, const char *dir, unsigned number)
{
	run("mkdir -p %s/vfio-dev/vfio%u; echo 1:5 >%s/vfio-dev/vfio%u/dev", dir, number, dir, number);
	run("ln -s /dev/zero %s/vfio/devices/vfio%u; ln -sfn %s/vfio-dev/vfio%u %s/dev/char/1:5", host->dev,
	    number, dir, number, host->sys);
}

static inline void add_device(struct host *host, const char *name, unsigned number)
{
	char dir[200];

	snprintf(dir, sizeof(dir), "%s/bus/pci/devices/%s", host->sys, name);
	run("mkdir -p %s %s/kernel/iommu_groups/7/devices; ln -s ../../drivers/vfio-pci %s/driver", dir,
	    host->sys, dir);
	run("ln -s %s/kernel/iommu_groups/7 %s/iommu_group; ln -s %s %s/kernel/iommu_groups/7/devices/%s",
	    host->sys, dir, dir, host->sys, name);
	add_node(host, dir, number);
}

/* A device becomes a virtual function of another, which is with `driver`; "": with none. */
static inline void make_vf(struct host *host, const char *name, const char *physical, const char *driver)
{
	run("d=%s/bus/pci/devices; mkdir -p $d/%s; echo 7 >$d/%s/sriov_totalvfs; ln -sfn ../%s $d/%s/physfn",
	    host->sys, physical, physical, physical, name);
	run("d=%s/bus/pci; rm -f $d/devices/%s/driver; [ -z '%s' ] || { mkdir -p $d/drivers/%s; "
	    "ln -s ../../drivers/%s $d/devices/%s/driver; }",
	    host->sys, physical, driver, driver, driver, physical);
}

static inline int try(struct host *host, unsigned index, const struct lend_device_config *config)
{
	kernel.count = 0;
	return lend_device_open_with(host->space, config, &host->device[index], &host->error);
}

static inline struct lend_device_config named(const char *address)
{
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;

	config.address = address;
	config.backend = LEND_BACKEND_IOMMUFD;
	return config;
}

static inline int open_named(struct host *host, unsigned index, const char *address)
{
	struct lend_device_config config = named(address);

	return try(host, index, &config);
}

static inline void close_one(struct host *host, unsigned index)
{
	kernel.count = 0;
	lend_device_close(host->device[index]);
	host->device[index] = NULL;
}

static inline void expect(const struct host *host, const char *text)
{
	if (!strstr(host->error.text, text))
		fail_msg("\"%s\" is not in: %s", text, host->error.text);
	assert_null(strchr(host->error.text, '\n'));
}

#define on_host(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
