/* SPDX-License-Identifier: MIT */
/*
 * An interrupt of an NVIDIA GPU costs a trapped write, its acknowledgement,
 * always the same. What was written ten times in a row is handed over: the
 * hypervisor signals an eventfd for it, and VFIO (or, where it cannot, the
 * monitor's loop) writes to the device. Only acknowledgements are learned: all
 * other bytes of the mirror are config space, where a write that goes past us
 * would be lost on our side.
 *
 * The reader is there before the signaller, and goes after it; what is counted
 * in between is written by hand, so that no acknowledgement is lost.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/le.h"
#include "lib/pci/quirks/quirks.h"

static void write_out(struct lend_function *function, const struct learned *learned)
{
	uint8_t bytes[8];
	uint64_t count;

	if (read(learned->fd, &count, sizeof(count)) != sizeof(count))
		return;
	le_store(bytes, learned->length, learned->data);
	window_device_write(function, learned->bar, learned->offset, bytes, learned->length);
}

static void on_signal(void *opaque)
{
	struct learned *learned = opaque;
	struct lend_function *function = learned->function;

	pthread_mutex_lock(&function->lock);
	if (learned->used && !learned->in_kernel)
		write_out(function, learned);
	pthread_mutex_unlock(&function->lock);
}

static struct lend_ioeventfd to_host(const struct learned *learned)
{
	return (struct lend_ioeventfd){.struct_size = sizeof(struct lend_ioeventfd),
				       .bar = learned->bar,
				       .length = learned->length,
				       .offset = learned->offset,
				       .data = learned->data,
				       .fd = learned->fd};
}

static int to_device(struct lend_function *function, const struct learned *learned, int fd)
{
	struct lend_device *device = function->device;
	const struct backend_ioeventfd what = {.region = learned->bar,
					       .length = learned->length,
					       .offset = learned->offset,
					       .data = learned->data,
					       .fd = fd};

	return device->ops->ioeventfd(device->transport, &what);
}

static int connect_reader(struct lend_function *function, struct learned *learned)
{
	if (!function->quirk_options.no_device_ioeventfd && !to_device(function, learned, learned->fd)) {
		learned->in_kernel = true;
		return 0;
	}
	return function->ops->watch(function->host, learned->fd, on_signal, learned);
}

static void disconnect_reader(struct lend_function *function, struct learned *learned)
{
	if (learned->in_kernel)
		to_device(function, learned, -1);
	else
		function->ops->unwatch(function->host, learned->fd);
	write_out(function, learned);
	close(learned->fd);
	learned->used = learned->in_kernel = false;
}

static int hand_over(struct lend_function *function, struct learned *learned)
{
	struct lend_ioeventfd host;
	int ret;

	learned->function = function;
	learned->in_kernel = false;
	learned->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (learned->fd < 0)
		return -errno;
	ret = connect_reader(function, learned);
	if (ret < 0) {
		close(learned->fd);
		return ret;
	}
	learned->used = true;
	host = to_host(learned);
	ret = function->ops->ioeventfd_add(function->host, function->peer, &host);
	if (ret < 0)
		disconnect_reader(function, learned);
	return ret;
}

static struct learned *free_slot(struct learning *learning)
{
	for (unsigned i = 0; i < LEARN_MAX; i++)
		if (!learning->learned[i].used)
			return &learning->learned[i];
	return NULL;
}

/* Whether this is the write that makes it ten. */
static bool tenth(struct learning *learning, uint64_t offset, uint64_t data, unsigned length)
{
	bool same = learning->hits && learning->offset == offset && learning->data == data &&
		    learning->length == length;

	learning->offset = offset;
	learning->data = data;
	learning->length = length;
	learning->hits = same ? learning->hits + 1 : 1;
	if (learning->hits < LEARN_HITS)
		return false;
	learning->hits = 0;
	return true;
}

void learn_write(struct lend_function *function, unsigned number, unsigned bar, uint64_t offset,
		 const uint8_t *bytes, unsigned length)
{
	struct learning *learning = &function->quirks.learning[number];
	uint64_t data = le_load(bytes, length);
	struct learned *learned;
	int ret;

	if (function->quirk_options.no_ioeventfd)
		return;
	pthread_mutex_lock(&function->lock);
	learned = !learning->given_up && function->bars[bar].placed && tenth(learning, offset, data, length)
			  ? free_slot(learning)
			  : NULL;
	if (learned) {
		learned->bar = bar;
		learned->offset = offset;
		learned->data = data;
		learned->length = length;
		ret = hand_over(function, learned);
		learning->given_up = ret < 0;
		if (ret < 0)
			function_log(function, LEND_LOG_INFO,
				     "acknowledgements of interrupts go on trapping: %s", strerror(-ret));
	}
	pthread_mutex_unlock(&function->lock);
}

void learned_forget(struct lend_function *function, unsigned set)
{
	for (unsigned i = 0; i < LEARN_MIRRORS; i++) {
		struct learning *learning = &function->quirks.learning[i];

		learning->hits = 0;
		learning->given_up = false;
		for (unsigned j = 0; j < LEARN_MAX; j++) {
			struct learned *learned = &learning->learned[j];
			struct lend_ioeventfd host = to_host(learned);

			if (!learned->used || !(set & 1u << learned->bar))
				continue;
			function->ops->ioeventfd_remove(function->host, function->peer, &host);
			disconnect_reader(function, learned);
		}
	}
}
