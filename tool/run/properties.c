/* SPDX-License-Identifier: MIT */
/*
 * The table of properties. A property that does not work yet is refused and
 * not ignored: a machine that starts does what its command line says. Its
 * default is accepted, because command lines that spell defaults out are common.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lend/survey.h"
#include "tool/nearest.h"
#include "tool/run/properties.h"
#include "tool/tool.h"

enum { TIMEOUT_MAX_MS = 3600000, CLIQUE_MAX = 15, CLIQUE_OFF = 255 };

typedef const struct property row_t;

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

static int set_host(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
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
	return set_address(device, row->name, value, error);
}

static int set_sysfsdev(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	const char *last = strrchr(value, '/');
	uint8_t uuid[16];

	if (!last)
		return tool_fail(error, -EINVAL,
				 "sysfsdev=%.100s is no path; give it as host=, or a path below /sys", value);
	if (value_uuid(last + 1, uuid))
		return set_address(device, row->name, value, error);
	/* A mediated device has no address: its path is its name. */
	if (device->host[0] || strlen(value) >= sizeof(device->host))
		return tool_fail(error, -EINVAL,
				 "sysfsdev=%.100s is too long, or the -device names another one already",
				 value);
	strcpy(device->host, value);
	return 0;
}

/* An inherited descriptor, or the path of a socket that hands one out. */
static int set_fd(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	char *end;
	long fd = strtol(value, &end, 10);

	(void)row;
	if (value[0] == '/') {
		if (strlen(value) >= sizeof(device->fd_socket))
			return tool_fail(error, -EINVAL, "fd=%.100s: a socket's path has at most %zu bytes",
					 value, sizeof(device->fd_socket) - 1);
		strcpy(device->fd_socket, value);
		return 0;
	}
	if (end == value || *end || fd < 0 || fd > INT_MAX)
		return tool_fail(error, -EINVAL,
				 "fd=%.100s is neither the number of an open descriptor nor the path of a "
				 "socket that hands one out",
				 value);
	device->fd = (int)fd;
	return 0;
}

/* on, off, auto; any other word is the id of an -object iommufd, as users of other monitors give it. */
static int set_iommufd(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	bool on;

	(void)row;
	if (!*value)
		return tool_fail(error, -EINVAL, "iommufd= is empty; give on, off or auto");
	if (!strcmp(value, "auto"))
		device->backend = LEND_BACKEND_AUTO;
	else if (value_switch(value, &on))
		device->backend = LEND_BACKEND_IOMMUFD;
	else
		device->backend = on ? LEND_BACKEND_IOMMUFD : LEND_BACKEND_LEGACY;
	return 0;
}

static int set_vf_token(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	uint8_t uuid[16];

	(void)row;
	if (value_uuid(value, uuid))
		return tool_fail(error, -EINVAL, "vf-token=%.100s is no UUID; give one as uuidgen prints it",
				 value);
	snprintf(device->vf_token, sizeof(device->vf_token), "%s", value);
	return 0;
}

static int set_expect(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	unsigned vendor, id;
	int end = 0;

	if (sscanf(value, "%4x:%4x%n", &vendor, &id, &end) != 2 || end != 9 ||
	    (value[end] && value[end] != '/') || strlen(value) >= sizeof(device->expect))
		return tool_fail(error, -EINVAL, "%s=%.100s is not VENDOR:DEVICE[/SERIAL], like 8086:10d3",
				 row->name, value);
	strcpy(device->expect, value);
	return 0;
}

static int take_switch(row_t *row, const char *value, bool *out, struct lend_error *error)
{
	if (value_switch(value, out))
		return tool_fail(error, -EINVAL, "%s=%.100s is neither on nor off; give one of them",
				 row->name, value);
	return 0;
}

static bool *switch_of(struct run_device *device, row_t *row)
{
	return (bool *)((char *)device + row->at);
}

/* The field says the same as the property, or, of the next one, the opposite. */
static int set_switch(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	return take_switch(row, value, switch_of(device, row), error);
}

