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

#include "vmm/error.h"
#include "vmm/machine.h"

struct opening {
	struct vmm *vmm;
	unsigned index;
	pthread_t thread;
	bool started;
	int ret;
	struct lend_error error;
};

static void *open_one(void *opaque)
{
	struct opening *opening = opaque;
	struct vmm *vmm = opening->vmm;
	const struct vmm_device_config *asked = &vmm->config.devices[opening->index];
	struct lend_device_config config = LEND_DEVICE_CONFIG_INIT;

	config.backend = asked->backend;
	if (asked->backend == LEND_BACKEND_USER) {
		config.socket_fd = asked->fd;
		config.reply_ms = asked->reply_ms;
		config.reconnects = asked->reconnects;
		config.name = asked->name;
	} else {
		config.address = asked->host;
		config.fd = asked->fd;
		config.iommu_fd = vmm->config.iommu_fd;
		config.vf_token = asked->vf_token;
	}
	step_begin(vmm, VMM_STEP_DEVICE + opening->index, "opening %s",
		   asked->host                           ? asked->host
		   : asked->name                         ? asked->name
		   : asked->backend == LEND_BACKEND_USER ? "a device behind a socket"
							 : "the device that was handed over open");
	opening->ret = lend_device_open_with(vmm->space, &config, &vmm->assigned[opening->index].device,
					     &opening->error);
	if (!opening->ret)
		snprintf(vmm->assigned[opening->index].name, sizeof(vmm->assigned[opening->index].name), "%s",
			 lend_device_info(vmm->assigned[opening->index].device)->name);
	step_end(vmm, VMM_STEP_DEVICE + opening->index);
	return NULL;
}

int devices_open(struct vmm *vmm, struct lend_error *error)
{
	struct opening openings[VMM_DEVICES_MAX] = {0};
	unsigned count = vmm->config.device_count;
	int ret = 0;

	vmm->assigned = calloc(count ? count : 1, sizeof(*vmm->assigned));
	if (!vmm->assigned)
		return fail(error, -ENOMEM, "not enough memory");
	vmm->assigned_count = count;
	for (unsigned i = 0; i < count; i++) {
		vmm->assigned[i].allow_unreset = vmm->config.devices[i].allow_unreset;
		vmm->assigned[i].served = vmm->config.devices[i].backend == LEND_BACKEND_USER;
		vmm->assigned[i].stop_on_error = vmm->config.devices[i].stop_on_error;
		ret = ret ? ret : assigned_init(&vmm->assigned[i], vmm);
		openings[i] = (struct opening){.vmm = vmm, .index = i};
		openings[i].started =
			count > 1 && !pthread_create(&openings[i].thread, NULL, open_one, &openings[i]);
		if (!openings[i].started)
			open_one(&openings[i]);
	}
	for (unsigned i = 0; i < count; i++)
		if (openings[i].started)
			pthread_join(openings[i].thread, NULL);
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
static bool siblings(const struct vmm *vmm, unsigned i, unsigned j)
{
	const struct lend_bdf *a = &lend_device_info(vmm->assigned[i].device)->bdf;
	const struct lend_bdf *b = &lend_device_info(vmm->assigned[j].device)->bdf;

	return i != j && !vmm->assigned[i].alone && !vmm->assigned[j].alone && a->domain == b->domain &&
	       a->bus == b->bus && a->device == b->device;
}

static int make_function(struct vmm *vmm, unsigned index, enum lend_place place, struct lend_error *error)
{
	struct assigned *assigned = &vmm->assigned[index];
	struct lend_function_config config = vmm->config.devices[index].function;

	config.size = sizeof(config);
	config.place = place;
	config.peer = assigned;
	config.shares_pages = true;
	config.maps_read_only = true;
	for (unsigned i = 0; i < vmm->assigned_count; i++)
		config.multifunction |= siblings(vmm, i, index);
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
	for (unsigned i = 0; i < vmm->assigned_count; i++)
		vmm->assigned[i].alone = is_alone(vmm, lend_device_info(vmm->assigned[i].device));
	for (unsigned i = 0; i < vmm->assigned_count; i++) {
		int ret = make_function(vmm, i, LEND_PLACE_PORT, error);

		if (!ret && natural_place(&vmm->assigned[i]) != LEND_PLACE_PORT)
			ret = make_function(vmm, i, LEND_PLACE_ROOT, error);
		if (ret)
			return ret;
	}
	return 0;
}

static int place_functions(struct vmm *vmm, struct layout_needs *needs, struct lend_error *error)
{
	struct placement placements[VMM_DEVICES_MAX];

	vmm->topology = (struct topology){.chips = vmm->topology_chips};
	for (unsigned i = 0; i < vmm->assigned_count; i++) {
		const struct lend_device_info *info = lend_device_info(vmm->assigned[i].device);

		placements[i] = (struct placement){
			.function = vmm->assigned[i].function,
			.host = info->bdf,
			.alone = vmm->assigned[i].alone,
			.place = vmm->assigned[i].place,
		};
	}
	if (topology_place(&vmm->topology, placements, vmm->assigned_count))
		return fail(error, -ENOSPC, "more devices than the machine has slots (%d)", PCI_SLOTS - 1);
	for (unsigned i = 0; i < vmm->assigned_count; i++)
		vmm->assigned[i].slot = topology_slot(&vmm->topology, vmm->assigned[i].function);
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
	unsigned found = vmm->assigned_count;
	uint64_t largest = 0;
	int ret;

	for (unsigned i = 0; i < vmm->assigned_count; i++) {
		uint64_t size = largest_fixed_bar(&vmm->assigned[i]);

		if (vmm->assigned[i].place == LEND_PLACE_PORT && size > largest) {
			largest = size;
			found = i;
		}
	}
	if (found == vmm->assigned_count)
		return -ENOSPC;
	ret = make_function(vmm, found, LEND_PLACE_ROOT, error);
	for (unsigned i = 0; i < vmm->assigned_count && !ret; i++)
		if (siblings(vmm, i, found))
			ret = make_function(vmm, i, LEND_PLACE_ROOT, error);
	if (!ret)
		vmm_log(vmm, LEND_LOG_INFO,
			"%s: goes to the root bus, its BAR of %llu MiB is not prefetchable and does not fit "
			"below 4 GiB",
			lend_device_info(vmm->assigned[found].device)->name,
			(unsigned long long)(largest >> 20));
	return ret;
}

int devices_place(struct vmm *vmm, struct lend_error *error)
{
	size_t count = lend_space_windows(vmm->space, NULL, 0); /* it does not change: all devices are open */
	struct lend_iova_window *windows = calloc(count + 1, sizeof(*windows));
	struct layout_needs needs = {.kind = vmm->firmware ? LAYOUT_FIRMWARE : LAYOUT_DIRECT,
				     .memory = vmm->config.memory,
				     .physical_bits = cpuid_physical_bits(vmm->cpuid),
				     .windows = windows};
	int ret = windows ? make_functions(vmm, error) : fail(error, -ENOMEM, "out of memory");

	if (windows)
		needs.window_count = lend_space_windows(vmm->space, windows, count);
	if (!ret)
		ret = place_functions(vmm, &needs, error);
	while (!ret && needs.low > layout_low_most(needs.kind) && !move_largest(vmm, error))
		ret = place_functions(vmm, &needs, error);
	ret = ret ? ret : layout_plan(&needs, &vmm->layout, error);
	free(windows);
	return ret;
}
