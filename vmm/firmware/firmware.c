/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/firmware/firmware.h"
#include "vmm/kvm.h"

static void say(void *opaque, const char *text)
{
	struct vmm *vmm = opaque;

	if (vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING, "%s", text);
}

/* ECAM does not answer where RAM, the interrupt controllers, flash or a BAR is. */
static int add_ecam(struct vmm *vmm, uint64_t base, uint64_t length)
{
	const struct bus_range range = {
		.start = base, .length = length, .ops = &ecam_ops, .opaque = &vmm->topology};

	if (base + length > ADDR_IOAPIC || memory_overlaps(&vmm->memory, gpa(base), length))
		return -EBUSY;
	return bus_add(&vmm->memory_bus, &range);
}

/* With the chipset's lock. No holder of vmm->places waits for that. */
static int move_ecam(void *opaque, uint64_t base, uint64_t length)
{
	struct vmm *vmm = opaque;
	int ret = 0;

	pthread_mutex_lock(&vmm->places);
	bus_remove(&vmm->memory_bus, &vmm->topology, 0);
	if (length)
		ret = add_ecam(vmm, base, length);
	bars_retry(vmm);
	pthread_mutex_unlock(&vmm->places);
	return ret;
}

static void show_pm(void *opaque, bool shown)
{
	(void)opaque;
	(void)shown;
}

int firmware_new(struct vmm *vmm, struct lend_error *error)
{
	struct firmware *firmware;

	if (!vmm->config.firmware)
		return 0;
	firmware = calloc(1, sizeof(*firmware));
	if (!firmware)
		return fail(error, -ENOMEM, "not enough memory");
	vmm->firmware = firmware;
	firmware->config = *vmm->config.firmware;
	vmm->config.firmware = &firmware->config;
	firmware->chipset =
		(struct chipset){.move_ecam = move_ecam, .show_pm = show_pm, .say = say, .opaque = vmm};
	chipset_init(&firmware->chipset);
	firmware->chips = (struct topology_chips){
		.reset = chipset_reset, .written = chipset_written, .opaque = &firmware->chipset};
	vmm->topology_chips = &firmware->chips;
	return 0;
}

int firmware_init(struct vmm *vmm, struct lend_error *error)
{
	struct firmware *firmware = vmm->firmware;
	int ret;

	if (!firmware)
		return 0;
	ret = hv_create_pit(vmm->vm);
	ret = ret ? ret : hv_get_pit(vmm->vm, &firmware->pit);
	return ret ? fail(error, ret, "KVM cannot make the chips of a PC: %s", strerror(-ret)) : 0;
}

int firmware_reset(struct vmm *vmm)
{
	struct firmware *firmware = vmm->firmware;

	return firmware ? hv_set_pit(vmm->vm, &firmware->pit) : 0;
}

void firmware_free(struct vmm *vmm)
{
	free(vmm->firmware);
	vmm->firmware = NULL;
}