static int set_opposite(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	bool on = true;
	int ret = take_switch(row, value, &on, error);

	*switch_of(device, row) = !on;
	return ret;
}

static int take_number(row_t *row, const char *value, uint64_t *out, struct lend_error *error)
{
	char *end;

	errno = 0;
	*out = strtoull(value, &end, 0);
	if (errno || end == value || *end || value[0] == '-' || value[0] == ' ' || *out > row->most)
		return tool_fail(error, -EINVAL, "%s=%.100s is no number from 0 to %s%llx", row->name, value,
				 row->most > 9 ? "0x" : "", (unsigned long long)row->most);
	return 0;
}

static int set_intx_timeout(struct run_device *device, row_t *row, const char *value,
			    struct lend_error *error)
{
	uint64_t ms;

	if (take_number(row, value, &ms, NULL))
		return tool_fail(error, -EINVAL,
				 "%s=%.100s is no number of milliseconds; give one from 0 to %llu", row->name,
				 value, (unsigned long long)row->most);
	device->function.intx_timeout_ms = (unsigned)ms;
	return 0;
}

static int set_clique(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	uint64_t clique;

	if (take_number(row, value, &clique, NULL) || (clique > CLIQUE_MAX && clique != CLIQUE_OFF))
		return tool_fail(error, -EINVAL,
				 "%s=%.100s is no clique; give a number from 0 to %d, or %d for none",
				 row->name, value, CLIQUE_MAX, CLIQUE_OFF);
	device->function.has_clique = clique != CLIQUE_OFF;
	device->function.clique = (uint8_t)(clique & CLIQUE_MAX);
	return 0;
}

static int set_id16(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	uint64_t id;
	int ret = take_number(row, value, &id, error);

	if (ret)
		return ret;
	*(uint16_t *)((char *)device + row->at) = (uint16_t)id;
	device->function.ids.given |= row->bit;
	return 0;
}

static int set_class(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	uint64_t class_code;
	int ret = take_number(row, value, &class_code, error);

	if (ret)
		return ret;
	device->function.ids.class_code = (uint32_t)class_code;
	device->function.ids.given |= row->bit;
	return 0;
}

/* romfile= without a file means no ROM at all, as users of other monitors know it. */
static int set_romfile(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	if (strlen(value) >= sizeof(device->romfile))
		return tool_fail(error, -EINVAL, "%s= is longer than %zu bytes; give a shorter path",
				 row->name, sizeof(device->romfile) - 1);
	strcpy(device->romfile, value);
	if (!*value)
		device->function.rom_mode = LEND_ROM_NONE;
	return 0;
}

static int set_rombar(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	bool shown = true;

	if (!strcmp(value, "-1"))
		return 0;
	if (!strcmp(value, "0") || !strcmp(value, "1"))
		shown = value[0] == '1';
	else if (value_switch(value, &shown))
		return tool_fail(error, -EINVAL, "%s=%.100s is not 0, 1 or -1 (as the device has it)",
				 row->name, value);
	device->function.rom_mode = shown ? LEND_ROM_SHOW : LEND_ROM_NONE;
	return 0;
}

static int set_romsize(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	uint64_t size;
	int ret;

	if (!strcmp(value, "-1"))
		return 0;
	ret = take_number(row, value, &size, error);
	if (ret)
		return ret;
	if (!size || size & (size - 1))
		return tool_fail(error, -EINVAL, "%s=%.100s is no power of two; give bytes, like 65536",
				 row->name, value);
	device->function.rom_size = size;
	return 0;
}

static int set_relocation(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	device->function.msix_to = LEND_MSIX_STAYS;
	if (!strcmp(value, "off"))
		return 0;
	if (!strncmp(value, "bar", 3) && value[3] >= '0' && value[3] <= '5' && !value[4]) {
		device->function.msix_to = LEND_MSIX_TO_BAR + (unsigned)(value[3] - '0');
		return 0;
	}
	if (!strcmp(value, "auto"))
		return tool_fail(
			error, -EINVAL,
			"%s=auto: no device is known that needs another place; name one, bar0 to bar5, or "
			"leave it off",
			row->name);
	return tool_fail(error, -EINVAL, "%s=%.100s is not known; give off, or a place from bar0 to bar5",
			 row->name, value);
}

