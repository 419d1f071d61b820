/* SPDX-License-Identifier: MIT */
/*
 * The machine's life: built, booted, run, rebooted, taken apart. vmm_new()
 * leaves a half-built machine to vmm_free(), which takes apart whatever is
 * there, in the reverse order.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/firmware/firmware.h"
#include "vmm/machine.h"
#include "vmm/report.h"

enum { LOG_LINES = 8 };
#define LOG_WINDOW_NS 10000000000ULL

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void vmm_log(struct vmm *vmm, enum lend_log_level level, const char *format, ...)
{
	char line[512];
	va_list args;

	if (!vmm->config.log)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	vmm->config.log(vmm->config.opaque, level, line);
}

void vmm_work(struct vmm *vmm, const char *what)
{
	if (vmm->config.work)
		vmm->config.work(vmm->config.opaque, what);
}

void vmm_tell(struct vmm *vmm, enum vmm_event_type type, unsigned device, uint32_t value, const char *text)
{
	struct vmm_event event = {.type = type, .device = device, .values = {value}};

	snprintf(event.text, sizeof(event.text), "%s", text ? text : "");
	if (vmm->config.event)
		vmm->config.event(vmm->config.opaque, &event);
}

bool vmm_may_log(struct vmm *vmm)
{
	uint64_t now = now_ns();
	bool may;

	pthread_mutex_lock(&vmm->lock);
	if (now - vmm->log_window > LOG_WINDOW_NS) {
		vmm->log_window = now;
		vmm->log_lines = 0;
	}
	may = vmm->log_lines++ < LOG_LINES;
	pthread_mutex_unlock(&vmm->lock);
	return may;
}

void vmm_wake(struct vmm *vmm)
{
	uint64_t one = 1;

	/* The write fails only when the counter is full, and then the loop is awake anyway. */
	if (write(vmm->request_fd, &one, sizeof(one)) < 0)
		return;
}

void vmm_resume(struct vmm *vmm)
{
	pthread_mutex_lock(&vmm->lock);
	if (vmm->request == REQUEST_NONE && !vmm->held)
		vcpus_order(&vmm->vcpus, VCPUS_RUN);
	pthread_mutex_unlock(&vmm->lock);
}

void vmm_request(struct vmm *vmm, enum request request, const char *text)
{
	vcpus_order(&vmm->vcpus, VCPUS_PAUSE);
	pthread_mutex_lock(&vmm->lock);
	/*
	 * Any other request replaces a reboot, so that a guest that reboots cannot
	 * keep the machine from ending.
	 */
	if (vmm->request == REQUEST_NONE || (vmm->request == REQUEST_RESET && request != REQUEST_RESET)) {
		vmm->request = request;
		snprintf(vmm->request_text, sizeof(vmm->request_text), "%s", text);
	}
	vmm_wake(vmm);
	pthread_mutex_unlock(&vmm->lock);
}

void machine_memory_text(const struct vmm *vmm, int code, const void *address, char *text, size_t room)
{
	const char *why = memory_fault_text(code);
	gpa_t at;

	if (memory_find(&vmm->memory, address, &at))
		snprintf(text, room,
			 "guest memory at %#llx has failed (%p here): %s; the host's kernel log has more",
			 (unsigned long long)at.a, address, why);
	else
		snprintf(text, room, "memory at %p has failed: %s; the host's kernel log has more", address,
			 why);
}

void machine_memory_failed(struct vmm *vmm, int code, const void *address)
{
	char text[sizeof(vmm->request_text)];

	machine_memory_text(vmm, code, address, text, sizeof(text));
	vmm_request(vmm, REQUEST_FATAL, text);
}

static enum request take_request(struct vmm *vmm, struct lend_error *error)
{
	enum request request;

	pthread_mutex_lock(&vmm->lock);
	request = vmm->request;
	vmm->request = REQUEST_NONE;
	if (request == REQUEST_FATAL || request == REQUEST_DEVICE)
		fail(error, 0, "%s", vmm->request_text);
	pthread_mutex_unlock(&vmm->lock);
	return request;
}

int vmm_new(const struct vmm_config *config, struct vmm **out, struct lend_error *error)
{
	uint64_t start = now_ns();
	struct vmm *vmm = calloc(1, sizeof(*vmm));
	int ret;

	if (!vmm)
		return fail(error, -ENOMEM, "not enough memory");
	vmm->config = *config;
	vmm->kvm = vmm->vm = vmm->vfio = vmm->taken_fd = vmm->interrupts = vmm->request_fd = vmm->loop.epoll =
		-1;
	pthread_mutex_init(&vmm->lock, NULL);
	pthread_mutex_init(&vmm->places, NULL);
	bus_init(&vmm->memory_bus);
	bus_init(&vmm->port_bus);
	subpages_init(&vmm->subpages);
	ret = machine_build(vmm, error);
	if (ret) {
		vmm_free(vmm);
		return ret;
	}
	vmm->boot_ns = now_ns() - start;
	*out = vmm;
	return 0;
}

struct boot_call {
	struct vmm *vmm;
	struct lend_error *error;
};

static int boot_again(void *opaque)
{
	const struct boot_call *call = opaque;

	return machine_boot(call->vmm, call->error);
}

/* After a long run, a page of guest memory may have failed where the kernel's image goes. */
static int boot_guarded(struct vmm *vmm, struct lend_error *error)
{
	struct boot_call call = {vmm, error};
	struct memory_note note = {.wake = -1};
	char text[256];
	int ret = memory_fault_guard(boot_again, &call, &note);

	if (!note.code)
		return ret;
	machine_memory_text(vmm, note.code, note.address, text, sizeof(text));
	return fail(error, ret, "%s", text);
}

