/* SPDX-License-Identifier: MIT */
/* The clock of a firmware machine: the host's time, a timer of the loop for what interrupts, and IRQ 8. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/firmware/firmware.h"
#include "vmm/kvm.h"

enum { SECOND = 1000000000 };

static int64_t time_of_day(void *opaque)
{
	struct timespec now;

	(void)opaque;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec;
}

/* A timer that cannot be set is none: the guest waits for its alarm, and asks again. */
static void arm(void *opaque, int64_t ns)
{
	const struct vmm *vmm = opaque;
	const struct itimerspec when = {
		.it_value = {.tv_sec = ns < 0 ? 0 : ns / SECOND, .tv_nsec = ns < 0 ? 0 : ns % SECOND}};

	if (timerfd_settime(vmm->firmware->rtc_timer, 0, &when, NULL))
		return;
}

static void set_irq(void *opaque, bool high)
{
	struct vmm *vmm = opaque;
	int ret = hv_irq_line(vmm->vm, GSI_RTC, high);

	if (ret && vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING, "KVM does not take the clock's interrupt: %s", strerror(-ret));
}

static void on_timer(void *opaque)
{
	struct firmware *firmware = ((struct vmm *)opaque)->firmware;
	uint64_t count;

	/* Set anew meanwhile: there is nothing to read, and nothing to do. */
	if (read(firmware->rtc_timer, &count, sizeof(count)) == sizeof(count))
		rtc_expired(&firmware->rtc);
}

int firmware_clock_init(struct vmm *vmm, struct lend_error *error)
{
	const struct rtc_calls calls = {.now = time_of_day, .arm = arm, .irq = set_irq, .opaque = vmm};
	struct firmware *firmware = vmm->firmware;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK), ret;

	if (fd < 0)
		return fail(error, -errno, "cannot make a timer for the guest's clock: %s", strerror(errno));
	ret = loop_add(&vmm->loop, fd, EPOLLIN, on_timer, vmm);
	if (ret) {
		close(fd);
		return fail(error, ret, "cannot watch the timer of the guest's clock: %s", strerror(-ret));
	}
	firmware->rtc_timer = fd;
	rtc_init(&firmware->rtc, firmware->config.rtc_offset, &calls);
	return 0;
}

void firmware_clock_free(struct vmm *vmm)
{
	struct firmware *firmware = vmm->firmware;

	if (firmware->rtc_timer < 0)
		return;
	loop_remove(&vmm->loop, firmware->rtc_timer);
	close(firmware->rtc_timer);
	rtc_free(&firmware->rtc);
	firmware->rtc_timer = -1;
}