static int set_ats(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	bool on;

	device->function.ats = LEND_ATS_AUTO;
	if (!strcmp(value, "auto"))
		return 0;
	if (value_switch(value, &on))
		return tool_fail(error, -EINVAL, "%s=%.100s is not known; give on, off or auto", row->name,
				 value);
	device->function.ats = on ? LEND_ATS_ON : LEND_ATS_OFF;
	return 0;
}

/* One of two words; the field is true for the first. */
static int set_word(bool *out, row_t *row, const char *value, const char *yes, const char *no,
		    struct lend_error *error)
{
	*out = !strcmp(value, yes);
	if (*out || !strcmp(value, no))
		return 0;
	return tool_fail(error, -EINVAL, "%s=%.100s is not known; give %s or %s", row->name, value, yes, no);
}

static int set_config(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	return set_word(&device->function.strict_config, row, value, "strict", "open", error);
}

static int set_on_error(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	return set_word(&device->stop_on_error, row, value, "stop", "keep", error);
}

/* A name for the device, which nothing here refers to. */
static int set_id(struct run_device *device, row_t *row, const char *value, struct lend_error *error)
{
	(void)device, (void)row;
	return *value ? 0 : tool_fail(error, -EINVAL, "id= is empty; give a name, or leave it out");
}

#define NO_DISPLAY   "lend has no display"
#define NO_MIGRATION "lend does not migrate machines"
#define NO_IGD       "Intel's integrated graphics need more than lend does for them"
#define PLACED       "lend chooses the place of each device, behind a root port of its own"

#define WORKS(name_, kind_, set_)                                                                            \
	{                                                                                                    \
		.name = name_, .kind = PROPERTY_##kind_, .set = set_                                         \
	}
#define SWITCH(name_, set_, field_)                                                                          \
	{                                                                                                    \
		.name = name_, .kind = PROPERTY_SWITCH, .set = set_,                                         \
		.at = offsetof(struct run_device, field_)                                                    \
	}
#define NUMBER(name_, set_, most_)                                                                           \
	{                                                                                                    \
		.name = name_, .kind = PROPERTY_NUMBER, .set = set_, .most = most_                           \
	}
#define ID16(name_, field_, bit_, most_)                                                                     \
	{                                                                                                    \
		.name = name_, .kind = PROPERTY_NUMBER, .set = set_id16,                                     \
		.at = offsetof(struct run_device, function.ids.field_), .most = most_, .bit = bit_           \
	}
#define REFUSED(name_, kind_, standard_, reason_)                                                            \
	{                                                                                                    \
		.name = name_, .kind = PROPERTY_##kind_, .standard = standard_, .reason = reason_            \
	}

