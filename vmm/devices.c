/* SPDX-License-Identifier: MIT */
/*
 * The assigned devices before the guest starts. Each is opened in a thread of
 * its own, because an open may include a reset and an FLR takes 100 ms. Then
 * each gets a function, and its place on the buses. Their later life is in
 * devices_life.c.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vmm/brief.h"
#include "vmm/error.h"
#include "vmm/machine.h"

struct opening {
	struct assigned *assigned;
	struct brief thread;
	bool started;
	int ret;
	struct lend_error error;
};

const char *device_words(const struct assigned *assigned)
{
	const struct vmm_device_config *asked = &assigned->config;

	if (asked->host || asked->name)
		return asked->host ? asked->host : asked->name;
	if (asked->facts)
		return asked->facts->name;
	return asked->backend == LEND_BACKEND_USER ? "a device behind a socket"
						   : "the device that was handed over open";
}

int device_open(struct assigned *assigned, struct lend_error *error)
{
	const struct vmm_device_config *asked = &assigned->config;
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;
	int ret;

	config.backend = asked->backend;
	if (asked->backend == LEND_BACKEND_USER) {
		config.socket_fd = asked->fd;
		config.reply_ms = asked->reply_ms;
		config.reconnects = asked->reconnects;
		config.name = asked->name;
	} else {
		config.address = asked->host;
		config.fd = asked->fd;
		config.iommu_fd = asked->facts ? asked->iommu_fd : assigned->vmm->config.iommu_fd;
		config.vf_token = asked->vf_token;
		config.facts = asked->facts;
		config.group_fd = asked->group_fd;
		config.container_fd = asked->container_fd;
	}
	ret = lend_device_open_with(assigned->vmm->space, &config, &assigned->device, error);
	if (!ret)
		snprintf(assigned->name, sizeof(assigned->name), "%s",
			 lend_device_info(assigned->device)->name);
	return ret;
}

void device_close_given(struct assigned *assigned)
{
	int *fds[] = {&assigned->config.fd, &assigned->config.iommu_fd, &assigned->config.group_fd,
		      &assigned->config.container_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
		if (*fds[i] > 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static void *open_one(void *opaque)
{
	struct opening *opening = opaque;
	struct assigned *assigned = opening->assigned;

	step_begin(assigned->vmm, VMM_STEP_DEVICE + assigned->index, "opening %s", device_words(assigned));
	opening->ret = device_open(assigned, &opening->error);
	step_end(assigned->vmm, VMM_STEP_DEVICE + assigned->index);
	return NULL;
}

static int make_assigned(struct vmm *vmm, struct lend_error *error)
{
	for (unsigned i = 0; i < vmm->config.device_count; i++) {
		int ret = assigned_new(vmm, i, &vmm->config.devices[i], &vmm->assigned[i]);

		if (ret)
			return fail(error, ret, "cannot make a device of the machine: %s", strerror(-ret));
		vmm->assigned_count = i + 1;
	}
	return 0;
}

int devices_open(struct vmm *vmm, struct lend_error *error)
{
	struct opening openings[VMM_DEVICES_MAX] = {0};
	int ret = make_assigned(vmm, error);
	unsigned count = vmm->assigned_count;

	if (ret)
		return ret;
	for (unsigned i = 0; i < count; i++) {
		openings[i].assigned = vmm->assigned[i];
		openings[i].started =
			count > 1 && !brief_start(&openings[i].thread, NULL, open_one, &openings[i]);
		if (!openings[i].started)
			open_one(&openings[i]);
	}
	for (unsigned i = 0; i < count; i++)
		if (openings[i].started)
			brief_join(&openings[i].thread);
	/*
	 * The kernel resets a device when it is opened, and needs the locks of its
	 * neighbours for that. It does not wait for them: the open fails with EAGAIN.
	 * No other thread of ours opens a device any more, so one more try is enough.
	 */
	for (unsigned i = 0; i < count; i++) {
		if (openings[i].ret == -EAGAIN)
			open_one(&openings[i]);
		if (openings[i].ret && !ret)
			ret = fail(error, openings[i].ret, "%s", openings[i].error.text);
	}
	return ret;
}

/* Functions of one slot of the host stay together; a VF gets a slot of its own. */
static bool siblings(const struct assigned *one, const struct assigned *other)
{
	const struct lend_bdf *a = &lend_device_info(one->device)->bdf;
	const struct lend_bdf *b = &lend_device_info(other->device)->bdf;

	return one != other && !one->alone && !other->alone && a->domain == b->domain && a->bus == b->bus &&
	       a->device == b->device;
}

int device_make_function(struct assigned *assigned, enum lend_place place, struct lend_error *error)
{
	struct lend_function_config config = assigned->config.function;

	config.size = sizeof(config);
	config.place = place;
	config.peer = assigned;
	config.shares_pages = true;
	config.maps_read_only = true;
	config.tells_request = true;
	config.reports_errors = assigned->vmm->config.ports && place == LEND_PLACE_PORT &&
				assigned->config.on_error == VMM_ERROR_FORWARD;
	for (const struct assigned *at = NULL; (at = assigned_next(assigned->vmm, at));)
		config.multifunction |= siblings(at, assigned);
	lend_function_free(assigned->function);
	assigned->function = NULL;
	assigned->place = place;
	return lend_function_new(assigned->device, &config, &assigned->function, error);
}

