/* SPDX-License-Identifier: MIT */
/* Properties of the function that the guest sees. */
#include <errno.h>
#include <string.h>

#include "tool/run/property_setters.h"
#include "tool/tool.h"

int property_intx_timeout(struct run_device *device, const struct property *row, const char *value,
			  struct lend_error *error)
{
	uint64_t ms;

	if (property_number(row, value, &ms, NULL))
		return tool_fail(error, -EINVAL,
				 "%s=%.100s is not a number of milliseconds; give one from 0 to %llu",
				 row->name, value, (unsigned long long)row->most);
	device->function.intx_timeout_ms = (unsigned)ms;
	return 0;
}

int property_clique(struct run_device *device, const struct property *row, const char *value,
		    struct lend_error *error)
{
	uint64_t clique;

	if (property_number(row, value, &clique, NULL) || (clique > CLIQUE_MAX && clique != CLIQUE_OFF))
		return tool_fail(error, -EINVAL,
				 "%s=%.100s is not a clique; give a number from 0 to %d, or %d for none",
				 row->name, value, CLIQUE_MAX, CLIQUE_OFF);
	device->function.has_clique = clique != CLIQUE_OFF;
	device->function.clique = (uint8_t)(clique & CLIQUE_MAX);
	return 0;
}

/* romfile= without a file means no ROM at all, as users of other monitors know it. */
int property_romfile(struct run_device *device, const struct property *row, const char *value,
		     struct lend_error *error)
{
	if (strlen(value) >= sizeof(device->romfile))
		return tool_fail(error, -EINVAL, "%s= is longer than %zu bytes; give a shorter path",
				 row->name, sizeof(device->romfile) - 1);
	strcpy(device->romfile, value);
	if (!*value)
		device->function.rom_mode = LEND_ROM_NONE;
	return 0;
}

int property_rombar(struct run_device *device, const struct property *row, const char *value,
		    struct lend_error *error)
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

int property_romsize(struct run_device *device, const struct property *row, const char *value,
		     struct lend_error *error)
{
	uint64_t size;
	int ret;

	if (!strcmp(value, "-1"))
		return 0;
	ret = property_number(row, value, &size, error);
	if (ret)
		return ret;
	if (!size || size & (size - 1))
		return tool_fail(error, -EINVAL, "%s=%.100s is not a power of two; give bytes, like 65536",
				 row->name, value);
	device->function.rom_size = size;
	return 0;
}

int property_relocation(struct run_device *device, const struct property *row, const char *value,
			struct lend_error *error)
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

/* What on, off or auto mean to a field. */
struct three {
	int on, off, automatic;
};

static int read_three(const struct three *means, int *out, const struct property *row, const char *value,
		      struct lend_error *error)
{
	bool on;

	*out = means->automatic;
	if (!strcmp(value, "auto"))
		return 0;
	if (value_switch(value, &on))
		return tool_fail(error, -EINVAL, "%s=%.100s is not known; give on, off or auto", row->name,
				 value);
	*out = on ? means->on : means->off;
	return 0;
}

int property_ats(struct run_device *device, const struct property *row, const char *value,
		 struct lend_error *error)
{
	static const struct three means = {LEND_ATS_ON, LEND_ATS_OFF, LEND_ATS_AUTO};
	int word, ret = read_three(&means, &word, row, value, error);

	device->function.ats = (enum lend_ats)word;
	return ret;
}

int property_p2p(struct run_device *device, const struct property *row, const char *value,
		 struct lend_error *error)
{
	static const struct three means = {LEND_P2P_ON, LEND_P2P_OFF, LEND_P2P_AUTO};
	int word, ret = read_three(&means, &word, row, value, error);

	device->function.p2p = (enum lend_p2p)word;
	return ret;
}

/* One of two words; the field is true for the first. */
static int set_word(bool *out, const struct property *row, const char *value, const char *yes, const char *no,
		    struct lend_error *error)
{
	*out = !strcmp(value, yes);
	if (*out || !strcmp(value, no))
		return 0;
	return tool_fail(error, -EINVAL, "%s=%.100s is not known; give %s or %s", row->name, value, yes, no);
}

int property_config(struct run_device *device, const struct property *row, const char *value,
		    struct lend_error *error)
{
	return set_word(&device->function.strict_config, row, value, "strict", "open", error);
}

int property_on_error(struct run_device *device, const struct property *row, const char *value,
		      struct lend_error *error)
{
	static const struct {
		const char *word;
		enum vmm_on_error means;
	} words[] = {
		{"forward", VMM_ERROR_FORWARD},   {"remove", VMM_ERROR_REMOVE}, {"stop", VMM_ERROR_STOP},
		{"continue", VMM_ERROR_CONTINUE}, {"keep", VMM_ERROR_CONTINUE}, /* its older name */
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(value, words[i].word)) {
			device->on_error = words[i].means;
			return 0;
		}
	return tool_fail(error, -EINVAL, "%s=%.100s is not known; give forward, remove, stop or continue",
			 row->name, value);
}