static const struct property table[] = {
	WORKS("host", WORD, set_host),
	WORKS("sysfsdev", WORD, set_sysfsdev),
	WORKS("expect", WORD, set_expect),
	SWITCH("managed", set_switch, managed),
	WORKS("id", WORD, set_id),
	WORKS("fd", WORD, set_fd),
	WORKS("iommufd", WORD, set_iommufd),
	WORKS("vf-token", WORD, set_vf_token),
	WORKS("romfile", WORD, set_romfile),
	WORKS("rombar", NUMBER, set_rombar),
	NUMBER("romsize", set_romsize, UINT64_C(1) << 31),
	REFUSED("multifunction", SWITCH, "off", PLACED),
	REFUSED("addr", WORD, NULL, PLACED),
	REFUSED("bus", WORD, NULL, PLACED),
	REFUSED("acpi-index", NUMBER, "0", "lend numbers no devices in its ACPI tables"),
	REFUSED("bootindex", NUMBER, NULL,
		"the guest is started from its kernel, without an order of devices"),
	REFUSED("failover_pair_id", WORD, NULL, "there is no other network device to fail over to"),
	SWITCH("x-vga", set_switch, function.vga),
	SWITCH("x-req", set_opposite, function.no_request),
	SWITCH("x-no-mmap", set_switch, function.no_mmap),
	SWITCH("x-intx", set_opposite, function.no_intx),
	NUMBER("x-intx-mmap-timeout-ms", set_intx_timeout, TIMEOUT_MAX_MS),
	SWITCH("x-no-kvm-intx", set_switch, function.no_intx_bypass),
	SWITCH("x-no-kvm-msi", set_switch, function.no_msi_bypass),
	SWITCH("x-no-kvm-msix", set_switch, function.no_msix_bypass),
	SWITCH("x-no-kvm-ioeventfd", set_switch, function.no_ioeventfd),
	SWITCH("x-no-vfio-ioeventfd", set_switch, function.no_device_ioeventfd),
	SWITCH("x-no-geforce-quirks", set_switch, function.no_geforce),
	WORKS("x-msix-relocation", WORD, set_relocation),
	ID16("x-pci-vendor-id", vendor, LEND_ID_VENDOR, 0xfffe),
	ID16("x-pci-device-id", device, LEND_ID_DEVICE, 0xffff),
	ID16("x-pci-sub-vendor-id", sub_vendor, LEND_ID_SUB_VENDOR, 0xffff),
	ID16("x-pci-sub-device-id", subsystem, LEND_ID_SUBSYSTEM, 0xffff),
	{.name = "x-pci-class-code",
	 .kind = PROPERTY_NUMBER,
	 .set = set_class,
	 .most = 0xffffff,
	 .bit = LEND_ID_CLASS},
	NUMBER("x-nv-gpudirect-clique", set_clique, CLIQUE_OFF),
	REFUSED("x-igd-opregion", SWITCH, "on", NO_IGD),
	REFUSED("x-igd-lpc", SWITCH, "off", NO_IGD),
	REFUSED("x-igd-legacy-mode", WORD, "auto", NO_IGD),
	REFUSED("x-igd-gms", NUMBER, "0", NO_IGD),
	REFUSED("display", WORD, "off", NO_DISPLAY),
	REFUSED("xres", NUMBER, "0", NO_DISPLAY),
	REFUSED("yres", NUMBER, "0", NO_DISPLAY),
	REFUSED("ramfb", SWITCH, "off", NO_DISPLAY),
	REFUSED("use-legacy-x86-rom", SWITCH, "off", NO_DISPLAY),
	REFUSED("x-ramfb-migrate", WORD, "auto", NO_DISPLAY),
	REFUSED("enable-migration", WORD, "auto", NO_MIGRATION),
	REFUSED("x-pre-copy-dirty-page-tracking", SWITCH, "on", NO_MIGRATION),
	REFUSED("x-device-dirty-page-tracking", SWITCH, "on", NO_MIGRATION),
	REFUSED("x-migration-multifd-transfer", WORD, "auto", NO_MIGRATION),
	REFUSED("x-migration-load-config-after-iter", WORD, "auto", NO_MIGRATION),
	REFUSED("x-migration-max-queued-buffers-size", NUMBER, NULL, NO_MIGRATION),
	REFUSED("migration-events", SWITCH, "off", NO_MIGRATION),
	REFUSED("x-balloon-allowed", SWITCH, "off", "it is for mediated devices"),
	REFUSED("skip-vsc-check", SWITCH, "on", NO_MIGRATION),
	WORKS("ats", WORD, set_ats),
	REFUSED("x-vpasid-cap-offset", NUMBER, "0", "the guest has no IOMMU that would use it"),
	WORKS("x-config", WORD, set_config),
	SWITCH("x-allow-unreset", set_switch, allow_unreset),
	WORKS("x-on-error", WORD, set_on_error),
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
			return property->set(device, property, value, error);
		return is_standard(property, value) ? 0 : refuse(property, value, error);
	}
	return tool_fail(error, -EINVAL, "-device vfio-pci has no property '%.100s'; the nearest is %s", name,
			 nearest.best);
}
