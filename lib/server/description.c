/* SPDX-License-Identifier: MIT */
/* The description of a device, checked and copied; see description.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/error.h"
#include "lib/server/description.h"
#include "lib/server/server.h"
#include "lib/sized.h"

enum { MSIX_MAX = 2048, DOORBELLS_MAX = 4096, AREAS_MAX = 1024 };

struct check {
	const struct lend_server *server;
	struct lend_error *error;
};

LEND_PRINTF(3, 4)
static int wrong(const struct check *check, unsigned region, const char *format, ...)
{
	char text[200];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return error_say(check->error, -EINVAL, "%s: region %u: %s", check->server->name, region, text);
}

static bool is_power_of_two(uint64_t value)
{
	return value && !(value & (value - 1));
}

static int check_bar(const struct check *check, unsigned index)
{
	const struct lend_server_device *device = &check->server->device;
	unsigned kind = device->config->bars[index];
	uint64_t size = device->regions[index].size;
	bool io = kind & LEND_SERVER_BAR_IO, wide = kind & LEND_SERVER_BAR_64;

	if (!size)
		return 0;
	if (kind & ~7u || (io && kind != LEND_SERVER_BAR_IO))
		return wrong(check, index, "its kind 0x%x is none of a BAR", kind);
	if (!is_power_of_two(size) || size < (io ? 4 : 16))
		return wrong(check, index, "a BAR's size is a power of two, of at least %d bytes",
			     io ? 4 : 16);
	if ((io && size > 256) || (!wide && size > 1ull << 31))
		return wrong(check, index, "it is larger than such a BAR can be");
	if (wide && (index == LEND_DEVICE_BARS - 1 || device->regions[index + 1].size))
		return wrong(check, index, "a BAR of 64 bits takes the next one, too");
	return 0;
}

static int check_areas(const struct check *check, unsigned index)
{
	const struct lend_server_region *region = &check->server->device.regions[index];
	uint64_t from = 0;
	struct stat about;

	if (region->fd <= 0)
		return region->areas ? wrong(check, index, "areas without a descriptor") : 0;
	if (region->area_count > AREAS_MAX || (region->areas && !region->area_count))
		return wrong(check, index, "it has %u areas instead of 1 to %d", region->area_count,
			     AREAS_MAX);
	for (unsigned i = 0; region->areas && i < region->area_count; i++) {
		const struct lend_area *area = &region->areas[i];

		if ((area->offset | area->length) % SERVER_PAGE || !area->length || area->offset < from ||
		    area->length > region->size || area->offset > region->size - area->length)
			return wrong(check, index,
				     "area %u is not of whole pages, not ascending, or not inside", i);
		from = area->offset + area->length;
	}
	if (!region->areas && region->size % SERVER_PAGE)
		return wrong(check, index, "what can be mapped has whole pages");
	if (!fstat(region->fd, &about) && S_ISREG(about.st_mode) &&
	    ((uint64_t)about.st_size < region->offset ||
	     (uint64_t)about.st_size - region->offset < (region->areas ? from : region->size)))
		return wrong(check, index, "its file ends before what can be mapped");
	return 0;
}

static int check_doorbells(const struct check *check, unsigned index)
{
	const struct lend_server_region *region = &check->server->device.regions[index];

	if (region->doorbell_count > DOORBELLS_MAX)
		return wrong(check, index, "it has more than %d doorbells", DOORBELLS_MAX);
	for (unsigned i = 0; i < region->doorbell_count; i++) {
		const struct lend_server_doorbell *bell = &region->doorbells[i];

		if (bell->length > 8 || (bell->length && !is_power_of_two(bell->length)) || bell->fd < 0 ||
		    bell->offset > region->size || bell->length > region->size - bell->offset)
			return wrong(check, index,
				     "doorbell %u has no descriptor, an odd length, or is not inside", i);
	}
	return 0;
}

static bool overlap(uint64_t a, uint64_t a_length, uint64_t b, uint64_t b_length)
{
	return a < b + b_length && b < a + a_length;
}

/* No page that the client maps has bytes that the library answers. */
static bool hits_area(const struct lend_server_region *region, uint64_t offset, uint64_t length)
{
	if (region->fd <= 0)
		return false;
	for (unsigned i = 0; region->areas && i < region->area_count; i++)
		if (overlap(offset, length, region->areas[i].offset, region->areas[i].length))
			return true;
	return !region->areas;
}

static int check_msix(const struct check *check)
{
	const struct lend_server_config *config = check->server->device.config;
	uint64_t table = 16ull * config->msix, pending = (config->msix + 63ull) / 64 * 8;
	const struct lend_server_region *region;

	if (!config->msix)
		return 0;
	if (config->msix > MSIX_MAX || config->msix_bar >= LEND_DEVICE_BARS)
		return error_say(check->error, -EINVAL, "%s: MSI-X has at most %d vectors, and BARs 0 to 5",
				 check->server->name, MSIX_MAX);
	region = &check->server->device.regions[config->msix_bar];
	if ((config->msix_table | config->msix_pending) % 8 || config->msix_table + table > region->size ||
	    config->msix_pending + pending > region->size ||
	    overlap(config->msix_table, table, config->msix_pending, pending))
		return wrong(check, config->msix_bar,
			     "the MSI-X table and its pending bits are not inside, or one in the other");
	if (config->bars[config->msix_bar] & LEND_SERVER_BAR_IO ||
	    hits_area(region, config->msix_table, table) || hits_area(region, config->msix_pending, pending))
		return wrong(check, config->msix_bar,
			     "the MSI-X table lies in ports, or in what can be mapped");
	return 0;
}