/* Where the function belongs by its own nature. */
static enum lend_place natural_place(const struct assigned *assigned)
{
	struct lend_link link;

	lend_function_link(assigned->function, &link, sizeof(link));
	return link.is_pcie && link.type != PCI_EXP_TYPE_RC_END ? LEND_PLACE_PORT : LEND_PLACE_ROOT;
}

/* Whether a function gets a slot of its own in the guest: what has no address, and VFs. */
static bool is_alone(struct vmm *vmm, const struct lend_device_info *info)
{
	struct lend_host_device host = {0};

	return info->is_mdev || info->backend == LEND_BACKEND_USER ||
	       (lend_host_find(vmm->context, info->name, &host, sizeof(host), NULL) == 0 && host.is_vf);
}

static int make_functions(struct vmm *vmm, struct lend_error *error)
{
	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		at->alone = is_alone(vmm, lend_device_info(at->device));
	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));) {
		int ret = device_make_function(at, LEND_PLACE_PORT, error);

		if (!ret && natural_place(at) != LEND_PLACE_PORT)
			ret = device_make_function(at, LEND_PLACE_ROOT, error);
		if (ret)
			return ret;
	}
	return 0;
}

static int place_functions(struct vmm *vmm, struct layout_needs *needs, struct lend_error *error)
{
	struct placement placements[VMM_DEVICES_MAX];

	vmm->topology = (struct topology){.chips = vmm->topology_chips};
	for (const struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		placements[at->index] = (struct placement){
			.function = at->function,
			.host = lend_device_info(at->device)->bdf,
			.alone = at->alone,
			.place = at->place,
		};
	if (topology_place(&vmm->topology, placements, vmm->assigned_count))
		return fail(error, -ENOSPC, "more devices than the machine has slots (%d)", PCI_SLOTS - 1);
	if (topology_add_ports(&vmm->topology, vmm->config.ports, vmm->config.port_window))
		return fail(error, -ENOSPC,
			    "-ports %u: devices and empty ports are more than the machine has slots (%d)",
			    vmm->config.ports, PCI_SLOTS - 1);
	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));)
		at->slot = topology_slot(&vmm->topology, at->function);
	topology_needs(&vmm->topology, needs);
	return 0;
}

/* The 64-bit BAR that is not prefetchable and takes most room below 4 GiB. */
static uint64_t largest_fixed_bar(const struct assigned *assigned)
{
	uint64_t largest = 0;

	for (unsigned i = 0; i < LEND_BARS; i++) {
		struct lend_bar bar;

		lend_function_bar(assigned->function, i, &bar, sizeof(bar));
		if (bar.is_64 && !bar.prefetchable && bar.size > largest)
			largest = bar.size;
	}
	return largest;
}

static int move_largest(struct vmm *vmm, struct lend_error *error)
{
	struct assigned *found = NULL;
	uint64_t largest = 0;
	int ret;

	for (struct assigned *at = NULL; (at = assigned_next(vmm, at));) {
		uint64_t size = largest_fixed_bar(at);

		if (at->place == LEND_PLACE_PORT && size > largest) {
			largest = size;
			found = at;
		}
	}
	if (!found)
		return -ENOSPC;
	ret = device_make_function(found, LEND_PLACE_ROOT, error);
	for (struct assigned *at = NULL; !ret && (at = assigned_next(vmm, at));)
		if (siblings(at, found))
			ret = device_make_function(at, LEND_PLACE_ROOT, error);
	if (!ret)
		vmm_log(vmm, LEND_LOG_INFO,
			"%s: goes to the root bus, its BAR of %llu MiB is not prefetchable and does not fit "
			"below 4 GiB",
			found->name, (unsigned long long)(largest >> 20));
	return ret;
}

int devices_place(struct vmm *vmm, struct lend_error *error)
{
	size_t count = lend_space_windows(vmm->space, NULL, 0); /* it does not change: all devices are open */
	struct lend_iova_window *windows = calloc(count + 1, sizeof(*windows));
	struct layout_needs needs = {.kind = vmm->firmware ? LAYOUT_FIRMWARE : LAYOUT_DIRECT,
				     .memory = vmm->config.memory,
				     .windows = windows};
	int ret = windows ? make_functions(vmm, error) : fail(error, -ENOMEM, "out of memory");

	if (windows)
		needs.window_count = lend_space_windows(vmm->space, windows, count);
	if (needs.window_count > count) /* memory ran out when they were counted */
		ret = fail(error, -ENOMEM, "out of memory");
	if (ret) {
		free(windows);
		return ret;
	}
	/* Releases of ovmf up to 2024 take the end of the address space for BARs, wherever devices reach. */
	if (vmm->firmware)
		cpuid_limit_bits(vmm->cpuid, layout_reached_bits(windows, needs.window_count));
	needs.physical_bits = cpuid_physical_bits(vmm->cpuid);
	ret = place_functions(vmm, &needs, error);
	while (!ret && needs.low > layout_low_most(needs.kind) && !move_largest(vmm, error))
		ret = place_functions(vmm, &needs, error);
	ret = ret ? ret : layout_plan(&needs, &vmm->layout, error);
	free(windows);
	return ret;
}
