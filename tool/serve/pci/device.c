/* SPDX-License-Identifier: MIT */
/* Opening the device, and its end; see device.h. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lend/reset.h"
#include "tool/serve/pci/device.h"
#include "tool/tool.h"

/* Host operations: there is no guest here. What liblend watches is served by the loop of this process. */

static int watch(void *host, int fd, lend_watch_fn fn, void *opaque)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct pci_device *pci = host;

	for (unsigned i = 0; i < PCI_WATCHES_MAX; i++) {
		if (pci->watches[i].fd >= 0)
			continue;
		event.data.u32 = i;
		if (epoll_ctl(pci->watch_fd, EPOLL_CTL_ADD, fd, &event))
			return -errno;
		pci->watches[i].fd = fd;
		pci->watches[i].fn = fn;
		pci->watches[i].opaque = opaque;
		return 0;
	}
	return -ENOSPC;
}

static int unwatch(void *host, int fd)
{
	struct pci_device *pci = host;

	for (unsigned i = 0; i < PCI_WATCHES_MAX; i++) {
		if (pci->watches[i].fd != fd)
			continue;
		pci->watches[i].fd = -1;
		return epoll_ctl(pci->watch_fd, EPOLL_CTL_DEL, fd, NULL) ? -errno : 0;
	}
	return -ENOENT;
}

static void on_event(void *host, void *peer, enum lend_event event, const char *text)
{
	struct pci_device *pci = host;

	(void)peer;
	pci->wanted |= event == LEND_EVENT_REQUEST;
	if (event != LEND_EVENT_RESET)
		tool_say("%s: %s", lend_device_info(pci->device)->name, text);
}

static const struct lend_host_ops host_ops = {
	.size = sizeof(host_ops),
	.watch = watch,
	.unwatch = unwatch,
	.event = on_event,
};

int pci_device_work(struct pci_device *pci)
{
	struct epoll_event events[PCI_WATCHES_MAX];
	int count = epoll_wait(pci->watch_fd, events, PCI_WATCHES_MAX, 0);

	for (int i = 0; i < count; i++)
		if (pci->watches[events[i].data.u32].fd >= 0)
			pci->watches[events[i].data.u32].fn(pci->watches[events[i].data.u32].opaque);
	return pci->wanted ? -ESHUTDOWN : 0;
}

/*
 * The client's memory is locked when it maps it, and this process has no privileges
 * then: what it may have, it takes now.
 */
static void raise_limit(__rlimit_resource_t resource)
{
	struct rlimit now, all = {RLIM_INFINITY, RLIM_INFINITY};

	if (getrlimit(resource, &now))
		return;
	if (resource == RLIMIT_MEMLOCK && !setrlimit(resource, &all))
		return;
	now.rlim_cur = now.rlim_max;
	setrlimit(resource, &now);
}

/* What its last user left in a device must not reach the client. */
static int reset(struct pci_device *pci, bool allow_unreset, struct lend_error *error)
{
	const char *name = lend_device_info(pci->device)->name;
	struct lend_reset_report report;
	int ret = lend_context_reset(pci->context, &pci->function, 1, &report, sizeof(report));
	const char *obstacle = report.obstacle[0] ? report.obstacle : "its bus cannot be reset";

	if (ret && !allow_unreset)
		return tool_fail(error, ret,
				 "%s: it cannot be reset: %s (the kernel offers %s for it alone; %s), so a "
				 "client would get what its last user left; --allow-unreset serves it all "
				 "the same",
				 name, strerror(-ret), report.offered[0] ? report.offered : "nothing",
				 obstacle);
	if (ret)
		tool_say("%s: served without a reset: %s", name, strerror(-ret));
	else if (!report.checked)
		tool_say("%s: after its reset, %s", name, report.check);
	return 0;
}

static int open_device(struct pci_device *pci, const struct run_device *options, const void *rom,
		       size_t rom_length, struct lend_error *error)
{
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;
	struct lend_function_config function = options->function;
	int ret = lend_space_new(pci->context, &host_ops, pci, &pci->space);

	if (ret)
		return tool_fail(error, ret, "cannot make a space: %s", strerror(-ret));
	config.address = options->host;
	config.backend = options->backend;
	config.vf_token = options->vf_token[0] ? options->vf_token : NULL;
	ret = lend_device_open_with(pci->space, &config, &pci->device, error);
	if (ret)
		return ret;
	function.size = sizeof(function);
	function.no_intx = true; /* the client has the line */
	function.p2p = LEND_P2P_OFF;
	function.rom = rom;
	function.rom_length = rom_length;
	return lend_function_new(pci->device, &function, &pci->function, error);
}

int pci_device_open(struct pci_device *pci, struct lend_context *context, const struct run_device *options,
		    const void *rom, size_t rom_length, struct lend_error *error)
{
	int ret;

	*pci = (struct pci_device){.context = context};
	for (unsigned i = 0; i < PCI_WATCHES_MAX; i++)
		pci->watches[i].fd = -1;
	raise_limit(RLIMIT_MEMLOCK);
	raise_limit(RLIMIT_NOFILE);
	pci->watch_fd = epoll_create1(EPOLL_CLOEXEC);
	if (pci->watch_fd < 0)
		return tool_fail(error, -errno, "cannot open a descriptor to wait for: %s", strerror(errno));
	ret = open_device(pci, options, rom, rom_length, error);
	return ret ? ret : reset(pci, options->allow_unreset, error);
}

void pci_device_close(struct pci_device *pci)
{
	lend_function_free(pci->function);
	lend_device_close(pci->device);
	if (pci->space)
		lend_space_free(pci->space);
	if (pci->watch_fd > 0)
		close(pci->watch_fd);
	*pci = (struct pci_device){0};
}