static int check_config(const struct check *check)
{
	const struct lend_server_config *config = check->server->device.config;
	int ret = 0;

	for (unsigned i = 0; i < LEND_DEVICE_BARS && !ret; i++)
		ret = check_bar(check, i);
	if (ret < 0)
		return ret;
	if (config->msi > 32 || (config->msi && !is_power_of_two(config->msi)))
		return error_say(check->error, -EINVAL, "%s: MSI has 1, 2, 4, 8, 16 or 32 vectors, not %u",
				 check->server->name, config->msi);
	if (check->server->device.regions[LEND_REGION_ROM].size > 16u << 20)
		return wrong(check, LEND_REGION_ROM, "a ROM has at most 16 MiB");
	return check_msix(check);
}

static int check_rest(const struct check *check)
{
	const struct lend_server_device *device = &check->server->device;
	uint64_t size = device->regions[LEND_REGION_CONFIG].size;

	if (size != CONFIG_SIZE && size != CONFIG_EXPRESS_SIZE)
		return wrong(check, LEND_REGION_CONFIG, "config space has 256 or 4096 bytes");
	for (unsigned i = 0; i < LEND_IRQ_COUNT; i++)
		if (device->irqs[i].count > (i == LEND_IRQ_MSIX ? MSIX_MAX : i == LEND_IRQ_MSI ? 32 : 1))
			return error_say(check->error, -EINVAL,
					 "%s: interrupt index %u has %u vectors, which is too many",
					 check->server->name, i, device->irqs[i].count);
	return 0;
}

static int check_all(const struct check *check)
{
	const struct lend_server *server = check->server;
	int ret = server->device.config ? check_config(check) : check_rest(check);

	for (unsigned i = 0; i < LEND_REGION_COUNT && !ret; i++) {
		const struct lend_server_region *region = &server->device.regions[i];

		if (i == LEND_REGION_CONFIG && server->device.config)
			continue;
		if (region->size &&
		    ((region->readable && !server->ops.read) || (region->writable && !server->ops.write)))
			return wrong(check, i, "the slots 'read' and 'write' must be there");
		ret = check_areas(check, i);
		if (!ret)
			ret = check_doorbells(check, i);
	}
	return ret;
}

/* A copy of an array; NULL for none. -ENOMEM. */
static int copy_array(const void *from, size_t size, const void **to)
{
	void *at = NULL;

	*to = NULL;
	if (!from || !size)
		return 0;
	at = malloc(size);
	if (!at)
		return -ENOMEM;
	memcpy(at, from, size);
	*to = at;
	return 0;
}

/* The caller's arrays are the caller's again after it, also if it fails. */
static int copy_arrays(struct lend_server *server)
{
	int ret = 0;

	for (unsigned i = 0; i < LEND_REGION_COUNT; i++) {
		struct lend_server_region *region = &server->device.regions[i];
		const struct lend_area *areas = region->areas;
		const struct lend_server_doorbell *bells = region->doorbells;

		region->areas = NULL;
		region->doorbells = NULL;
		if (!ret)
			ret = copy_array(areas, region->area_count * sizeof(*areas),
					 (const void **)&region->areas);
		if (!ret)
			ret = copy_array(bells, region->doorbell_count * sizeof(*bells),
					 (const void **)&region->doorbells);
	}
	return ret;
}

int description_take(struct lend_server *server, const struct lend_server_device *given,
		     struct lend_error *error)
{
	const struct check check = {server, error};
	struct lend_server_device *device = &server->device;
	struct lend_server_region *config;
	int ret = sized_take(device, sizeof(*device), given, sizeof(device->size));

	if (!ret)
		ret = sized_take(&server->ops, sizeof(server->ops), device->ops, sizeof(server->ops.size));
	if (ret < 0) {
		/* Nothing in it is ours. */
		*device = (struct lend_server_device){0};
		return error_say(error, ret,
				 "lend_server_device, or its ops: the size is that of no version");
	}
	snprintf(server->name, sizeof(server->name), "%s", device->name ? device->name : "device");
	device->name = server->name;
	config = &device->regions[LEND_REGION_CONFIG];
	if (device->config)
		*config = (struct lend_server_region){
			.size = device->config->express ? CONFIG_EXPRESS_SIZE : CONFIG_SIZE,
			.readable = true,
			.writable = true,
		};
	ret = check_all(&check);
	if (ret < 0) {
		memset(device->regions, 0, sizeof(device->regions));
		return ret;
	}
	return copy_arrays(server);
}

void description_end(struct lend_server *server)
{
	for (unsigned i = 0; i < LEND_REGION_COUNT; i++) {
		free((void *)server->device.regions[i].areas);
		free((void *)server->device.regions[i].doorbells);
	}
}
