/* SPDX-License-Identifier: MIT */
/*
 * The table of properties. A property that does not work yet is refused and
 * not ignored: a machine that starts does what its command line says. Its
 * default is accepted, because command lines that spell defaults out are common.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tool/nearest.h"
#include "tool/run/properties.h"
#include "tool/run/property_setters.h"
#include "tool/tool.h"

enum { TIMEOUT_MAX_MS = 3600000, RECONNECT_MAX_S = 86400 };

#define NO_DISPLAY   "lend has no display"
#define NO_MIGRATION "lend does not migrate machines"
#define NO_IGD       "Intel's integrated graphics need more than lend does for them"
#define PLACED       "lend chooses the place of each device, behind a root port of its own"

#define PORT     "lend makes the device's link and the port above it itself"
#define NO_IOMMU "the guest has no IOMMU that would use it"

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
#define COUNT(name_, field_, most_)                                                                          \
	{                                                                                                    \
		.name = name_, .kind = PROPERTY_NUMBER, .set = property_count,                               \
		.at = offsetof(struct run_device, field_), .most = most_                                     \
	}
#define ID16(name_, field_, bit_, most_)                                                                     \
	{                                                                                                    \
		.name = name_, .kind = PROPERTY_NUMBER, .set = property_id16,                                \
		.at = offsetof(struct run_device, function.ids.field_), .most = most_, .bit = bit_           \
	}
#define REFUSED(name_, kind_, standard_, reason_)                                                            \
	{                                                                                                    \
		.name = name_, .kind = PROPERTY_##kind_, .standard = standard_, .reason = reason_            \
	}

static const struct property table[] = {
	WORKS("host", WORD, property_host),
	WORKS("sysfsdev", WORD, property_sysfsdev),
	WORKS("claim", WORD, property_claim),
	WORKS("expect", WORD, property_expect),
	SWITCH("managed", property_switch, managed),
	WORKS("id", WORD, property_id),
	WORKS("socket", WORD, property_socket),
	NUMBER("x-msg-timeout", property_msg_timeout, TIMEOUT_MAX_MS),
	NUMBER("reconnect", property_reconnect, RECONNECT_MAX_S),
	WORKS("fd", WORD, property_fd),
	WORKS("iommufd", WORD, property_iommufd),
	WORKS("vf-token", WORD, property_vf_token),
	WORKS("romfile", WORD, property_romfile),
	WORKS("rombar", NUMBER, property_rombar),
	NUMBER("romsize", property_romsize, UINT64_C(1) << 31),
	REFUSED("multifunction", SWITCH, "off", PLACED),
	REFUSED("addr", WORD, NULL, PLACED),
	REFUSED("bus", WORD, NULL, PLACED),
	REFUSED("busnr", NUMBER, NULL, PLACED),
	REFUSED("pci_segment", NUMBER, "0", PLACED),
	REFUSED("guest-address", WORD, NULL, PLACED),
	REFUSED("acpi-index", NUMBER, "0", "lend numbers no devices in its ACPI tables"),
	NUMBER("bootindex", property_bootindex, INT32_MAX),
	REFUSED("failover_pair_id", WORD, NULL, "there is no other network device to fail over to"),
	REFUSED("x-pcie-lnksta-dllla", SWITCH, "on", PORT),
	REFUSED("x-pcie-extcap-init", SWITCH, "on", PORT),
	REFUSED("x-pcie-ext-tag", SWITCH, "on", PORT),
	REFUSED("x-pcie-ari-nextfn-1", SWITCH, "off", PORT),
	REFUSED("x-pcie-err-unc-mask", SWITCH, "on", PORT),
	REFUSED("command_serr_enable", SWITCH, "on", "the device has its own bits for errors"),
	REFUSED("x-max-bounce-buffer-size", NUMBER, NULL, "the device reaches the guest's memory itself"),
	REFUSED("x-no-posted-writes", SWITCH, "off", "writes are posted where a read cannot pass them"),
	REFUSED("x-send-queued", SWITCH, "off", "each message is sent at once"),
	REFUSED("sriov-pf", WORD, NULL, "a virtual function is handed over alone, as host=ADDRESS"),
	REFUSED("iommu", WORD, "off", NO_IOMMU),
	REFUSED("host-iommu", WORD, NULL, NO_IOMMU),
	SWITCH("x-vga", property_switch, function.vga),
	SWITCH("x-req", property_opposite, function.no_request),
	SWITCH("x-no-mmap", property_switch, function.no_mmap),
	SWITCH("x-intx", property_opposite, function.no_intx),
	NUMBER("x-intx-mmap-timeout-ms", property_intx_timeout, TIMEOUT_MAX_MS),
	SWITCH("x-no-kvm-intx", property_switch, function.no_intx_bypass),
	SWITCH("x-no-kvm-msi", property_switch, function.no_msi_bypass),
	SWITCH("x-no-kvm-msix", property_switch, function.no_msix_bypass),
	SWITCH("x-no-kvm-ioeventfd", property_switch, function.no_ioeventfd),
	SWITCH("x-no-vfio-ioeventfd", property_switch, function.no_device_ioeventfd),
	SWITCH("x-no-geforce-quirks", property_switch, function.no_geforce),
	WORKS("x-msix-relocation", WORD, property_relocation),
	ID16("x-pci-vendor-id", vendor, LEND_ID_VENDOR, 0xfffe),
	ID16("x-pci-device-id", device, LEND_ID_DEVICE, 0xffff),
	ID16("x-pci-sub-vendor-id", sub_vendor, LEND_ID_SUB_VENDOR, 0xffff),
	ID16("x-pci-sub-device-id", subsystem, LEND_ID_SUBSYSTEM, 0xffff),
	{.name = "x-pci-class-code",
	 .kind = PROPERTY_NUMBER,
	 .set = property_class,
	 .most = 0xffffff,
	 .bit = LEND_ID_CLASS},
	NUMBER("x-nv-gpudirect-clique", property_clique, CLIQUE_OFF),
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
	WORKS("ats", WORD, property_ats),
	WORKS("x-p2p", WORD, property_p2p),
	REFUSED("x-vpasid-cap-offset", NUMBER, "0", NO_IOMMU),
	WORKS("x-config", WORD, property_config),
	SWITCH("x-allow-unreset", property_switch, allow_unreset),
	WORKS("x-on-error", WORD, property_on_error),
	COUNT("give-up-ms", give_up_ms, TIMEOUT_MAX_MS),
};

/* Those that one of the two drivers alone has. */
static const struct {
	const char *name;
	bool user;
} alone[] = {
	{"host", false},
	{"claim", false},
	{"sysfsdev", false},
	{"expect", false},
	{"managed", false},
	{"fd", false},
	{"iommufd", false},
	{"vf-token", false},
	{"x-no-vfio-ioeventfd", false},
	{"socket", true},
	{"x-msg-timeout", true},
	{"reconnect", true},
	{"x-no-posted-writes", true},
	{"x-send-queued", true},
};

