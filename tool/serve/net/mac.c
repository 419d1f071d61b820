/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "tool/serve/net/mac.h"

static uint64_t hash(uint64_t value, const char *text)
{
	/* FNV-1a. */
	for (; *text; text++)
		value = (value ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return value;
}

void net_mac_make(const char *name, unsigned number, uint8_t mac[NET_MAC])
{
	char identity[64] = "", suffix[16] = "";
	FILE *file = fopen("/etc/machine-id", "re");
	uint64_t value;

	if (file) {
		if (!fgets(identity, sizeof(identity), file))
			identity[0] = '\0';
		fclose(file);
	}
	/* The first card has the address that it has alone. */
	if (number)
		snprintf(suffix, sizeof(suffix), " %u", number);
	value = hash(hash(hash(UINT64_C(0xcbf29ce484222325), identity), name), suffix);
	mac[0] = 2;
	for (unsigned i = 1; i < NET_MAC; i++)
		mac[i] = (uint8_t)(value >> 8 * i);
}
