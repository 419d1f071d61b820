/* SPDX-License-Identifier: MIT */
/*
 * The table of properties. A property that does not work yet is refused and
 * not ignored: a machine that starts does what its command line says. Its
 * default is accepted, because command lines that spell defaults out are common.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend/survey.h"
#include "tool/nearest.h"
#include "tool/run/properties.h"
#include "tool/tool.h"

enum { TIMEOUT_MAX_MS = 3600000 };

static int set_address(struct run_device *device, const char *name, const char *value,
		       struct lend_error *error)
{
	struct lend_bdf bdf;

	if (device->host[0] || device->name[0])
		return tool_fail(
			error, -EINVAL,
			"-device vfio-pci names two devices, %.100s and %.100s; give one with each -device",
			device->host[0] ? device->host : device->name, value);
	if (lend_bdf_parse(value, &bdf))
		return tool_fail(error, -EINVAL,
				 "%s=%.100s is not the address of a PCI device; write it like 0000:05:00.0, "
				 "as lspci -D does",
				 name, value);
	lend_bdf_format(&bdf, device->host);
	return 0;
}

static int set_host(struct run_device *device, const char *value, struct lend_error *error)
{
	struct lend_bdf bdf;

	/* Another name than an address is looked up later, when the host is looked at. */
	if (!device->host[0] && !device->name[0] && lend_bdf_parse(value, &bdf) &&
	    lend_survey_is_name(value) && strlen(value) < sizeof(device->name)) {
		strcpy(device->name, value);
		return 0;
	}
	if (value[0] == '/')
		return tool_fail(error, -EINVAL,
				 "host=%.100s is a path; give it as sysfsdev=, or an address like 05:00.0",
				 value);
	return set_address(device, "host", value, error);
}

static int set_sysfsdev(struct run_device *device, const char *value, struct lend_error *error)
{
	const char *last = strrchr(value, '/');
	uint8_t uuid[16];

	if (!last)
		return tool_fail(error, -EINVAL,
				 "sysfsdev=%.100s is no path; give it as host=, or a path below /sys", value);
	if (!value_uuid(last + 1, uuid))
		return tool_fail(error, -EINVAL,
				 "sysfsdev=%.100s is a mediated device, which comes with a later version; "
				 "give a PCI device",
				 value);
	return set_address(device, "sysfsdev", value, error);
}

static int set_switch(bool *out, const char *name, const char *value, struct lend_error *error)
{
	if (value_switch(value, out))
		return tool_fail(error, -EINVAL, "%s=%.100s is neither on nor off; give one of them", name,
				 value);
	return 0;
}

static int set_no_mmap(struct run_device *device, const char *value, struct lend_error *error)
{
	return set_switch(&device->no_mmap, "x-no-mmap", value, error);
}

static int set_intx(struct run_device *device, const char *value, struct lend_error *error)
{
	bool on = true;
	int ret = set_switch(&on, "x-intx", value, error);

	device->no_intx = !on;
	return ret;
}

static int set_no_kvm_intx(struct run_device *device, const char *value, struct lend_error *error)
{
	return set_switch(&device->no_kvm_intx, "x-no-kvm-intx", value, error);
}

static int set_intx_timeout(struct run_device *device, const char *value, struct lend_error *error)
{
	char *end;
	unsigned long ms = strtoul(value, &end, 0);

	if (end == value || *end || value[0] == '-' || ms > TIMEOUT_MAX_MS)
		return tool_fail(
			error, -EINVAL,
			"x-intx-mmap-timeout-ms=%.100s is no number of milliseconds; give one from 0 to %d",
			value, TIMEOUT_MAX_MS);
	device->intx_timeout_ms = (unsigned)ms;
	return 0;
}

static int set_managed(struct run_device *device, const char *value, struct lend_error *error)
{
	return set_switch(&device->managed, "managed", value, error);
}

