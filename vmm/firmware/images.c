/* SPDX-License-Identifier: MIT */
/*
 * The firmware's image and its store of variables as flash chips below 4 GiB: the code ends there,
 * and the store ends where the code begins.
 */
#include <errno.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/firmware/firmware.h"
#include "vmm/x86/boot.h"

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
	if (ret >= 0)
		image->slot = shown ? ret : -1;
	else if (vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING, "%s: KVM does not change the memory slot of this flash: %s",
			image->chip.name, strerror(-ret));
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
	const struct flash_calls calls = {.show = show, .say = say, .opaque = image};
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

static int size_of(int fd, const char *name, uint64_t *out, struct lend_error *error)
{
	int ret = boot_size(fd, out);

	if (ret)
		return fail(error, ret, "%s: %s", name, strerror(-ret));
	if (!*out || *out % FLASH_BLOCK || *out > FLASH_MAX)
		return fail(
			error, -EINVAL,
			"%s: its %llu bytes are no size of firmware (a multiple of 4 KiB, 8 MiB at most): "
			"give OVMF_CODE_4M.fd or OVMF_VARS_4M.fd of the package ovmf",
			name, (unsigned long long)*out);
	return 0;
}

/* The whole flash is the next larger of 2, 4 and 8 MiB; a whole image leaves nothing for a store. */
static uint64_t room_for_store(uint64_t code)
{
	uint64_t whole = MIB(2);

	while (whole < code)
		whole *= 2;
	return whole - code;
}

static int make_store(struct vmm *vmm, uint64_t code, struct lend_error *error)
{
	const struct vmm_firmware_config *asked = &vmm->firmware->config;
	bool kept = asked->vars_fd >= 0;
	struct flash_config config = {
		.name = asked->vars_name ? asked->vars_name : "the firmware's variables",
		.from = kept ? asked->vars_fd : asked->template_fd,
		.fd = kept && !asked->vars_readonly ? asked->vars_fd : -1,
		.readonly = kept && asked->vars_readonly,
	};
	uint64_t size = room_for_store(code);
	int ret = config.from < 0 ? 0 : size_of(config.from, config.name, &size, error);

	if (ret || !size)
		return ret;
	if (size != room_for_store(code))
		return fail(error, -EINVAL,
			    "%s: %llu KiB of variables do not belong to %llu KiB of code (%s): give the "
			    "VARS file of the same name",
			    config.name, (unsigned long long)(size >> 10), (unsigned long long)(code >> 10),
			    asked->code_name);
	config.size = (uint32_t)size;
	return make(vmm, &vmm->firmware->store, &config, ADDR_4GIB - code - size, error);
}

int firmware_images_init(struct vmm *vmm, struct lend_error *error)
{
	struct firmware *firmware = vmm->firmware;
	struct flash_config config = {
		.name = firmware->config.code_name, .from = firmware->config.code_fd, .fd = -1, .rom = true};
	uint64_t code;
	int ret = size_of(config.from, config.name, &code, error);

	if (ret)
		return ret;
	config.size = (uint32_t)code;
	ret = make(vmm, &firmware->code, &config, ADDR_4GIB - code, error);
	return ret ? ret : make_store(vmm, code, error);
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
