/* SPDX-License-Identifier: MIT */
/*
 * Two edu on one interrupt line. A round is: the first raises, the second does,
 * both do at once. The handler asks both, as the drivers of a shared line do;
 * what one of them raised and nobody saw ends the test.
 */
#include "edu.h"
#include "irq.h"
#include "msi.h"
#include "pci.h"
#include "serial.h"

enum { FIRST = 1, SECOND = 2, SPURIOUS_MAX = 1000 };

static struct bar registers[2];
static unsigned gsi;
static volatile uint64_t seen[2], spurious;

static void interrupted(void)
{
	bool any = false;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t status = bar_read(&registers[i], IRQ_STATUS, 4);

		if (!status)
			continue;
		any = true;
		seen[i]++;
		bar_write(&registers[i], IRQ_ACK, 4, status);
	}
	if (!any && ++spurious > SPURIOUS_MAX)
		irq_ioapic_mask(gsi);
}

/* An interrupt may tell of one or of both: waits until everything was seen. */
static bool raise(unsigned who)
{
	uint64_t want[2] = {seen[0], seen[1]};

	for (unsigned i = 0; i < 2; i++) {
		if (!(who & (1U << i)))
			continue;
		want[i]++;
		bar_write(&registers[i], IRQ_RAISE, 4, 1);
	}
	while (seen[0] != want[0] || seen[1] != want[1])
		if (!irq_wait(VECTOR_INTX, irq_count(VECTOR_INTX) + 1))
			return seen[0] == want[0] && seen[1] == want[1];
	return true;
}

static const char *rounds(uint64_t count)
{
	static const unsigned who[] = {FIRST, SECOND, FIRST | SECOND};
	static const char *const failures[] = {"the first one's did not arrive",
					       "the second one's did not arrive",
					       "one of both did not arrive"};

	seen[0] = seen[1] = spurious = 0;
	for (uint64_t n = 0; n < count; n++)
		for (unsigned i = 0; i < 3; i++)
			if (!raise(who[i]))
				return failures[i];
	irq_sleep(20); /* one too many would come now */
	say("pair %lu raised, %lu seen", 4 * count, seen[0] + seen[1]);
	return spurious > SPURIOUS_MAX ? "the line stays up" : 0;
}

static void set_up(unsigned number, unsigned address)
{
	registers[number] = pci_bar(address, 0);
	msi_off(address);
	pci_command(address, COMMAND_MEMORY, 0);
	bar_write(&registers[number], IRQ_ACK, 4, bar_read(&registers[number], IRQ_STATUS, 4));
	pci_command(address, 0, COMMAND_NO_INTX);
}

const char *edu_pair(unsigned address, struct words *words)
{
	const char *failure;
	unsigned other;
	uint64_t count;

	if (!word_address(words, &other) || !word_number(words, &count) || pci_read(other, 0, 4) != EDU_IDS ||
	    other == address)
		return "pair ADDRESS ROUNDS";
	if (pci_gsi(address) != pci_gsi(other))
		return "they have a line each";
	gsi = pci_gsi(address);
	set_up(0, address);
	set_up(1, other);
	irq_hook(VECTOR_INTX, interrupted);
	irq_ioapic(gsi, VECTOR_INTX, true);
	failure = rounds(count);
	irq_ioapic_mask(gsi);
	pci_command(address, COMMAND_NO_INTX, 0);
	pci_command(other, COMMAND_NO_INTX, 0);
	return failure;
}