static int set_expect(struct run_device *device, const char *value, struct lend_error *error)
{
	unsigned vendor, id;
	int end = 0;

	if (sscanf(value, "%4x:%4x%n", &vendor, &id, &end) != 2 || end != 9 ||
	    (value[end] && value[end] != '/') || strlen(value) >= sizeof(device->expect))
		return tool_fail(error, -EINVAL,
				 "expect=%.100s is not VENDOR:DEVICE[/SERIAL], like 8086:10d3", value);
	strcpy(device->expect, value);
	return 0;
}

/* A name for the device, which nothing here refers to. */
static int set_id(struct run_device *device, const char *value, struct lend_error *error)
{
	(void)device;
	return *value ? 0 : tool_fail(error, -EINVAL, "id= is empty; give a name, or leave it out");
}

#define LATER        "it comes with a later version of lend"
#define NO_DISPLAY   "lend has no display"
#define NO_MIGRATION "lend does not migrate machines"
#define NO_IGD       "Intel's integrated graphics need more than lend does for them"
#define PLACED       "lend chooses the place of each device, behind a root port of its own"

static const struct property table[] = {
	{.name = "host", .set = set_host},
	{.name = "sysfsdev", .set = set_sysfsdev},
	{.name = "managed", .set = set_managed},
	{.name = "expect", .set = set_expect},
	{.name = "x-no-mmap", .set = set_no_mmap},
	{.name = "id", .set = set_id},
	{"fd", PROPERTY_NUMBER, NULL, LATER, NULL},
	{"iommufd", PROPERTY_WORD, NULL, LATER, NULL},
	{"vf-token", PROPERTY_WORD, NULL, LATER, NULL},
	{"romfile", PROPERTY_WORD, NULL, LATER, NULL},
	{"rombar", PROPERTY_NUMBER, "-1", LATER, NULL},
	{"romsize", PROPERTY_NUMBER, "-1", LATER, NULL},
	{"multifunction", PROPERTY_SWITCH, "off", PLACED, NULL},
	{"addr", PROPERTY_WORD, NULL, PLACED, NULL},
	{"bus", PROPERTY_WORD, NULL, PLACED, NULL},
	{"acpi-index", PROPERTY_NUMBER, "0", "lend numbers no devices in its ACPI tables", NULL},
	{"bootindex", PROPERTY_NUMBER, NULL,
	 "the guest is started from its kernel, without an order of devices", NULL},
	{"failover_pair_id", PROPERTY_WORD, NULL, "there is no other network device to fail over to", NULL},
	{"x-vga", PROPERTY_SWITCH, "off", LATER, NULL},
	{"x-req", PROPERTY_SWITCH, "on", LATER, NULL},
	{.name = "x-intx", .set = set_intx},
	{.name = "x-no-kvm-intx", .set = set_no_kvm_intx},
	{.name = "x-intx-mmap-timeout-ms", .set = set_intx_timeout},
	{"x-no-kvm-msi", PROPERTY_SWITCH, "off", LATER, NULL},
	{"x-no-kvm-msix", PROPERTY_SWITCH, "off", LATER, NULL},
	{"x-no-kvm-ioeventfd", PROPERTY_SWITCH, "off", LATER, NULL},
	{"x-no-vfio-ioeventfd", PROPERTY_SWITCH, "off", LATER, NULL},
	{"x-no-geforce-quirks", PROPERTY_SWITCH, "off", LATER, NULL},
	{"x-msix-relocation", PROPERTY_WORD, "off", LATER, NULL},
	{"x-pci-vendor-id", PROPERTY_NUMBER, NULL, LATER, NULL},
	{"x-pci-device-id", PROPERTY_NUMBER, NULL, LATER, NULL},
	{"x-pci-sub-vendor-id", PROPERTY_NUMBER, NULL, LATER, NULL},
	{"x-pci-sub-device-id", PROPERTY_NUMBER, NULL, LATER, NULL},
	{"x-pci-class-code", PROPERTY_NUMBER, NULL, LATER, NULL},
	{"x-nv-gpudirect-clique", PROPERTY_NUMBER, "255", LATER, NULL},
	{"x-igd-opregion", PROPERTY_SWITCH, "on", NO_IGD, NULL},
	{"x-igd-lpc", PROPERTY_SWITCH, "off", NO_IGD, NULL},
	{"x-igd-legacy-mode", PROPERTY_WORD, "auto", NO_IGD, NULL},
	{"x-igd-gms", PROPERTY_NUMBER, "0", NO_IGD, NULL},
	{"display", PROPERTY_WORD, "off", NO_DISPLAY, NULL},
	{"xres", PROPERTY_NUMBER, "0", NO_DISPLAY, NULL},
	{"yres", PROPERTY_NUMBER, "0", NO_DISPLAY, NULL},
	{"ramfb", PROPERTY_SWITCH, "off", NO_DISPLAY, NULL},
	{"use-legacy-x86-rom", PROPERTY_SWITCH, "off", NO_DISPLAY, NULL},
	{"x-ramfb-migrate", PROPERTY_WORD, "auto", NO_DISPLAY, NULL},
	{"enable-migration", PROPERTY_WORD, "auto", NO_MIGRATION, NULL},
	{"x-pre-copy-dirty-page-tracking", PROPERTY_SWITCH, "on", NO_MIGRATION, NULL},
	{"x-device-dirty-page-tracking", PROPERTY_SWITCH, "on", NO_MIGRATION, NULL},
	{"x-migration-multifd-transfer", PROPERTY_WORD, "auto", NO_MIGRATION, NULL},
	{"x-migration-load-config-after-iter", PROPERTY_WORD, "auto", NO_MIGRATION, NULL},
	{"x-migration-max-queued-buffers-size", PROPERTY_NUMBER, NULL, NO_MIGRATION, NULL},
	{"migration-events", PROPERTY_SWITCH, "off", NO_MIGRATION, NULL},
	{"x-balloon-allowed", PROPERTY_SWITCH, "off", "it is for mediated devices", NULL},
	{"skip-vsc-check", PROPERTY_SWITCH, "on", NO_MIGRATION, NULL},
	{"ats", PROPERTY_WORD, "auto", LATER, NULL},
	{"x-vpasid-cap-offset", PROPERTY_NUMBER, "0", "the guest has no IOMMU that would use it", NULL},
};

