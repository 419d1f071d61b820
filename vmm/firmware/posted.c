/* SPDX-License-Identifier: MIT */
/*
 * Which writes to the chips KVM keeps: those that nobody sees before a read, which is an exit. They are more
 * than half of all exits of a boot.
 *
 * The store of variables is one as long as it is no memory: a byte of a variable is two writes. Its last
 * command of a burst waits for the next exit like the others, and a guest may have none for long: so a timer
 * fetches it.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/firmware/firmware.h"
#include "vmm/kvm.h"

enum { FETCH_NS = 50000000 };

/* fw_cfg's selector and the upper half of its DMA address, and the index of the clock. */
static const struct {
	uint16_t port, length;
} ports[] = {{PORT_FW_CFG, 2}, {PORT_FW_CFG + 4, 4}, {PORT_CMOS, 1}};

static void on_timer(void *opaque)
{
	struct firmware *firmware = ((struct vmm *)opaque)->firmware;
	uint64_t count;

	if (read(firmware->posted_timer, &count, sizeof(count)) == sizeof(count))
		posted_fetch(&((struct vmm *)opaque)->posted);
}

static int make_timer(struct vmm *vmm)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	int ret = fd < 0 ? -errno : loop_add(&vmm->loop, fd, EPOLLIN, on_timer, vmm);

	if (ret && fd >= 0)
		close(fd);
	vmm->firmware->posted_timer = ret ? -1 : fd;
	return ret;
}

static void on_batch(void *opaque, bool begins)
{
	flash_batch(opaque, begins);
}

int firmware_post(struct vmm *vmm, struct lend_error *error)
{
	struct firmware *firmware = vmm->firmware;
	int ret;

	if (!firmware || !vmm->vcpus.posted)
		return 0;
	ret = make_timer(vmm);
	if (ret)
		return fail(error, ret, "cannot make a timer for the firmware's flash: %s", strerror(-ret));
	if (firmware->store.made) {
		vmm->posted.opaque = &firmware->store.chip;
		vmm->posted.batch = on_batch;
	}
	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports) && hv_check(vmm->vm, KVM_CAP_COALESCED_PIO) > 0;
	     i++)
		hv_coalesce(vmm->vm, ports[i].port, ports[i].length, 1, 1);
	return 0;
}

void firmware_post_store(struct vmm *vmm, const struct firmware_image *store, bool commands)
{
	struct firmware *firmware = vmm->firmware;
	const struct timespec often = {.tv_nsec = commands ? FETCH_NS : 0};
	const struct itimerspec when = {.it_value = often, .it_interval = often};

	if (store != &firmware->store || firmware->posted_timer < 0)
		return;
	/* Where KVM refuses, each write is an exit. */
	if (hv_coalesce(vmm->vm, store->at.a, store->chip.size, 0, commands) && commands)
		return;
	if (timerfd_settime(firmware->posted_timer, 0, &when, NULL))
		return;
}

void firmware_post_free(struct vmm *vmm)
{
	struct firmware *firmware = vmm->firmware;

	if (firmware->posted_timer < 0)
		return;
	loop_remove(&vmm->loop, firmware->posted_timer);
	close(firmware->posted_timer);
	firmware->posted_timer = -1;
}
