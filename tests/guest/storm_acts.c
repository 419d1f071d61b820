/* SPDX-License-Identifier: MIT */
/*
 * The acts of a storm: PCI Local Bus 3.0, 6.2 and 6.8; PCI Express Base 6.0, 7.5.3 (FLR); PCI-to-PCI
 * Bridge 1.2, 3.2.5.18.
 */
#include "io.h"
#include "irq.h"
#include "storm.h"

enum { HEADER_TYPE = 0x0e, BRIDGE_CONTROL = 0x3e, BUS_RESET = 0x40, CAP_PM = 1, CAP_EXPRESS = 0x10 };
enum { DEVICE_CONTROL = 8, FLR = 0x8000, PM_CONTROL = 4, MSIX_CONTROL = 2, MSIX_TABLE = 4, ENTRY = 16 };
enum { PORT_ADDRESS = 0xcf8, PORT_DATA = 0xcfc };
#define ECAM_END      0xf8000000ULL
#define IOAPIC_PAGE   0xfec00000ULL
#define PAGE          4096ULL
#define MAPPED        (1ULL << 40)
#define CONFIG_ENABLE 0x80000000U
#define EDU           0x11e81234U

/* Of these each register can have any value: pci-testdev, ivshmem, edu. */
static const uint32_t free_ones[] = {0x00051b36, 0x11101af4, EDU};

bool storm_look(struct target *target, unsigned address)
{
	uint64_t word;

	*target = (struct target){.address = address};
	if (pci_read(address, 0, 4) == UINT32_MAX)
		return false;
	pci_command(address, COMMAND_PORTS | COMMAND_MEMORY, 0);
	for (unsigned i = 0; i < SAVED; i++)
		target->saved[i] = (uint32_t)pci_read(address, 4 * i, 4);
	target->is_bridge = (pci_read(address, HEADER_TYPE, 1) & 0x7f) == 1;
	for (unsigned i = 0; i < sizeof(free_ones) / sizeof(*free_ones); i++)
		target->is_free |= target->saved[0] == free_ones[i];
	for (unsigned i = 0; !target->is_bridge && i < BARS; i++) {
		target->bars[i] = pci_bar(address, i);
		target->sizes[i] = pci_bar_size(address, i);
		i += target->bars[i].wide;
	}
	target->express = pci_capability(address, CAP_EXPRESS);
	target->pm = pci_capability(address, CAP_PM);
	target->msix = pci_capability(address, CAP_MSIX);
	if (!target->msix)
		return true;
	word = pci_read(address, target->msix + MSIX_TABLE, 4);
	target->table_bar = word & 7;
	target->table = word & ~7ULL;
	target->vectors = (unsigned)(pci_read(address, target->msix + MSIX_CONTROL, 2) & 0x7ff) + 1;
	return true;
}

/* Config space by ECAM, all widths, aligned or not. */
static uint64_t config(const struct storm *storm, const struct target *target, struct chance *from)
{
	unsigned width = 1u << chance(from) % 4;
	uint64_t offset = chance_offset(from, chance_of(from, 2) ? 256 : PAGE, width);

	(void)storm;
	if (!chance_of(from, 3))
		return pci_read(target->address, (unsigned)offset, width);
	pci_write(target->address, (unsigned)offset, width, chance_value(from));
	return 0;
}

/* ... by the ports, whose own registers are written in parts, too, but for the reset at 0xcf9. */
static uint64_t config_by_ports(const struct storm *storm, const struct target *target, struct chance *from)
{
	unsigned width = 1u << chance(from) % 3, data = PORT_DATA + (unsigned)chance(from) % (5 - width);
	uint32_t where = CONFIG_ENABLE | target->address << 8 | (chance(from) & 0xff);

	(void)storm;
	port_write(PORT_ADDRESS, 4, chance_of(from, 8) ? chance_value(from) & ~0xff00ULL : where);
	if (chance_of(from, 8))
		port_write(PORT_ADDRESS + 2, 2, chance_value(from));
	if (!chance_of(from, 3))
		return port_read((uint16_t)data, width);
	port_write((uint16_t)data, width, chance_value(from));
	return 0;
}

/* Whether the guest may write there without harm to itself. */
static bool is_harmless(const struct storm *storm, uint64_t at)
{
	return at >= storm->ram && at + 8 <= MAPPED && (at & ~(PAGE - 1)) != IOAPIC_PAGE &&
	       (at < 0xf0000000 || at >= ECAM_END);
}