static bool is_of(const struct run_device *device, const struct property *property)
{
	for (size_t i = 0; i < sizeof(alone) / sizeof(*alone); i++)
		if (!strcmp(alone[i].name, property->name))
			return alone[i].user == device->user;
	return true;
}

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
				 "the property %s=%.100s is not supported: %s; leave it out, or give %s",
				 property->name, value, property->reason, property->standard);
	return tool_fail(error, -EINVAL, "the property %s=%.100s is not supported: %s; leave it out",
			 property->name, value, property->reason);
}

int property_set(struct run_device *device, const char *name, const char *value, struct lend_error *error)
{
	struct nearest nearest = {.word = name};
	const char *driver = device->user ? "vfio-user-pci" : "vfio-pci";
	const struct property *property;

	for (size_t i = 0; (property = property_row(i)); i++) {
		if (!is_of(device, property))
			continue;
		nearest_offer(&nearest, property->name);
		if (strcmp(name, property->name))
			continue;
		if (property->set)
			return property->set(device, property, value, error);
		return is_standard(property, value) ? 0 : refuse(property, value, error);
	}
	if (nearest.best)
		return tool_fail(error, -EINVAL, "-device %s has no property '%.100s'; the nearest is %s",
				 driver, name, nearest.best);
	return tool_fail(error, -EINVAL, "-device %s has no property '%.100s'; man lend-run lists all",
			 driver, name);
}
