/* SPDX-License-Identifier: MIT */
/* The table of types; see types.h. Names are those of the dialect where it has one. */
#include <string.h>

#include "tool/run/properties.h"
#include "tool/run/qmp/types.h"

static const char *const run_states[] = {"prelaunch",      "running",        "paused", "shutdown",
					 "guest-panicked", "internal-error", NULL};
static const char *const causes[] = {"none",        "host-error", "host-qmp-quit",  "host-qmp-system-reset",
				     "host-signal", "host-ui",    "guest-shutdown", "guest-reset",
				     "guest-panic", NULL};
static const char *const panics[] = {"poweroff", NULL};

static const struct qmp_type table[] = {
	{.name = "RunState", .values = run_states},
	{.name = "ShutdownCause", .values = causes},
	{.name = "GuestPanicAction", .values = panics},
	/* Arguments */
	{.name = "Nothing"},
	{.name = "CapabilitiesArg", .members = {{"enable", "[str]", true}}},
	{.name = "FdNameArg", .members = {{"fdname", "str", false}}},
	{.name = "AddFdArg", .members = {{"fdset-id", "int", true}, {"opaque", "str", true}}},
	{.name = "DeviceAddArg", .members = {{"driver", "str", false}, {"id", "str", true}}, .devices = true},
	{.name = "DeviceDelArg", .members = {{"id", "str", false}, {"x-force", "bool", true}}},
	/* Answers */
	{.name = "VersionTriple",
	 .members = {{"major", "int", false}, {"minor", "int", false}, {"micro", "int", false}}},
	{.name = "VersionInfo", .members = {{"qemu", "VersionTriple", false}, {"package", "str", false}}},
	{.name = "CommandInfo", .members = {{"name", "str", false}}},
	{.name = "SchemaInfo",
	 .members = {{"name", "str", false},
		     {"meta-type", "str", false},
		     {"json-type", "str", true},
		     {"element-type", "str", true},
		     {"arg-type", "str", true},
		     {"ret-type", "str", true},
		     {"values", "[str]", true},
		     {"members", "[any]", true}}},
	{.name = "StatusInfo", .members = {{"running", "bool", false}, {"status", "RunState", false}}},
	{.name = "NameInfo", .members = {{"name", "str", true}}},
	{.name = "UuidInfo", .members = {{"UUID", "str", false}}},
	{.name = "CpuInfoFast",
	 .members = {{"cpu-index", "int", false},
		     {"thread-id", "int", false},
		     {"qom-path", "str", false},
		     {"props", "any", false},
		     {"target", "str", false}}},
	{.name = "PciInfo", .members = {{"bus", "int", false}, {"devices", "[PciDeviceInfo]", false}}},
	{.name = "PciDeviceInfo",
	 .members = {{"bus", "int", false},
		     {"slot", "int", false},
		     {"function", "int", false},
		     {"class_info", "PciDeviceClass", false},
		     {"id", "PciDeviceId", false},
		     {"irq", "int", true},
		     {"irq_pin", "int", false},
		     {"qdev_id", "str", false},
		     {"regions", "[PciMemoryRegion]", false},
		     {"pci_bridge", "PciBridgeInfo", true},
		     {"x-host", "str", true}}},
	{.name = "PciDeviceClass", .members = {{"class", "int", false}, {"desc", "str", true}}},
	{.name = "PciDeviceId",
	 .members = {{"vendor", "int", false},
		     {"device", "int", false},
		     {"subsystem-vendor", "int", true},
		     {"subsystem", "int", true}}},
	{.name = "PciMemoryRegion",
	 .members = {{"bar", "int", false},
		     {"type", "str", false},
		     {"address", "int", false},
		     {"size", "int", false},
		     {"prefetch", "bool", true},
		     {"mem_type_64", "bool", true}}},
	{.name = "PciBridgeInfo",
	 .members = {{"bus", "PciBusInfo", false}, {"devices", "[PciDeviceInfo]", true}}},
	{.name = "PciBusInfo",
	 .members = {{"number", "int", false},
		     {"secondary", "int", false},
		     {"subordinate", "int", false},
		     {"io_range", "PciMemoryRange", false},
		     {"memory_range", "PciMemoryRange", false},
		     {"prefetchable_range", "PciMemoryRange", false}}},
	{.name = "PciMemoryRange", .members = {{"base", "int", false}, {"limit", "int", false}}},
	{.name = "AddfdInfo", .members = {{"fdset-id", "int", false}, {"fd", "int", false}}},
	/* Data of events */
	{.name = "ShutdownEvent", .members = {{"guest", "bool", false}, {"reason", "ShutdownCause", false}}},
	{.name = "PanicEvent", .members = {{"action", "GuestPanicAction", false}}},
	{.name = "DeviceEvent",
	 .members = {{"device", "str", false},
		     {"path", "str", false},
		     {"x-host", "str", true},
		     {"reason", "str", true},
		     {"x-given-back", "bool", true}}},
	{.name = "LendDeviceEvent",
	 .members = {{"id", "str", false},
		     {"host", "str", true},
		     {"reason", "str", true},
		     {"x-given-back", "bool", true}}},
	{.name = "LendMemoryEvent", .members = {{"populated", "int", false}, {"size", "int", false}}},
	{.name = "LendDeviceErrorEvent",
	 .members = {{"id", "str", false},
		     {"host", "str", true},
		     {"reason", "str", true},
		     {"status", "[int]", false}}},
};

const struct qmp_type *qmp_type_row(size_t index)
{
	return index < sizeof(table) / sizeof(*table) ? &table[index] : NULL;
}

const struct qmp_type *qmp_type_find(const char *name)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

/* As the command line takes them: a switch and a number may be text, too. */
const char *qmp_property_type(size_t index, const char **name)
{
	static const char *const types[] = {[PROPERTY_SWITCH] = "PropertySwitch",
					    [PROPERTY_NUMBER] = "PropertyNumber",
					    [PROPERTY_WORD] = "PropertyWord"};
	const struct property *row;

	for (size_t i = 0; (row = property_row(i)); i++) {
		if (!row->set || !strcmp(row->name, "id") || index--)
			continue;
		*name = row->name;
		return types[row->kind];
	}
	return NULL;
}

json_t *qmp_text(const char *text)
{
	json_t *value = json_string(text);
	char clean[1024];
	size_t i;

	if (value)
		return value;
	for (i = 0; text[i] && i + 1 < sizeof(clean); i++)
		clean[i] = (char)((unsigned char)text[i] < 0x80 ? text[i] : '?');
	clean[i] = '\0';
	return json_string(clean);
}
