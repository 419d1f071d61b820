/* SPDX-License-Identifier: MIT */
/* The order of the ways to reset a device (reset_way.h). */
#include <stddef.h>
#include <string.h>

#include "lib/reset_way.h"

enum { AMD = 0x1002 };

unsigned reset_ways(const struct reset_facts *facts, enum reset_way out[RESET_WAY_COUNT])
{
	bool kernel = facts->kernel_can && !facts->broken;
	unsigned count = 0;

	if (facts->own && !facts->kernel_can)
		out[count++] = RESET_WAY_OWN;
	if (kernel && !facts->power)
		out[count++] = RESET_WAY_FUNCTION;
	if (facts->bus)
		out[count++] = RESET_WAY_BUS;
	if (kernel && facts->power)
		out[count++] = RESET_WAY_POWER;
	return count;
}

bool reset_is_first(const char *methods, const char *name)
{
	size_t first = strcspn(methods, " ");

	return strlen(name) == first && !strncmp(methods, name, first);
}

bool reset_is_own(uint16_t vendor, uint16_t device)
{
#define ID(id) id
	static const uint16_t amd[] = {RESET_OWN_AMD(ID)};
#undef ID

	for (size_t i = 0; vendor == AMD && i < sizeof(amd) / sizeof(*amd); i++)
		if (amd[i] == device)
			return true;
	return false;
}
