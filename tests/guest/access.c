/* SPDX-License-Identifier: MIT */
#include "access.h"
#include "io.h"
#include "pci.h"
#include "serial.h"

/* cfg ADDRESS OFFSET WIDTH; with any other length than a width: that many bytes */
const char *cfg_command(struct words *words)
{
	unsigned address;
	uint64_t offset, length;

	if (!word_address(words, &address) || !word_number(words, &offset) || !word_number(words, &length) ||
	    offset + length > 4096)
		return "cfg ADDRESS OFFSET LENGTH";
	if (is_width(length))
		say("0x%lx", pci_read(address, (unsigned)offset, (unsigned)length));
	else
		for (uint64_t i = 0; i < length; i++)
			say("%02lx", pci_read(address, (unsigned)(offset + i), 1));
	return 0;
}

/* cfgw ADDRESS OFFSET WIDTH VALUE */
const char *cfgw_command(struct words *words)
{
	unsigned address;
	uint64_t offset, width, value;

	if (!word_address(words, &address) || !word_number(words, &offset) || !word_number(words, &width) ||
	    !is_width(width) || !word_number(words, &value) || offset + width > 4096)
		return "cfgw ADDRESS OFFSET WIDTH VALUE";
	pci_write(address, (unsigned)offset, (unsigned)width, value);
	say("written");
	return 0;
}

static const char *access(const struct bar *bar, struct words *words)
{
	uint64_t offset, width, value;

	if (!word_number(words, &offset) || !word_number(words, &width) || !is_width(width) ||
	    (bar->ports && width == 8))
		return "OFFSET WIDTH [VALUE]";
	if (word_number(words, &value)) {
		bar_write(bar, offset, (unsigned)width, value);
		say("written");
	} else {
		say("0x%lx", bar_read(bar, offset, (unsigned)width));
	}
	return 0;
}

/* bar ADDRESS NUMBER OFFSET WIDTH [VALUE] */
const char *bar_command(struct words *words)
{
	struct bar bar;
	unsigned address;
	uint64_t number;

	if (!word_address(words, &address) || !word_number(words, &number) || number > 5)
		return "bar ADDRESS NUMBER OFFSET WIDTH [VALUE]";
	bar = pci_bar(address, (unsigned)number);
	return bar.there ? access(&bar, words) : "no such BAR";
}

/* mem ADDRESS WIDTH [VALUE] */
const char *mem_command(struct words *words)
{
	const struct bar all = {.there = true};

	return access(&all, words);
}

/* port PORT WIDTH [VALUE]: any I/O port */
const char *port_command(struct words *words)
{
	const struct bar all = {.there = true, .ports = true};

	return access(&all, words);
}

/* msr NUMBER [VALUE]; it has to be one that is there */
const char *msr_command(struct words *words)
{
	uint64_t number, value;

	if (!word_number(words, &number) || number > UINT32_MAX)
		return "msr NUMBER [VALUE]";
	if (word_number(words, &value)) {
		msr_write((uint32_t)number, value);
		say("written");
	} else {
		say("0x%lx", msr_read((uint32_t)number));
	}
	return 0;
}

/* toggle ADDRESS COUNT: decode goes and comes; what is read first of BAR 0 is read each time that it is
 * there. */
const char *toggle_command(struct words *words)
{
	struct bar bar;
	unsigned address;
	uint64_t count, first;

	if (!word_address(words, &address) || !word_number(words, &count))
		return "toggle ADDRESS COUNT";
	pci_command(address, COMMAND_MEMORY, 0);
	bar = pci_bar(address, 0);
	if (!bar.there || bar.ports)
		return "no memory BAR 0";
	first = bar_read(&bar, 0, 4);
	for (uint64_t i = 0; i < count; i++) {
		pci_command(address, 0, COMMAND_MEMORY);
		if (bar_read(&bar, 0, 4) != UINT32_MAX)
			return "it answers without decode";
		pci_command(address, COMMAND_MEMORY, 0);
		if (bar_read(&bar, 0, 4) != first)
			return "it does not come back";
	}
	say("%lu toggles", 2 * count);
	return 0;
}