static bool is_of_table(const struct target *target, unsigned bar, uint64_t offset)
{
	return target->msix && bar == target->table_bar && offset >= target->table &&
	       offset < target->table + (uint64_t)target->vectors * ENTRY;
}

/* edu's factorials take minutes, and its DMA is told whole or not at all. */
static bool is_free(const struct target *target, unsigned bar, uint64_t offset, unsigned width)
{
	if (is_of_table(target, bar, offset))
		return true;
	if (!target->is_free)
		return false;
	return target->saved[0] != EDU ||
	       (!(offset < 16 && offset + width > 8) && !(offset < 0xa0 && offset + width > 0x80));
}

/* A BAR where it is now: any offset of it, or the bytes around its ends and those of its table. */
static uint64_t registers(const struct storm *storm, const struct target *target, struct chance *from)
{
	unsigned number = (unsigned)chance(from) % BARS, width = 1u << chance(from) % 4;
	struct bar bar = pci_bar(target->address, number);
	uint64_t size = target->sizes[number], offset;

	if (!size || size < 8)
		return 0;
	if (bar.ports)
		width = width > 4 ? 4 : width;
	offset = chance_offset(from, size, width);
	if (chance_of(from, 4))
		offset = chance_of(from, 2) ? size - width : 0;
	else if (target->msix && number == target->table_bar && chance_of(from, 2))
		offset = target->table + chance(from) % ((uint64_t)target->vectors * ENTRY);
	if (bar.ports) {
		if (bar.base < 0x1000 || bar.base + size > 0x10000)
			return 0;
	} else if (bar.base + size > MAPPED || bar.base + size < bar.base) {
		return 0;
	}
	if (!chance_of(from, 2) || !is_free(target, number, offset, width) ||
	    (!bar.ports && !is_harmless(storm, bar.base + offset)))
		return bar_read(&bar, offset, width);
	bar_write(&bar, offset, width, chance_value(from));
	return 0;
}

/* A message that some processor takes as an interrupt of its own, or one that nobody does. */
static uint64_t message(const struct storm *storm, const struct target *target, struct chance *from)
{
	static const uint32_t vectors = VECTOR_LAST - VECTOR_MSIX + 1;
	struct bar bar = pci_bar(target->address, target->table_bar);
	uint64_t entry = target->table + chance(from) % (target->vectors ? target->vectors : 1) * ENTRY;
	bool is_real = chance_of(from, 2);

	if (!target->msix || !is_harmless(storm, bar.base + entry))
		return 0;
	if (chance_of(from, 4))
		pci_write(target->address, target->msix + MSIX_CONTROL, 2, chance(from) & 0xc000);
	bar_write(&bar, entry, 4,
		  is_real ? 0xfee00000 | (chance(from) & 0xff) << 12 : chance_value(from) & 0xfffff);
	bar_write(&bar, entry + 4, 4, is_real ? 0 : chance_value(from));
	bar_write(&bar, entry + 8, 4, (VECTOR_MSIX + chance(from) % vectors) | (chance(from) & 0xc100));
	bar_write(&bar, entry + 12, 4, chance_value(from));
	return bar_read(&bar, entry + chance(from) % 9, 8);
}

static uint64_t command(const struct storm *storm, const struct target *target, struct chance *from)
{
	(void)storm;
	pci_write(target->address, PCI_COMMAND, 2, chance_of(from, 2) ? chance(from) & 0x407 : chance(from));
	return pci_read(target->address, PCI_COMMAND, 4);
}

/* A BAR onto another one, memory, ECAM, the interrupt controllers, the end of everything. */
static uint64_t move(const struct storm *storm, const struct target *target, struct chance *from)
{
	const struct target *other = &storm->targets[chance(from) % storm->count];
	unsigned number = (unsigned)chance(from) % BARS;
	const uint64_t places[] = {
		other->bars[chance(from) % BARS].base,
		target->bars[number].base,
		target->bars[number].base + target->sizes[number],
		other->bars[number].base - target->sizes[number],
		0,
		0x200000,
		storm->ram - PAGE,
		storm->ram,
		0xf0000000,
		ECAM_END - PAGE,
		IOAPIC_PAGE,
		0xfee00000,
		0xfffff000,
		0x100000000,
		MAPPED,
		1ULL << 51,
		UINT64_MAX,
		0x3f8,
		0xcf8,
		0x600,
		chance(from),
	};
	uint64_t place = places[chance(from) % (sizeof(places) / sizeof(*places))];

	pci_write(target->address, PCI_BAR0 + 4 * number, 4, place);
	if (target->bars[number].wide)
		pci_write(target->address, PCI_BAR0 + 4 * number + 4, 4, place >> 32);
	return pci_read(target->address, PCI_BAR0 + 4 * number, 4);
}

