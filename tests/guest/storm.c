/* SPDX-License-Identifier: MIT */
/*
 * All processors at once do to the functions given whatever a hostile guest could; see storm_acts.c. The
 * first one answers each byte of the serial line meanwhile, by a ~, and has an edu of its own read and
 * write every kind of address: what that device is told stays whole, since nobody else touches it.
 *
 * What could end or mute the guest alone is left out: the ports of power and of the serial line, the
 * IOAPIC, and writes to where its memory is. An exception starts the machine again.
 */
#include "access.h"
#include "edu.h"
#include "io.h"
#include "irq.h"
#include "power.h"
#include "serial.h"
#include "smp.h"
#include "storm.h"

enum { DMA_EVERY = 32 };
enum { DMA_ROOM = 4096, FREE_RAM = 0x4000000 }; /* from there on memory is nobody's */

static struct storm storm;
static uint64_t seed, steps, sums[SMP_MAX];
static unsigned dma_device; /* 0: none */

static uint64_t dma_place(struct chance *from, bool out)
{
	const struct target *target = &storm.targets[chance(from) % storm.count];
	const uint64_t places[] = {
		FREE_RAM,
		storm.ram - DMA_ROOM,
		storm.ram - 8,
		storm.ram,
		0xa0000,
		0xe0000,
		0xf0000000,
		0xfec00000,
		0xfee00000,
		0xfffff000,
		0x100000000,
		UINT64_MAX - 7,
		chance(from) << 32,
		target->bars[chance(from) % BARS].base,
	};
	uint64_t place = places[chance(from) % (sizeof(places) / sizeof(*places))];

	return out && place < FREE_RAM ? FREE_RAM : place;
}

/* One transfer; it goes on while the processors do. */
static void dma(struct chance *from)
{
	struct bar registers = pci_bar(dma_device, 0);
	bool out = chance_of(from, 2);
	uint64_t place = dma_place(from, out), length = 1 + chance(from) % 64;

	if (bar_read(&registers, DMA_COMMAND, 8) & DMA_START)
		return;
	bar_write(&registers, DMA_FROM, 8, out ? DMA_BUFFER : place);
	bar_write(&registers, DMA_TO, 8, out ? place : DMA_BUFFER);
	bar_write(&registers, DMA_COUNT, 8, length);
	bar_write(&registers, DMA_COMMAND, 8, DMA_START | (out ? DMA_TO_MEMORY : 0));
}

static void work(unsigned number)
{
	struct chance from = {(seed * SMP_MAX + number) * 2 + 1};

	for (unsigned i = 0; i < 64; i++)
		chance(&from); /* seeds that are near each other begin alike */
	for (uint64_t i = 0; i < steps; i++) {
		sums[number] = (sums[number] << 1 | sums[number] >> 63) ^ storm_act(&storm, &from);
		irq_take();
		if (number)
			continue;
		if (dma_device && i % DMA_EVERY == 0)
			dma(&from);
		if (serial_byte() >= 0)
			say("~");
	}
}

/* storm SEED STEPS PROCESSORS RAM ADDRESS... [dma ADDRESS] */
const char *storm_command(struct words *words)
{
	uint64_t wanted;
	unsigned there;

	if (!word_number(words, &seed) || !word_number(words, &steps) || !word_number(words, &wanted) ||
	    !word_number(words, &storm.ram) || wanted > SMP_MAX)
		return "storm SEED STEPS PROCESSORS RAM ADDRESS... [dma ADDRESS]";
	storm.count = dma_device = 0;
	for (char *at = words->at; *at; at = words->at) {
		bool is_dma = at[0] == 'd' && at[1] == 'm' && at[2] == 'a';
		unsigned address;

		if (is_dma)
			word(words);
		if (!word_address(words, &address))
			return "no address";
		if (is_dma)
			dma_device = address;
		else if (storm.count == TARGETS || !storm_look(&storm.targets[storm.count++], address))
			return "nothing there, or too many";
	}
	if (!storm.count)
		return "no function";
	if (dma_device)
		pci_command(dma_device, COMMAND_MEMORY | COMMAND_MASTER, 0);
	irq_on_exception(power_reset);
	there = smp_start((unsigned)wanted);
	smp_run(there, work);
	irq_on_exception(power_panic);
	say("%lu steps of %u processors, sum 0x%lx", steps, there, sums[0]);
	return 0;
}
