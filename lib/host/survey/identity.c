/* SPDX-License-Identifier: MIT */
/*
 * By what a device is known when buses are numbered anew: its path through the
 * slots, and its serial number.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/host/survey/survey.h"

/* Adds "/1c.0" for "0000:00:1c.0", and a root bus ("pci0000:00") as it is. */
static void add_component(char *out, size_t size, const char *component)
{
	size_t used = strlen(out);
	struct lend_bdf bdf;

	if (!strncmp(component, "pci", 3) && strchr(component, ':'))
		snprintf(out + used, size - used, "%s%s", used ? "/" : "", component);
	else if (strlen(component) > strlen("00:00.0") && !lend_bdf_parse(component, &bdf))
		snprintf(out + used, size - used, "/%02x.%x", bdf.device, bdf.function);
}

static void walk(const char *target, char *out, size_t size)
{
	char copy[PATH_MAX], *rest = copy, *component;

	out[0] = '\0';
	snprintf(copy, sizeof(copy), "%s", target);
	while ((component = strsep(&rest, "/")))
		add_component(out, size, component);
}

struct search {
	const char *pf, *name;
	char virtfn[16];
};

static int match_virtfn(void *opaque, const char *name)
{
	struct search *search = opaque;
	char target[16];

	if (strncmp(name, "virtfn", 6) || sysfs_link(search->pf, name, target, sizeof(target)) ||
	    strcmp(target, search->name))
		return 0;
	snprintf(search->virtfn, sizeof(search->virtfn), "%.15s", name + 6);
	return 1;
}

/*
 * Virtual functions of one physical function may be on several buses, with the
 * same device numbers on each. So their path has their index.
 */
void slot_path(struct lend_context *context, const char *name, const char *target, char *out, size_t size)
{
	char dir[PATH_MAX], pf[PATH_MAX], pf_target[PATH_MAX], link[32];
	struct search search = {.pf = pf, .name = name};

	walk(target, out, size);
	if (sysfs_path(dir, "%s/bus/pci/devices/%s", context_sysfs(context), name) ||
	    sysfs_link(dir, "physfn", link, sizeof(link)) ||
	    sysfs_path(pf, "%s/bus/pci/devices/%s", context_sysfs(context), link) ||
	    sysfs_path(dir, "%s/bus/pci/devices", context_sysfs(context)) ||
	    sysfs_target(dir, link, pf_target) < 0 || sysfs_each(pf, match_virtfn, &search) != 1)
		return;
	walk(pf_target, out, size);
	snprintf(out + strlen(out), size - strlen(out), "/vf%s", search.virtfn);
}

static int read_nvme(void *opaque, const char *name)
{
	const struct search *search = opaque;
	char dir[PATH_MAX], *out = (char *)(uintptr_t)search->name;

	if (sysfs_path(dir, "%s/%s", search->pf, name) || sysfs_read(dir, "serial", out, 64) <= 0)
		return 0;
	for (size_t length = strlen(out); length && out[length - 1] == ' ';)
		out[--length] = '\0';
	return 1;
}

void device_serial(const char *dir, char out[64])
{
	char path[PATH_MAX];
	struct search search = {.pf = path, .name = out};

	out[0] = '\0';
	if (!sysfs_path(path, "%s/nvme", dir))
		sysfs_each(path, read_nvme, &search);
}

/* PCI Express Base 6.0, 7.9.3: Device Serial Number, an EUI-64 with its lower half first. */
enum { EXTENDED = 0x100, EXTENDED_END = 0x1000, DSN_ID = 3, DSN_BYTES = 12, HOPS = 960 };

static uint32_t word_at(const char *config, unsigned at)
{
	uint32_t word;

	memcpy(&word, config + at, sizeof(word));
	return le32toh(word);
}

static void format_dsn(const char *config, unsigned at, char out[24])
{
	uint64_t number = word_at(config, at + 4) | (uint64_t)word_at(config, at + 8) << 32;
	size_t used = 0;

	/* All zeros and all ones are no serial number. */
	if (!number || !~number)
		return;
	for (int shift = 56; shift >= 0; shift -= 8)
		used += (size_t)snprintf(out + used, 24 - used, "%s%02x", used ? "-" : "",
					 (unsigned)(number >> shift) & 0xff);
}

void device_dsn(const char *dir, char out[24])
{
	size_t length = 0;
	char *config = sysfs_load(dir, "config", &length);
	unsigned at = EXTENDED;

	out[0] = '\0';
	for (int hops = 0; config && hops < HOPS; hops++) {
		uint32_t head;

		if (at < EXTENDED || at > EXTENDED_END - DSN_BYTES || at + DSN_BYTES > length)
			break;
		head = word_at(config, at);
		if ((head & 0xffff) == DSN_ID) {
			format_dsn(config, at, out);
			break;
		}
		at = head >> 20 & ~3u;
	}
	free(config);
}
