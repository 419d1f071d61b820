/* SPDX-License-Identifier: MIT */
/* The order of the ways to reset a device (reset_way.h). */
#include <stddef.h>
#include <string.h>

#include "lib/reset_way.h"

enum { AMD = 0x1002 };

const char *const reset_words[RESET_WORDS] = {
	"device_specific", "acpi", "flr", "af_flr", "pm", "bus", "cxl_bus",
};

enum reset_method reset_method(const struct reset_facts *facts)
{
	if (!facts->methods || !facts->methods[0])
		return facts->flr ? RESET_FLR : facts->power ? RESET_PM : RESET_UNKNOWN;
	for (unsigned i = 0; i < RESET_WORDS; i++)
		if (reset_is_first(facts->methods, reset_words[i]))
			return (enum reset_method)i;
	return RESET_UNKNOWN;
}

bool reset_is_broken(const struct reset_facts *facts, enum reset_method method)
{
	return method < RESET_WORDS && facts->broken & 1u << method;
}

unsigned reset_ways(const struct reset_facts *facts, enum reset_way out[RESET_WAY_COUNT])
{
	enum reset_method method = reset_method(facts);
	bool kernel = facts->kernel_can && !reset_is_broken(facts, method);
	bool power = method == RESET_PM;
	unsigned count = 0;

	if (facts->own && !facts->kernel_can)
		out[count++] = RESET_WAY_OWN;
	if (kernel && !power)
		out[count++] = RESET_WAY_FUNCTION;
	if (facts->bus && !reset_is_broken(facts, RESET_BUS))
		out[count++] = RESET_WAY_BUS;
	if (kernel && power)
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
