/* SPDX-License-Identifier: MIT */
/* See plug_order.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool/run/plug_order.h"

enum { ROM_MAX = 16 << 20 };

/* What the machine's configuration points into. */
struct kept {
	struct lend_device_facts facts;
	struct plug_order order;
	uint8_t rom[];
};

void order_begin(struct plug_order *order, const struct run_device *device)
{
	memset(order, 0, sizeof(*order));
	order->size = sizeof(*order);
	order->backend = device->user ? LEND_BACKEND_USER : device->backend;
	order->reply_ms = device->reply_ms;
	order->give_up_ms = device->give_up_ms;
	order->allow_unreset = device->allow_unreset;
	order->on_error = device->on_error;
	order->group = order->numa_node = -1;
	snprintf(order->vf_token, sizeof(order->vf_token), "%s", device->vf_token);
	order->function = device->function;
	order->function.rom = NULL;
	order->function.peer = NULL;
}

static int write_all(int fd, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	while (length) {
		ssize_t done = write(fd, at, length);

		if (done <= 0)
			return done ? -errno : -EIO;
		at += done;
		length -= (size_t)done;
	}
	return 0;
}

int order_write(const struct plug_order *order, const struct file_rom *rom)
{
	struct plug_order whole = *order;
	int fd = memfd_create("lend-plug", MFD_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	whole.rom_length = rom ? (uint32_t)rom->length : 0;
	ret = write_all(fd, &whole, sizeof(whole));
	if (!ret && rom)
		ret = write_all(fd, rom->bytes, rom->length);
	if (ret)
		close(fd);
	return ret ? ret : fd;
}

/* By the call that the sandbox allows: glibc's fstat() asks by the path "". */
static ssize_t size_of(int fd)
{
	struct stat stat;

	return syscall(SYS_fstat, fd, &stat) ? -errno : (ssize_t)stat.st_size;
}

static int read_kept(int fd, struct kept **out)
{
	struct kept *kept;
	ssize_t size = size_of(fd);
	size_t length = (size_t)size;

	if (size < 0)
		return (int)size;
	if (length < sizeof(kept->order) || length > sizeof(kept->order) + ROM_MAX)
		return -EPROTO;
	kept = calloc(1, sizeof(*kept) + length - sizeof(kept->order));
	if (!kept)
		return -ENOMEM;
	if (pread(fd, &kept->order, length, 0) != (ssize_t)length ||
	    kept->order.size != sizeof(kept->order) || kept->order.config_length > ORDER_CONFIG_MAX ||
	    kept->order.rom_length != length - sizeof(kept->order)) {
		free(kept);
		return -EPROTO;
	}
	*out = kept;
	return 0;
}

static void take_facts(struct kept *kept)
{
	const struct plug_order *order = &kept->order;

	kept->facts = (struct lend_device_facts)LEND_DEVICE_FACTS_INIT;
	kept->facts.name = order->name;
	kept->facts.group = order->group;
	kept->facts.numa_node = order->numa_node;
	kept->facts.driver = order->driver[0] ? order->driver : NULL;
	kept->facts.reset_methods = order->reset_methods[0] ? order->reset_methods : NULL;
	kept->facts.config = order->config_length ? order->config : NULL;
	kept->facts.config_length = order->config_length;
}

int order_read(const int fds[ORDER_FDS], unsigned count, struct vmm_device_config *out)
{
	const struct plug_order *order;
	struct kept *kept = NULL;
	int ret = count < 2 ? -EPROTO : read_kept(fds[0], &kept);
	bool user;

	if (ret)
		return ret;
	order = &kept->order;
	/* static: a function that makes a sentence returns the error it was given, never 0 */
	user = order->backend == LEND_BACKEND_USER;
	if (!user && count < ORDER_FDS) {
		free(kept);
		return -EPROTO;
	}
	take_facts(kept);
	*out = (struct vmm_device_config){
		.fd = order->by_group ? -1 : fds[1],
		.group_fd = order->by_group ? fds[1] : -1,
		.iommu_fd = user || order->by_group ? -1 : fds[2],
		.container_fd = order->by_group ? fds[2] : -1,
		.backend = (enum lend_backend)order->backend,
		.reply_ms = order->reply_ms,
		.name = user ? order->name : NULL,
		.vf_token = order->vf_token[0] ? order->vf_token : NULL,
		.allow_unreset = order->allow_unreset,
		.on_error = order->on_error <= VMM_ERROR_CONTINUE ? (enum vmm_on_error)order->on_error
								  : VMM_ERROR_FORWARD,
		.boot_index = -1,
		.give_up_ms = order->give_up_ms,
		.facts = user ? NULL : &kept->facts,
		.function = order->function,
		.owned = kept,
	};
	out->function.rom = order->rom_length ? kept->rom : NULL;
	out->function.rom_length = order->rom_length;
	return 0;
}
