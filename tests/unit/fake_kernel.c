/* SPDX-License-Identifier: MIT */
/*
 * What vfio-pci of Linux 6.12 makes of a device's config space: it takes what it
 * does not know out of the chains, gives each capability that it knows its
 * length, and filters what is written to those. All other bytes are raw, those
 * of the capabilities that it took out included. The lengths and bits here are
 * the kernel's, found by its behaviour; they do not come from the library.
 */
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/le.h"
#include "tests/unit/fake_private.h"

enum { BY_FORMAT = 0xff, STANDARD_MAX = PCI_CAP_ID_AF, EXTENDED_MAX = 0x2e };

static const uint8_t standard_length[STANDARD_MAX + 1] = {
	[PCI_CAP_ID_PM] = 8,           [PCI_CAP_ID_AGP] = 12,         [PCI_CAP_ID_VPD] = 8,
	[PCI_CAP_ID_MSI] = BY_FORMAT,  [PCI_CAP_ID_PCIX] = BY_FORMAT, [PCI_CAP_ID_HT] = BY_FORMAT,
	[PCI_CAP_ID_VNDR] = BY_FORMAT, [PCI_CAP_ID_EXP] = BY_FORMAT,  [PCI_CAP_ID_MSIX] = 12,
	[PCI_CAP_ID_SATA] = BY_FORMAT, [PCI_CAP_ID_AF] = 6,
};

static const uint8_t extended_length[EXTENDED_MAX + 1] = {
	[PCI_EXT_CAP_ID_ERR] = 0x2c,       [PCI_EXT_CAP_ID_VC] = BY_FORMAT,
	[PCI_EXT_CAP_ID_DSN] = 12,         [PCI_EXT_CAP_ID_PWR] = 16,
	[PCI_EXT_CAP_ID_MFVC] = BY_FORMAT, [PCI_EXT_CAP_ID_VC9] = BY_FORMAT,
	[PCI_EXT_CAP_ID_VNDR] = BY_FORMAT, [PCI_EXT_CAP_ID_ACS] = BY_FORMAT,
	[PCI_EXT_CAP_ID_ARI] = 8,          [PCI_EXT_CAP_ID_ATS] = 8,
	[PCI_EXT_CAP_ID_SRIOV] = 64,       [PCI_EXT_CAP_ID_MCAST] = 0x30,
	[PCI_EXT_CAP_ID_PRI] = 16,         [PCI_EXT_CAP_ID_REBAR] = BY_FORMAT,
	[PCI_EXT_CAP_ID_DPA] = BY_FORMAT,  [PCI_EXT_CAP_ID_TPH] = BY_FORMAT,
	[PCI_EXT_CAP_ID_LTR] = 8,          [PCI_EXT_CAP_ID_DVSEC] = BY_FORMAT,
};

/* The bits of a capability that reach the device; of all others none does. */
struct passed {
	uint16_t id, offset;
	uint32_t bits;
};

static const struct passed header[] = {
	{0, 0x04, 0xfbff}, /* all of COMMAND but INTx disable */
	{0, 0x0c, 0xff00ffff},
};

static const struct passed standard[] = {
	{PCI_CAP_ID_PM, 4, 0xffff7eff}, /* all but PME; the state by way of the kernel */
	{PCI_CAP_ID_PCIX, 0, 0xffff0000}, {PCI_CAP_ID_PCIX, 8, 0xffffffff},
	{PCI_CAP_ID_EXP, 8, 0x0d1f}, /* sizes and the reset are the kernel's */
	{PCI_CAP_ID_EXP, 0x28, 0xffdf},
};

static const struct passed extended[] = {
	{PCI_EXT_CAP_ID_ERR, 0x04, 0x03fff031}, {PCI_EXT_CAP_ID_ERR, 0x08, 0x03fff031},
	{PCI_EXT_CAP_ID_ERR, 0x0c, 0x03fff031}, {PCI_EXT_CAP_ID_ERR, 0x10, 0xf1c1},
	{PCI_EXT_CAP_ID_ERR, 0x14, 0xf1c1},     {PCI_EXT_CAP_ID_ERR, 0x18, 0x140},
	{PCI_EXT_CAP_ID_PWR, 0x08, 0xff},
};

