/* SPDX-License-Identifier: MIT */
/* QEMU's teaching device, as its docs/specs/edu describes it. */
#include "devices.h"
#include "edu.h"
#include "irq.h"
#include "msi.h"
#include "pci.h"
#include "serial.h"

enum { SIZE = 4096, SPURIOUS_MAX = 100 };

static uint8_t memory[2][SIZE] __attribute__((aligned(4096)));
static struct bar registers;
static unsigned gsi;
static volatile uint64_t seen, spurious;

static uint64_t get(unsigned offset)
{
	return bar_read(&registers, offset, 4);
}

static void set(unsigned offset, uint64_t value)
{
	bar_write(&registers, offset, 4, value);
}

/* 2 s at most. */
static bool settled(unsigned offset, uint64_t bit)
{
	for (unsigned i = 0; i < 2000; i++) {
		if (!(get(offset) & bit))
			return true;
		irq_sleep(1);
	}
	return false;
}

static void start_dma(uint64_t address, uint64_t length, unsigned command)
{
	bool out = command & DMA_TO_MEMORY;

	bar_write(&registers, DMA_FROM, 8, out ? DMA_BUFFER : address);
	bar_write(&registers, DMA_TO, 8, out ? address : DMA_BUFFER);
	bar_write(&registers, DMA_COUNT, 8, length);
	bar_write(&registers, DMA_COMMAND, 8, command | DMA_START);
}

static bool dma(uint64_t address, uint64_t length, unsigned command)
{
	start_dma(address, length, command);
	return settled(DMA_COMMAND, DMA_START);
}

static const char *factorial(struct words *words)
{
	uint64_t n;

	if (!word_number(words, &n))
		return "fact NUMBER";
	set(LIVE, (uint32_t)n);
	if (get(LIVE) != (uint32_t)~n)
		return "it is not alive";
	/* What was asked before, by whomever, comes first. */
	if (!settled(STATUS, 1))
		return "it is busy";
	set(FACTORIAL, n);
	if (!settled(STATUS, 1))
		return "it does not finish";
	say("fact %lu %lu", n, get(FACTORIAL));
	return 0;
}

static const char *there_and_back(void)
{
	for (unsigned i = 0; i < SIZE; i++) {
		memory[0][i] = (uint8_t)(i * 7 + (i >> 8));
		memory[1][i] = 0;
	}
	if (!dma((uint64_t)memory[0], SIZE, 0) || !dma((uint64_t)memory[1], SIZE, DMA_TO_MEMORY))
		return "DMA does not finish";
	if (memcmp(memory[0], memory[1], SIZE))
		return "DMA brought something else back";
	say("dma %u bytes there and back", SIZE);
	return 0;
}

/* dma: to the device and back; dma in|out ADDRESS LENGTH: between its buffer and any address. */
static const char *transfer(struct words *words)
{
	const char *verb = word(words);
	uint64_t address, length;

	if (!*verb)
		return there_and_back();
	if (!word_number(words, &address) || !word_number(words, &length) || length > SIZE)
		return "dma in|out ADDRESS LENGTH";
	if (!dma(address, length, same(verb, "out") ? DMA_TO_MEMORY : 0))
		return "DMA does not finish";
	say("dma %s 0x%lx", verb, address);
	return 0;
}

/* Fills its buffer with a value. */
static const char *load(struct words *words)
{
	uint64_t value;

	if (!word_number(words, &value))
		return "load VALUE";
	for (unsigned i = 0; i < SIZE; i += 8)
		memcpy(&memory[0][i], &value, 8);
	if (!dma((uint64_t)memory[0], SIZE, 0))
		return "DMA does not finish";
	say("load 0x%lx", value);
	return 0;
}

/* The first and the last 8 bytes of its buffer. */
static const char *show(void)
{
	memset(memory[1], 0, SIZE);
	if (!dma((uint64_t)memory[1], SIZE, DMA_TO_MEMORY))
		return "DMA does not finish";
	say("show 0x%lx 0x%lx", *(uint64_t *)memory[1], *(uint64_t *)&memory[1][SIZE - 8]);
	return 0;
}

static void interrupted(void)
{
	uint64_t status = get(IRQ_STATUS);

	seen |= status;
	set(IRQ_ACK, status);
	if (!status && ++spurious > SPURIOUS_MAX)
		irq_ioapic_mask(gsi);
}

/* Waits until so many interrupts came of the device itself: spurious ones count as none. */
static bool wait_for_own(unsigned vector, uint64_t count)
{
	while (irq_count(vector) - spurious < count)
		if (!irq_wait(vector, count + spurious))
			return false;
	return true;
}

static const char *raise_some(unsigned vector, uint64_t count)
{
	uint64_t before = irq_count(vector);

	seen = spurious = 0;
	for (uint64_t i = 0; i < count; i++) {
		set(IRQ_RAISE, 1ULL << i % 8);
		if (vector && !wait_for_own(vector, before + i + 1))
			return "no interrupt in 2 s";
	}
	start_dma((uint64_t)memory[0], SIZE, DMA_INTERRUPTS);
	if (vector && !wait_for_own(vector, before + count + 1))
		return "no interrupt at the end of DMA in 2 s";
	irq_sleep(vector ? 20 : 200); /* one too many would come now */
	say(" %lu interrupts, status 0x%lx, %lu spurious", irq_count(vector) - before, seen, spurious);
	return 0;
}

/* irq none|intx|msi [COUNT]: raises them one by one, and one more by DMA. */
static const char *interrupts(unsigned address, struct words *words)
{
	const char *mode = word(words), *failure;
	unsigned vector = 0;
	uint64_t count;

	if (!word_number(words, &count))
		count = 3;
	msi_off(address);
	pci_command(address, COMMAND_NO_INTX, 0);
	set(IRQ_ACK, get(IRQ_STATUS));
	if (same(mode, "intx")) {
		if (!pci_read(address, PCI_PIN, 1))
			return "no interrupt pin";
		gsi = pci_gsi(address);
		vector = VECTOR_INTX;
		irq_ioapic(gsi, vector, true);
		pci_command(address, 0, COMMAND_NO_INTX);
	} else if (same(mode, "msi")) {
		vector = VECTOR_MSI;
		if (!msi_on(address))
			return "no MSI capability";
	}
	irq_hook(vector, interrupted);
	say("irq %s", mode);
	failure = raise_some(vector, count);
	if (!vector && get(IRQ_STATUS) != (((1ULL << count) - 1) | DMA_STATUS))
		failure = "the interrupt status is wrong";
	set(IRQ_ACK, get(IRQ_STATUS));
	msi_off(address);
	if (same(mode, "intx"))
		irq_ioapic_mask(gsi);
	pci_command(address, COMMAND_NO_INTX, 0);
	return failure;
}

/* edu ADDRESS fact|dma|load|show|irq|pair ... */
const char *edu_command(struct words *words)
{
	const char *verb;
	unsigned address;

	if (!word_address(words, &address) || pci_read(address, 0, 4) != EDU_IDS)
		return "no edu there";
	registers = pci_bar(address, 0);
	pci_command(address, COMMAND_MEMORY | COMMAND_MASTER, 0);
	verb = word(words);
	if (same(verb, "fact"))
		return factorial(words);
	if (same(verb, "dma"))
		return transfer(words);
	if (same(verb, "load"))
		return load(words);
	if (same(verb, "show"))
		return show();
	if (same(verb, "irq"))
		return interrupts(address, words);
	if (same(verb, "pair"))
		return edu_pair(address, words);
	return "fact, dma, load, show, irq or pair";
}
