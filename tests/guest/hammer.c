/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes of every width, aligned or not, anywhere in the regions
 * given; the same seed makes the same accesses. Where BARs are is looked at
 * once, before the first: an access to a BAR that was moved goes to nobody.
 */
#include "access.h"
#include "chance.h"
#include "io.h"
#include "irq.h"
#include "pci.h"
#include "serial.h"

enum { REGIONS = 16 };

struct region {
	struct bar at;
	uint64_t length;
};

static struct chance state;

/* cfg ADDRESS OFFSET LENGTH | bar ADDRESS NUMBER OFFSET LENGTH | mem ADDRESS LENGTH | io PORT LENGTH */
static bool parse(struct words *words, const char *kind, struct region *region)
{
	unsigned address = 0;
	uint64_t number = 0, offset;

	*region = (struct region){0};
	if (same(kind, "cfg") || same(kind, "bar")) {
		if (!word_address(words, &address))
			return false;
		if (same(kind, "bar") && (!word_number(words, &number) || number > 5))
			return false;
		region->at = same(kind, "bar") ? pci_bar(address, (unsigned)number) : pci_config(address);
	} else if (same(kind, "io")) {
		region->at.ports = true;
	} else if (!same(kind, "mem")) {
		return false;
	}
	if (!word_number(words, &offset) || !word_number(words, &region->length) || !region->length)
		return false;
	region->at.base += offset;
	return true;
}

static uint64_t once(const struct region *region)
{
	unsigned width = 1u << chance(&state) % (region->at.ports ? 3 : 4);
	uint64_t offset;

	while (width > region->length)
		width /= 2;
	offset = chance_offset(&state, region->length, width);
	if (chance_of(&state, 2))
		return bar_read(&region->at, offset, width);
	bar_write(&region->at, offset, width, chance_value(&state));
	return 0;
}

/* hammer SEED COUNT REGION... */
const char *hammer_command(struct words *words)
{
	static struct region regions[REGIONS];
	uint64_t seed, count, sum = 0;
	unsigned many = 0;
	const char *kind;

	if (!word_number(words, &seed) || !word_number(words, &count))
		return "hammer SEED COUNT REGION...";
	while (*(kind = word(words)))
		if (many == REGIONS || !parse(words, kind, &regions[many++]))
			return "not a region";
	if (!many)
		return "no region";
	state.state = seed * 2 + 1;
	for (uint64_t i = 0; i < count; i++) {
		sum = (sum << 1 | sum >> 63) ^ once(&regions[chance(&state) % many]);
		irq_take();
	}
	say("%lu accesses in %u regions, sum 0x%lx", count, many, sum);
	return 0;
}