static uint32_t get(const struct world *world, unsigned at)
{
	return at + 4 <= sizeof(world->config) ? world_get(world, at, 4) : 0;
}

static unsigned standard_by_format(const struct world *world, unsigned at, unsigned id)
{
	uint32_t head = get(world, at), flags = head >> 16;
	bool integrated = (flags >> 4 & 0xf) == PCI_EXP_TYPE_RC_END;

	switch (id) {
	case PCI_CAP_ID_MSI:
		return 10 + (flags & PCI_MSI_FLAGS_64BIT ? 4u : 0) + (flags & PCI_MSI_FLAGS_MASKBIT ? 10 : 0);
	case PCI_CAP_ID_PCIX:
		return flags >> 12 & 3 ? 24 : 8;
	case PCI_CAP_ID_HT:
		return head >> 29 ? 12 : 28;
	case PCI_CAP_ID_EXP:
		if ((flags & 0xf) == 1)
			return integrated ? 0x0c : 0x14;
		return integrated ? 0x2c : 0x3c;
	case PCI_CAP_ID_SATA:
		return (get(world, at + 4) & 0xf) == 0xf ? 16 : 8;
	default:
		return flags & 0xff; /* a vendor's */
	}
}

static unsigned extended_by_format(const struct world *world, unsigned at, unsigned id)
{
	uint32_t first = get(world, at + 4), second = get(world, at + 8);
	unsigned phases = second & 8 ? 128 : second & 4 ? 64 : second & 2 ? 32 : 0;
	unsigned length = 16 + 12 * ((first & 7) + 1), bits = first >> 8 & 0xff;

	switch (id) {
	case PCI_EXT_CAP_ID_VC:
	case PCI_EXT_CAP_ID_VC9:
	case PCI_EXT_CAP_ID_MFVC:
		return phases ? ((length + 15) & ~15u) + phases / 2 : length;
	case PCI_EXT_CAP_ID_ACS:
		return 8 + (first & PCI_ACS_EC ? (bits ? (bits + 31) / 32 * 4 : 32) : 0);
	case PCI_EXT_CAP_ID_REBAR:
		return 4 + (second >> 5 & 7) * 8;
	case PCI_EXT_CAP_ID_DPA:
		return 16 + (first & 0x1f) + 1;
	case PCI_EXT_CAP_ID_TPH:
		return 12 + ((first & 0x600) == 0x200 ? (first >> 16 & 0x7ff) * 2 + 2 : 0);
	default:
		return first >> 20; /* a vendor's */
	}
}

/* 0: the kernel does not know it. */
static unsigned length_of(const struct world *world, unsigned at, unsigned id, bool is_extended)
{
	unsigned length = is_extended ? (id <= EXTENDED_MAX ? extended_length[id] : 0)
				      : (id <= STANDARD_MAX ? standard_length[id] : 0);

	if (length != BY_FORMAT)
		return length;
	return is_extended ? extended_by_format(world, at, id) : standard_by_format(world, at, id);
}

static void pass(struct fake_kernel *kernel, const struct passed *rows, size_t count, unsigned id,
		 unsigned at, unsigned length)
{
	for (size_t i = 0; i < count; i++)
		for (unsigned j = 0; rows[i].id == id && j < 4; j++)
			if (rows[i].offset + j < length && at + rows[i].offset + j < sizeof(kernel->passed))
				kernel->passed[at + rows[i].offset + j] = (uint8_t)(rows[i].bits >> 8 * j);
}

static void show(struct fake_kernel *kernel, unsigned at, unsigned length, uint32_t value)
{
	memset(kernel->virt + at, 1, length);
	le_store(kernel->shown + at, length, value);
}

