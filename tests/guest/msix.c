/* SPDX-License-Identifier: MIT */
/* PCI Local Bus 3.0, 6.8.2, step by step: a test decides what happens between two steps. */
#include "irq.h"
#include "msi.h"
#include "pci.h"
#include "serial.h"

enum { CONTROL = 2, TABLE = 4, PBA = 8, CONTROL_ON = 0x8000, CONTROL_MASKED = 0x4000, SIZE_MASK = 0x7ff };
enum { ENTRY = 16, ENTRY_DATA = 8, ENTRY_CONTROL = 12, FUNCTIONS = 4, POLLS_MAX = 100000 };

struct msix {
	unsigned address, at, vectors, first; /* `first`: processor's vector of vector 0 */
	uint64_t table, pba;
};

static struct msix functions[FUNCTIONS];
static unsigned count, next = VECTOR_MSIX;

/* The address of what a register names: BAR number in the low 3 bits, offset in the rest. */
static uint64_t place(unsigned address, unsigned reg)
{
	uint64_t value = pci_read(address, reg, 4);

	return pci_bar(address, value & 7).base + (value & ~7ULL);
}

static struct msix *find(unsigned address)
{
	struct msix *msix;
	unsigned at;

	for (unsigned i = 0; i < count; i++)
		if (functions[i].address == address)
			return &functions[i];
	at = pci_capability(address, CAP_MSIX);
	if (!at || count == FUNCTIONS)
		return 0;
	msix = &functions[count];
	msix->vectors = (unsigned)(pci_read(address, at + CONTROL, 2) & SIZE_MASK) + 1;
	if (next + msix->vectors > VECTOR_LAST + 1)
		return 0;
	msix->address = address;
	msix->at = at;
	msix->first = next;
	msix->table = place(address, at + TABLE);
	msix->pba = place(address, at + PBA);
	next += msix->vectors;
	count++;
	return msix;
}

static void set_control(const struct msix *msix, uint64_t bits)
{
	pci_write(msix->address, msix->at + CONTROL, 2, bits);
}

static uint64_t entry(const struct msix *msix, uint64_t vector)
{
	return msix->table + vector * ENTRY;
}

static void turn_on(const struct msix *msix)
{
	struct bar none = {0}; /* base 0: offsets are addresses */

	pci_command(msix->address, COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_INTX, 0);
	set_control(msix, CONTROL_ON | CONTROL_MASKED);
	for (unsigned i = 0; i < msix->vectors; i++) {
		bar_write(&none, entry(msix, i), 4, irq_message_address());
		bar_write(&none, entry(msix, i) + 4, 4, 0);
		bar_write(&none, entry(msix, i) + ENTRY_DATA, 4, msix->first + i);
		bar_write(&none, entry(msix, i) + ENTRY_CONTROL, 4, 1);
	}
	set_control(msix, CONTROL_ON);
	say("on %u vectors", msix->vectors);
}

/* The device signals while the vector is masked, each time: it is pending, and arrives once when unmasked. */
static const char *mask_often(const struct msix *msix, uint64_t v, struct words *words)
{
	const struct bar none = {0};
	unsigned vector = msix->first + (unsigned)v;
	uint64_t times, bell, value, before = irq_count(vector), polls;

	if (!word_number(words, &times) || !word_number(words, &bell) || !word_number(words, &value))
		return "often VECTOR COUNT BELL VALUE";
	for (uint64_t i = 0; i < times; i++) {
		bar_write(&none, entry(msix, v) + ENTRY_CONTROL, 4, 1);
		bar_write(&none, bell, 4, value);
		for (polls = 0; !(bar_read(&none, msix->pba + v / 64 * 8, 8) >> v % 64 & 1); polls++)
			if (polls == POLLS_MAX)
				return "it does not get pending";
		irq_take();
		if (irq_count(vector) != before + i)
			return "it arrived while it was masked";
		bar_write(&none, entry(msix, v) + ENTRY_CONTROL, 4, 0);
		if (!irq_wait(vector, before + i + 1))
			return "it did not arrive in 2 s";
		if (irq_count(vector) != before + i + 1)
			return "it arrived twice";
	}
	irq_sleep(50); /* one too many would come now */
	say("often %lu masks, %lu interrupts", times, irq_count(vector) - before);
	return 0;
}

static const char *one_vector(const struct msix *msix, const char *verb, uint64_t v, struct words *words)
{
	struct bar none = {0};
	unsigned vector = msix->first + (unsigned)v;
	uint64_t wanted;

	if (same(verb, "mask") || same(verb, "unmask")) {
		bar_write(&none, entry(msix, v) + ENTRY_CONTROL, 4, same(verb, "mask"));
		say("%sed %lu", verb, v);
	} else if (same(verb, "pending")) {
		say("pending %lu %lu", v, bar_read(&none, msix->pba + v / 64 * 8, 8) >> v % 64 & 1);
	} else if (same(verb, "count")) {
		irq_sleep(50); /* what is under way arrives */
		say("count %lu %lu", v, irq_count(vector));
	} else if (same(verb, "wait")) {
		if (!word_number(words, &wanted))
			return "wait VECTOR COUNT";
		if (!irq_wait(vector, wanted))
			return "not so many interrupts in 2 s";
		say("count %lu %lu", v, irq_count(vector));
	} else if (same(verb, "often")) {
		return mask_often(msix, v, words);
	} else {
		return "mask, unmask, pending, count, wait or often";
	}
	return 0;
}

/* msix ADDRESS on|off|hold|release, or mask|unmask|pending|count|wait VECTOR [COUNT], or often VECTOR COUNT
 * BELL VALUE */
const char *msix_command(struct words *words)
{
	const struct msix *msix;
	const char *verb;
	unsigned address;
	uint64_t vector;

	if (!word_address(words, &address))
		return "no address";
	msix = find(address);
	if (!msix)
		return "no MSI-X, or no room for its vectors";
	verb = word(words);
	if (same(verb, "on")) {
		turn_on(msix);
	} else if (same(verb, "off") || same(verb, "hold") || same(verb, "release")) {
		set_control(msix,
			    same(verb, "off") ? 0 : CONTROL_ON | (same(verb, "hold") ? CONTROL_MASKED : 0));
		say("%s", verb);
	} else {
		if (!word_number(words, &vector) || vector >= msix->vectors)
			return "no such vector";
		return one_vector(msix, verb, vector, words);
	}
	return 0;
}
