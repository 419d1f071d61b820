/* SPDX-License-Identifier: MIT */
/* Checking the caller's facts, and taking them (facts.h). */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/error.h"
#include "lib/open/facts.h"
#include "lib/sized.h"

int facts_check(const struct lend_device_config *config, struct lend_error *error)
{
	if ((config->fd >= 0) == (config->group_fd >= 0))
		return error_say(error, -EINVAL,
				 "the facts of a device come with one descriptor: its own or its group's");
	if (config->group_fd >= 0 && config->backend == LEND_BACKEND_IOMMUFD)
		return error_say(error, -EINVAL, "a group's descriptor is for the legacy way, not iommufd");
	if (config->fd >= 0 && config->backend == LEND_BACKEND_LEGACY)
		return error_say(error, -EINVAL, "a device's own descriptor is for iommufd alone");
	return 0;
}

int facts_take(const struct lend_device_facts *given, struct lend_host_device *out, struct lend_error *error)
{
	struct lend_device_facts facts;
	uint8_t uuid[LEND_UUID_SIZE];
	int ret = sized_take(&facts, sizeof(facts), given, offsetof(struct lend_device_facts, driver));

	if (ret < 0)
		return error_say(error, ret, "lend_device_facts: its size is that of no version");
	*out = (struct lend_host_device){.group = facts.group, .numa_node = facts.numa_node};
	if (!facts.name || strlen(facts.name) >= sizeof(out->name))
		return error_say(error, -EINVAL,
				 "the facts of a device have no name: an address or a UUID is needed");
	if (lend_bdf_parse(facts.name, &out->bdf)) {
		out->is_mdev = true;
		ret = lend_uuid_parse(facts.name, uuid);
	}
	if (ret < 0)
		return error_say(error, ret, "'%s' is neither the address of a PCI device nor a UUID",
				 facts.name);
	snprintf(out->name, sizeof(out->name), "%s", facts.name);
	snprintf(out->driver, sizeof(out->driver), "%s", facts.driver ? facts.driver : "");
	snprintf(out->reset_methods, sizeof(out->reset_methods), "%s",
		 facts.reset_methods ? facts.reset_methods : "");
	return 0;
}

unsigned facts_raw_config(const struct lend_device_facts *given, uint8_t raw[PCI_CFG_SPACE_EXP_SIZE])
{
	struct lend_device_facts facts;
	size_t length;

	if (sized_take(&facts, sizeof(facts), given, sizeof(facts.size)) < 0 || !facts.config)
		return 0;
	length = facts.config_length < PCI_CFG_SPACE_EXP_SIZE ? facts.config_length : PCI_CFG_SPACE_EXP_SIZE;
	memcpy(raw, facts.config, length);
	return (unsigned)length;
}