static void filter(const struct world *world, struct fake_kernel *kernel, unsigned at, unsigned length,
		   unsigned id, bool is_extended)
{
	bool raw =
		is_extended ? id == PCI_EXT_CAP_ID_VNDR || id == PCI_EXT_CAP_ID_DVSEC : id == PCI_CAP_ID_VNDR;
	unsigned end = is_extended ? PCI_CFG_SPACE_EXP_SIZE : PCI_CFG_SPACE_SIZE;

	for (unsigned i = at; i < at + length && i < end; i++)
		kernel->passed[i] = raw ? 0xff : 0;
	if (is_extended) {
		pass(kernel, extended, sizeof(extended) / sizeof(*extended), id, at, length);
		show(kernel, at, 4, get(world, at));
	} else {
		pass(kernel, standard, sizeof(standard) / sizeof(*standard), id, at, length);
		show(kernel, at, 2, get(world, at) & 0xffff);
	}
}

/* Whether the extended chain is looked at: PCI Express, or PCI-X of mode 2, and something at its start. */
static bool make_standard(const struct world *world, struct fake_kernel *kernel)
{
	unsigned at = world->config[PCI_CAPABILITY_LIST], loops = 48, count = 0;
	uint8_t *pointer = &kernel->shown[PCI_CAPABILITY_LIST];
	bool more = false;

	show(kernel, PCI_CAPABILITY_LIST, 1, at);
	if (!(world->config[PCI_STATUS] & PCI_STATUS_CAP_LIST))
		return false;
	for (; at && loops--; at = world->config[at + 1]) {
		unsigned id = world->config[at], length = length_of(world, at, id, false);

		if (!length) {
			*pointer = world->config[at + 1];
			continue;
		}
		filter(world, kernel, at, length, id, false);
		pointer = &kernel->shown[at + 1];
		more |= id == PCI_CAP_ID_EXP || (id == PCI_CAP_ID_PCIX && length == 24);
		count++;
	}
	if (!count)
		show(kernel, PCI_STATUS, 1, world->config[PCI_STATUS] & ~(uint32_t)PCI_STATUS_CAP_LIST);
	return more && get(world, PCI_CFG_SPACE_SIZE);
}

static void make_extended(const struct world *world, struct fake_kernel *kernel)
{
	unsigned at = PCI_CFG_SPACE_SIZE, loops = 960, last = 0, count = 0;

	while (at >= PCI_CFG_SPACE_SIZE && loops--) {
		uint32_t head = get(world, at);
		unsigned id = head & 0xffff, length = length_of(world, at, id, true);

		if (length) {
			filter(world, kernel, at, length, id, true);
			last = at;
			count++;
		} else if (last) { /* taken out */
			le_store(kernel->shown + last, 4,
				 (le_load(kernel->shown + last, 4) & 0xfffff) | (head & 0xffc00000));
		} else { /* the head stays, as a header without an id */
			filter(world, kernel, at, 4, id, true);
			show(kernel, at, 4, head & 0xffc00000);
			last = at;
		}
		at = head >> 20 & 0xffc;
	}
	if (!count)
		show(kernel, PCI_CFG_SPACE_SIZE, 4, 0);
}

void fake_kernel_look(struct world *world)
{
	struct fake_kernel *kernel = &world->kernel;

	memset(kernel->virt, 0, sizeof(kernel->virt));
	memset(kernel->passed, 0xff, sizeof(kernel->passed));
	memset(kernel->passed, 0, PCI_STD_HEADER_SIZEOF);
	pass(kernel, header, sizeof(header) / sizeof(*header), 0, 0, PCI_STD_HEADER_SIZEOF);
	if (make_standard(world, kernel) && world->config_size > PCI_CFG_SPACE_SIZE)
		make_extended(world, kernel);
}

uint8_t fake_kernel_read(const struct world *world, unsigned at)
{
	const struct fake_kernel *kernel = &world->kernel;

	return !world->filtered || !kernel->virt[at] ? world->config[at] : kernel->shown[at];
}

uint8_t fake_kernel_write(const struct world *world, unsigned at, uint8_t value)
{
	uint8_t bits = world->filtered ? world->kernel.passed[at] : 0xff;

	return (uint8_t)((world->config[at] & ~bits) | (value & bits));
}
