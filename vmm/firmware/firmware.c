/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
	ecam_place(vmm, 0, 0);
	if (length)
		ret = add_ecam(vmm, base, length);
	if (!ret)
		ecam_place(vmm, base, length);
	bars_retry(vmm);
	pthread_mutex_unlock(&vmm->places);
	firmware_ecam_moved(vmm, base);
	return ret;
}

static void needs_smm(void *opaque)
{
	struct vmm *vmm = opaque;
	char text[sizeof(vmm->request_text)];

	snprintf(text, sizeof(text),
		 "the firmware %.80s needs a mode of the processor (SMM) that the machine does not have, as "
		 "builds with secure boot do; give OVMF_CODE_4M.fd of the package ovmf",
		 vmm->firmware->config.code_name);
	vmm_request(vmm, REQUEST_DEVICE, text);
}

static void show_pm(void *opaque, bool shown)
{
	struct vmm *vmm = opaque;
	const struct bus_range range = {
		.start = PORT_PM, .length = PM_LENGTH, .ops = &pm_ops, .opaque = &vmm->firmware->pm};

	if (!shown)
		bus_remove(&vmm->port_bus, range.opaque, 0);
	else if (bus_add(&vmm->port_bus, &range))
		say(vmm, "a BAR of I/O ports is where the firmware's power management is (port 0x600): it "
			 "cannot switch the machine off");
}

static uint64_t guest_time(void *opaque)
{
	struct timespec now;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void set_sci(void *opaque, bool high)
{
	struct vmm *vmm = opaque;
	int ret = hv_irq_line(vmm->vm, GSI_SCI, high);

	if (ret && vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING, "KVM does not take the power button's interrupt: %s",
			strerror(-ret));
}

static void switch_off(void *opaque)
{
	vmm_request(opaque, REQUEST_OFF, "");
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
	firmware->rtc_timer = firmware->posted_timer = -1;
	firmware->config = *vmm->config.firmware;
	vmm->config.firmware = &firmware->config;
	firmware->chipset = (struct chipset){.move_ecam = move_ecam,
					     .show_pm = show_pm,
					     .needs_smm = needs_smm,
					     .say = say,
					     .opaque = vmm};
	chipset_init(&firmware->chipset);
	firmware->chips = (struct topology_chips){
		.reset = chipset_reset, .written = chipset_written, .opaque = &firmware->chipset};
	vmm->topology_chips = &firmware->chips;
	return 0;
}

static void make_chips(struct vmm *vmm)
{
	const struct pm_calls calls = {.now = guest_time, .sci = set_sci, .off = switch_off, .opaque = vmm};
	struct firmware *firmware = vmm->firmware;

	fw_cfg_init(&firmware->fw_cfg, &vmm->memory);
	firmware->fw_cfg.say = say;
	firmware->fw_cfg.opaque = vmm;
	pm_init(&firmware->pm, &calls);
	firmware->made = true;
}

static int add_ports(struct vmm *vmm)
{
	const struct bus_range fw_cfg = {.start = PORT_FW_CFG,
					 .length = FW_CFG_PORTS,
					 .ops = &fw_cfg_ops,
					 .opaque = &vmm->firmware->fw_cfg};
	const struct bus_range rtc = {
		.start = PORT_CMOS, .length = 2, .ops = &rtc_ops, .opaque = &vmm->firmware->rtc};
	int ret = bus_add(&vmm->port_bus, &fw_cfg);

	return ret ? ret : bus_add(&vmm->port_bus, &rtc);
}

int firmware_init(struct vmm *vmm, struct lend_error *error)
{
	struct firmware *firmware = vmm->firmware;
	int ret;

	if (!firmware)
		return 0;
	make_chips(vmm);
	ret = firmware_clock_init(vmm, error);
	if (ret)
		return ret;
	ret = hv_create_pit(vmm->vm);
	ret = ret ? ret : hv_get_pit(vmm->vm, &firmware->pit);
	ret = ret ? ret : add_ports(vmm);
	if (ret)
		return fail(error, ret, "KVM cannot make the chips of a PC: %s", strerror(-ret));
	return firmware_images_init(vmm, error);
}

int firmware_reset(struct vmm *vmm)
{
	struct firmware *firmware = vmm->firmware;

	if (!firmware)
		return 0;
	firmware_images_reset(vmm);
	fw_cfg_reset(&firmware->fw_cfg);
	pm_reset(&firmware->pm);
	rtc_reset(&firmware->rtc);
	return hv_set_pit(vmm->vm, &firmware->pit);
}

void firmware_free(struct vmm *vmm)
{
	struct firmware *firmware = vmm->firmware;

	if (!firmware)
		return;
	firmware_post_free(vmm);
	firmware_images_free(vmm);
	firmware_clock_free(vmm);
	if (firmware->made) {
		fw_cfg_free(&firmware->fw_cfg);
		pm_free(&firmware->pm);
	}
	free(firmware);
	vmm->firmware = NULL;
	vmm->topology_chips = NULL;
}
