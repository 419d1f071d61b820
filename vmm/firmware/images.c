/* SPDX-License-Identifier: MIT */
/*
 * The firmware's image and its store of variables as flash chips below 4 GiB: the code ends there,
 * and the store ends where the code begins.
 */
#include <errno.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/firmware/firmware.h"
#include "vmm/firmware/flash_plan.h"

static void show(void *opaque, bool shown)
{
	struct firmware_image *image = opaque;
	struct vmm *vmm = image->vmm;
	int ret;

	if (shown == (image->slot >= 0))
		return;
	if (shown)
		ret = slots_add_readonly(&vmm->slots, image->at, image->chip.size, image->chip.bytes);
	else
		ret = slots_remove(&vmm->slots, image->slot);
	if (ret >= 0) {
		image->slot = shown ? ret : -1;
		firmware_post_store(vmm, image, !shown);
	} else if (vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING, "%s: KVM does not change the memory slot of this flash: %s",
			image->chip.name, strerror(-ret));
}

static void keep(void *opaque, bool kept)
{
	struct firmware_image *image = opaque;

	if (image->slot < 0)
		firmware_post_store(image->vmm, image, kept);
}

static void say(void *opaque, enum lend_log_level level, const char *text)
{
	const struct firmware_image *image = opaque;

	if (vmm_may_log(image->vmm))
		vmm_log(image->vmm, level, "%s", text);
}

static int make(struct vmm *vmm, struct firmware_image *image, const struct flash_config *config, uint64_t at,
		struct lend_error *error)
{
	const struct flash_calls calls = {.show = show, .keep = keep, .say = say, .opaque = image};
	struct bus_range range = {.start = at, .length = config->size, .ops = &flash_ops};
	int ret;

	image->vmm = vmm;
	image->at = gpa(at);
	image->slot = -1;
	ret = flash_init(&image->chip, config, &calls);
	if (ret)
		return fail(error, ret, "%s: cannot read: %s", config->name, strerror(-ret));
	image->made = true;
	range.opaque = &image->chip;
	ret = bus_add(&vmm->memory_bus, &range);
	if (ret)
		return fail(error, ret, "%s: cannot be placed: %s", config->name, strerror(-ret));
	show(image, true);
	if (image->slot < 0)
		return fail(error, -EOPNOTSUPP,
			    "KVM cannot show the firmware as memory that is only read: update the kernel");
	return 0;
}

int firmware_images_init(struct vmm *vmm, struct lend_error *error)
{
	struct firmware *firmware = vmm->firmware;
	const struct vmm_firmware_config *asked = &firmware->config;
	struct flash_plan plan = {0};
	int ret = flash_plan(asked, &plan, error);
	const struct flash_config code = {.name = asked->code_name,
					  .size = plan.code_size,
					  .from = asked->code_fd,
					  .from_offset = plan.code_offset,
					  .fd = -1,
					  .rom = true};
	const struct flash_config store = {
		.name = asked->vars_name ? asked->vars_name : "the firmware's variables",
		.size = plan.vars_size,
		.from = plan.vars_from,
		.fd = plan.vars_lost || asked->vars_readonly ? -1 : asked->vars_fd,
		.readonly = !plan.vars_lost && asked->vars_readonly,
		.sync = asked->vars_sync,
	};

	ret = ret ? ret : make(vmm, &firmware->code, &code, ADDR_4GIB - code.size, error);
	if (ret || !store.size)
		return ret;
	return make(vmm, &firmware->store, &store, ADDR_4GIB - code.size - store.size, error);
}

void firmware_images_reset(struct vmm *vmm)
{
	if (vmm->firmware->store.made)
		flash_reset(&vmm->firmware->store.chip);
}

static void take_apart(struct firmware_image *image)
{
	if (!image->made)
		return;
	show(image, false);
	flash_sync(&image->chip);
	flash_free(&image->chip);
	image->made = false;
}

void firmware_images_free(struct vmm *vmm)
{
	take_apart(&vmm->firmware->store);
	take_apart(&vmm->firmware->code);
}