static int reboot(struct vmm *vmm, bool by_guest, struct lend_error *error)
{
	int ret;

	vmm->reboots++;
	plugs_reset(vmm);
	vmm_work(vmm, "resetting its devices");
	plugs_settle(vmm);
	ret = devices_reset(vmm, error);
	vmm_work(vmm, NULL);
	ports_reset(vmm); /* before the controllers: it lowers its line */
	if (!ret && (chips_reset(vmm) || firmware_reset(vmm)))
		ret = fail(error, -EIO, "KVM does not take the interrupt controllers' state");
	ret = ret ? ret : boot_guarded(vmm, error);
	if (ret)
		return ret;
	vmm_tell(vmm, VMM_EVENT_RESET, 0, by_guest, NULL);
	vmm_resume(vmm);
	return 0;
}

/*
 * Several processors may ask before they leave the guest, and the first request was taken. Of
 * the others another reset is the one that begins now, so that it does not reach the machine
 * that is booted next. Any other request is carried out in place of the reboot.
 */
static bool is_replaced(struct vmm *vmm, bool *by_guest)
{
	bool replaced;

	pthread_mutex_lock(&vmm->lock);
	*by_guest = !vmm->reset_asked;
	vmm->reset_asked = false;
	if (vmm->request == REQUEST_RESET)
		vmm->request = REQUEST_NONE;
	replaced = vmm->request != REQUEST_NONE;
	pthread_mutex_unlock(&vmm->lock);
	return replaced;
}

/* Acts on a request; true when the machine has ended, and how is in *end. */
static bool act(struct vmm *vmm, enum request request, enum vmm_end *end, struct lend_error *error)
{
	static const enum vmm_end ends[] = {
		[REQUEST_RESET] = VMM_END_REBOOT, [REQUEST_OFF] = VMM_END_POWEROFF,
		[REQUEST_PANIC] = VMM_END_PANIC,  [REQUEST_FATAL] = VMM_END_FAULT,
		[REQUEST_DEVICE] = VMM_END_ERROR, [REQUEST_STOP] = VMM_END_STOPPED,
	};

	bool by_guest = true;

	vcpus_order(&vmm->vcpus, VCPUS_PAUSE);
	vcpus_wait_parked(&vmm->vcpus);
	if (request == REQUEST_RESET && is_replaced(vmm, &by_guest))
		return false;
	if (request == REQUEST_PANIC)
		vmm_tell(vmm, VMM_EVENT_PANIC, 0, 0, NULL);
	*end = ends[request];
	if (request != REQUEST_RESET || vmm->config.no_reboot)
		return true;
	if (reboot(vmm, by_guest, error) == 0)
		return false;
	*end = VMM_END_ERROR;
	return true;
}

enum vmm_end vmm_run(struct vmm *vmm, struct lend_error *error)
{
	enum vmm_end end = VMM_END_ERROR;
	bool ended = false;
	int ret = vcpus_start(&vmm->vcpus, error);

	ret = ret ? ret : plugs_start(vmm, error);
	if (ret)
		return VMM_END_ERROR;
	vmm->note = (struct memory_note){.wake = vmm->request_fd};
	memory_fault_watch(&vmm->note);
	__atomic_store_n(&vmm->started, true, __ATOMIC_RELAXED);
	if (vmm->config.mark)
		vmm->config.mark(vmm->config.opaque, VMM_STEP_MAIN, "first instruction of the guest");
	vmm_resume(vmm);
	while (!ended) {
		enum request request;

		if (vmm->note.code)
			machine_memory_failed(vmm, vmm->note.code, vmm->note.address);
		request = take_request(vmm, error);

		if (request != REQUEST_NONE) {
			ended = act(vmm, request, &end, error);
			continue;
		}
		devices_release(vmm);
		ports_serve(vmm);
		errors_serve(vmm);
		devices_shown(vmm);
		if (vmm->config.turn)
			vmm->config.turn(vmm->config.opaque);
		plugs_serve(vmm); /* last: it sets the clock for whom all the others have asked */
		ret = loop_once(&vmm->loop);
		if (ret) {
			fail(error, ret, "the machine's event loop failed: %s", strerror(-ret));
			ended = true;
		}
	}
	vcpus_order(&vmm->vcpus, VCPUS_PAUSE);
	vcpus_wait_parked(&vmm->vcpus);
	vmm_work(vmm, "stopping its devices");
	devices_quiesce(vmm);
	vmm_work(vmm, NULL);
	memory_fault_watch(NULL);
	return end;
}

void vmm_power_button(struct vmm *vmm)
{
	if (vmm->firmware)
		pm_button(&vmm->firmware->pm);
	else
		power_button(&vmm->power);
	vmm_tell(vmm, VMM_EVENT_POWERDOWN, 0, 0, NULL);
}

void vmm_stop(struct vmm *vmm)
{
	vmm_request(vmm, REQUEST_STOP, "");
}

int vmm_watch(struct vmm *vmm, int fd, void (*fn)(void *opaque), void *opaque)
{
	return loop_add(&vmm->loop, fd, EPOLLIN, fn, opaque);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void vmm_free(struct vmm *vmm)
{
	if (!vmm)
		return;
	ahead_end(vmm);
	vcpus_free(&vmm->vcpus);
	posts_end(vmm);
	plugs_free(vmm);
	devices_close(vmm);
	lend_space_free(vmm->space);
	ports_free(vmm);
	firmware_free(vmm);
	chips_free(vmm);
	ecam_free(vmm);
	loop_free(&vmm->loop);
	lend_context_free(vmm->context);
	report_close(vmm);
	close_fd(&vmm->request_fd);
	close_fd(&vmm->vfio);
	close_fd(&vmm->vm);
	close_fd(&vmm->kvm);
	memory_free(&vmm->memory);
	free(vmm->cpuid);
	free(vmm);
}