/* All that a start sets, as it was. */
static uint64_t restore(const struct storm *storm, const struct target *target, struct chance *from)
{
	(void)storm, (void)from;
	for (unsigned i = SAVED; i-- > 1;)
		pci_write(target->address, 4 * i, 4, target->saved[i]);
	if (target->pm)
		pci_write(target->address, target->pm + PM_CONTROL, 2, 0);
	return 0;
}

/* A reset by the function, by its power state, or by the port above it. */
static uint64_t reset(const struct storm *storm, const struct target *target, struct chance *from)
{
	(void)storm;
	if (!chance_of(from, 16)) /* each takes the host 100 ms and more */
		return 0;
	if (target->is_bridge) {
		pci_write(target->address, BRIDGE_CONTROL, 2, BUS_RESET);
		pci_write(target->address, BRIDGE_CONTROL, 2, 0);
		return 0;
	}
	if (target->express && chance_of(from, 2))
		pci_write(target->address, target->express + DEVICE_CONTROL, 2,
			  FLR | (chance(from) & 0x7fff));
	else if (target->pm)
		pci_write(target->address, target->pm + PM_CONTROL, 2, chance(from) & 3);
	return pci_read(target->address, 0, 4);
}

/* Ports that end the machine, reset it, are the serial line's or eject a device are left alone. */
static uint64_t ports(const struct storm *storm, const struct target *target, struct chance *from)
{
	static const uint16_t kept[][2] = {{0x20, 0x22},   {0x40, 0x44},   {0x60, 0x65},   {0x92, 0x93},
					   {0xa0, 0xa2},   {0x3f8, 0x400}, {0x505, 0x506}, {0x600, 0x630},
					   {0x680, 0x690}, {0xcf8, 0xd00}};
	unsigned width = 1u << chance(from) % 3;
	uint16_t port = (uint16_t)chance_offset(from, chance_of(from, 2) ? 0x1000 : 0x10000, width);

	(void)storm, (void)target;
	for (unsigned i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		if (port < kept[i][1] && port + width > kept[i][0])
			return 0;
	/* From 0x1000 on are BARs, of devices whose registers are not free, too. */
	if (port >= 0x1000 - 4 || chance_of(from, 2))
		return port_read(port, width);
	port_write(port, width, chance_value(from));
	return 0;
}

/* Where nobody answers, and beyond: read anywhere, written where no register can be. */
static uint64_t memory(const struct storm *storm, const struct target *target, struct chance *from)
{
	unsigned width = 1u << chance(from) % 4;
	uint64_t at = chance_of(from, 2) ? storm->ram + chance(from) % (0x100000000 - storm->ram - 8)
					 : chance(from) % (MAPPED - 8);

	(void)target;
	if ((at & ~(PAGE - 1)) == IOAPIC_PAGE || at < storm->ram)
		return 0;
	if (at < 0x100000000 || chance_of(from, 2))
		return memory_read(at, width);
	if (at >= MAPPED / 2)
		memory_write(at, width, chance_value(from));
	return 0;
}

static const struct {
	unsigned weight;
	uint64_t (*act)(const struct storm *storm, const struct target *target, struct chance *from);
} acts[] = {{12, config}, {8, config_by_ports}, {16, registers}, {8, message}, {4, command},
	    {4, move},    {4, restore},         {2, reset},      {4, ports},   {4, memory}};

uint64_t storm_act(const struct storm *storm, struct chance *from)
{
	const struct target *target = &storm->targets[chance(from) % storm->count];
	unsigned at = 0, total = 0, i = 0;

	for (i = 0; i < sizeof(acts) / sizeof(*acts); i++)
		total += acts[i].weight;
	at = (unsigned)(chance(from) % total);
	for (i = 0; at >= acts[i].weight; i++)
		at -= acts[i].weight;
	return acts[i].act(storm, target, from);
}
