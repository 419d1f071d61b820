/* SPDX-License-Identifier: MIT */
/* QEMU's shared memory device, as its docs/specs/ivshmem-spec describes it. */
#include "devices.h"
#include "pci.h"
#include "serial.h"

enum { POSITION = 8, DOORBELL = 12, WORDS = 64 };

/* Patterns at the start, in the middle and at the end: all are written before the first is read. */
static const char *check_memory(const struct bar *bar, uint64_t size, uint64_t seed)
{
	const uint64_t places[] = {0, size / 2 - WORDS * 4, size - WORDS * 8};

	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < WORDS; j++)
			bar_write(bar, places[i] + j * 8, 8, seed + (places[i] + j * 8));
	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < WORDS; j++)
			if (bar_read(bar, places[i] + j * 8, 8) != seed + (places[i] + j * 8))
				return "memory reads back something else";
	say("memory 0x%lx bytes at 0x%lx", size, bar->base);
	return 0;
}

/* ivshmem ADDRESS id | ring PEER VECTOR | memory SEED */
const char *ivshmem_command(struct words *words)
{
	struct bar registers, shared;
	unsigned address;
	const char *verb;
	uint64_t a, b;

	if (!word_address(words, &address) || pci_read(address, 0, 4) != 0x11101af4)
		return "no ivshmem there";
	registers = pci_bar(address, 0);
	shared = pci_bar(address, 2);
	pci_command(address, COMMAND_MEMORY | COMMAND_MASTER, 0);
	verb = word(words);
	if (same(verb, "id")) {
		say("id %lu", bar_read(&registers, POSITION, 4));
		return 0;
	}
	if (!word_number(words, &a))
		return "id, ring PEER VECTOR, or memory SEED";
	if (same(verb, "memory"))
		return check_memory(&shared, pci_bar_size(address, 2), a);
	if (!same(verb, "ring") || !word_number(words, &b))
		return "id, ring PEER VECTOR, or memory SEED";
	bar_write(&registers, DOORBELL, 4, a << 16 | b);
	say("ring %lu %lu", a, b);
	return 0;
}