const struct property *property_row(size_t index)
{
	return index < sizeof(table) / sizeof(*table) ? &table[index] : NULL;
}

static bool same_number(const char *a, const char *b)
{
	char *end_a, *end_b;
	long long x = strtoll(a, &end_a, 0), y = strtoll(b, &end_b, 0);

	return end_a != a && !*end_a && end_b != b && !*end_b && x == y;
}

static bool is_standard(const struct property *property, const char *value)
{
	bool given, standard;

	if (!property->standard)
		return false;
	if (property->kind == PROPERTY_SWITCH)
		return !value_switch(value, &given) && !value_switch(property->standard, &standard) &&
		       given == standard;
	if (property->kind == PROPERTY_NUMBER)
		return same_number(value, property->standard);
	return !strcmp(value, property->standard);
}

static int refuse(const struct property *property, const char *value, struct lend_error *error)
{
	if (property->standard)
		return tool_fail(error, -EINVAL,
				 "the property %s=%.100s is not supported: %s; leave it out, or at %s",
				 property->name, value, property->reason, property->standard);
	return tool_fail(error, -EINVAL, "the property %s=%.100s is not supported: %s; leave it out",
			 property->name, value, property->reason);
}

int property_set(struct run_device *device, const char *name, const char *value, struct lend_error *error)
{
	struct nearest nearest = {.word = name};
	const struct property *property;

	for (size_t i = 0; (property = property_row(i)); i++) {
		nearest_offer(&nearest, property->name);
		if (strcmp(name, property->name))
			continue;
		if (property->set)
			return property->set(device, value, error);
		return is_standard(property, value) ? 0 : refuse(property, value, error);
	}
	return tool_fail(error, -EINVAL, "-device vfio-pci has no property '%.100s'; the nearest is %s", name,
			 nearest.best);
}
