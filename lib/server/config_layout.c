/* SPDX-License-Identifier: MIT */
/*
 * Config space from a description: the header (PCI 3.0, 6.1), and the capabilities one
 * after the other from 0x40 on. Registers are rows: where, how wide, the value, and the
 * bits that a write changes.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include <string.h>

#include "lib/error.h"
#include "lib/le.h"
#include "lib/server/server.h"

struct row {
	unsigned offset, length;
	uint32_t value, writable;
};

enum { FIRST_CAPABILITY = 0x40, POWER_LENGTH = 8, EXPRESS_LENGTH = 0x3c, MSI_LENGTH = 24, MSIX_LENGTH = 12 };

static void put(struct server_config *config, unsigned at, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		le_store(&config->initial[at + rows[i].offset], rows[i].length, rows[i].value);
		le_store(&config->writable[at + rows[i].offset], rows[i].length, rows[i].writable);
	}
}

#define PUT(config, at, rows) put(config, at, rows, sizeof(rows) / sizeof((rows)[0]))

/* Decode bits are there only for the kinds of BARs that there are. */
static uint32_t command_bits(const struct lend_server_device *device, const struct lend_server_config *given)
{
	uint32_t bits = PCI_COMMAND_MASTER | PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_DISABLE;

	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++)
		if (device->regions[i].size)
			bits |= given->bars[i] & LEND_SERVER_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;
	return device->regions[LEND_REGION_ROM].size ? bits | PCI_COMMAND_MEMORY : bits;
}

static void put_header(struct server_config *config, const struct lend_server_device *device)
{
	const struct lend_server_config *given = &config->given;
	const struct row rows[] = {
		{PCI_VENDOR_ID, 2, given->vendor, 0},
		{PCI_DEVICE_ID, 2, given->device, 0},
		{PCI_COMMAND, 2, 0, command_bits(device, given)},
		{PCI_REVISION_ID, 1, given->revision, 0},
		{PCI_CLASS_PROG, 1, given->class_code & 0xff, 0},
		{PCI_CLASS_DEVICE, 2, given->class_code >> 8 & 0xffff, 0},
		{PCI_CACHE_LINE_SIZE, 1, 0, 0xff},
		{PCI_SUBSYSTEM_VENDOR_ID, 2, given->subsystem_vendor, 0},
		{PCI_SUBSYSTEM_ID, 2, given->subsystem, 0},
		{PCI_INTERRUPT_LINE, 1, 0, 0xff},
		{PCI_INTERRUPT_PIN, 1, given->intx, 0},
	};

	PUT(config, 0, rows);
}

static void put_bars(struct server_config *config, const struct lend_server_device *device)
{
	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++) {
		uint64_t size = device->regions[i].size;
		unsigned kind = config->given.bars[i];
		uint32_t low = kind & LEND_SERVER_BAR_IO ? PCI_BASE_ADDRESS_SPACE_IO
							 : (kind & LEND_SERVER_BAR_PREFETCH ? 8u : 0) |
								   (kind & LEND_SERVER_BAR_64 ? 4u : 0);
		struct row row = {PCI_BASE_ADDRESS_0 + 4 * i, 4, low,
				  (uint32_t) ~(size - 1) & (kind & LEND_SERVER_BAR_IO ? ~3u : ~15u)};
		struct row high = {row.offset + 4, 4, 0, (uint32_t)(~(size - 1) >> 32)};

		if (size)
			put(config, 0, &row, 1);
		if (size && kind & LEND_SERVER_BAR_64)
			put(config, 0, &high, 1);
	}
}

/* The size of a ROM's BAR is a power of two, 2 KiB at least; the image may be shorter. */
static void put_rom(struct server_config *config, uint64_t size)
{
	uint32_t room = 2048;
	struct row row = {PCI_ROM_ADDRESS, 4, 0, 0};

	while (room < size)
		room *= 2;
	row.writable = (~(room - 1) & PCI_ROM_ADDRESS_MASK) | PCI_ROM_ADDRESS_ENABLE;
	if (size)
		put(config, 0, &row, 1);
}

static void put_power(struct server_config *config)
{
	/* Version 3, D0 and D3hot, no PME; a reset does not follow on the way back to D0. */
	static const struct row rows[] = {
		{PCI_PM_PMC, 2, 3, 0},
		{PCI_PM_CTRL, 2, PCI_PM_CTRL_NO_SOFT_RESET, PCI_PM_CTRL_STATE_MASK},
	};

	PUT(config, config->power, rows);
}

static void put_express(struct server_config *config, bool can_reset)
{
	/* An endpoint, version 2, on a link of 2.5 GT/s and one lane: it has no bits of its own to say. */
	const struct row rows[] = {
		{PCI_EXP_FLAGS, 2, 2 | PCI_EXP_TYPE_ENDPOINT << 4, 0},
		{PCI_EXP_DEVCAP, 4,
		 PCI_EXP_DEVCAP_EXT_TAG | PCI_EXP_DEVCAP_RBER | (can_reset ? PCI_EXP_DEVCAP_FLR : 0), 0},
		{PCI_EXP_DEVCTL, 2, PCI_EXP_DEVCTL_RELAX_EN | PCI_EXP_DEVCTL_NOSNOOP_EN | 2 << 12,
		 can_reset ? 0xffff : 0x7fff},
		{PCI_EXP_LNKCAP, 4, PCI_EXP_LNKCAP_SLS_2_5GB | 1 << 4, 0},
		{PCI_EXP_LNKCTL, 2, 0, PCI_EXP_LNKCTL_ASPMC | PCI_EXP_LNKCTL_RCB | PCI_EXP_LNKCTL_CCC},
		{PCI_EXP_LNKSTA, 2, PCI_EXP_LNKSTA_CLS_2_5GB | PCI_EXP_LNKSTA_NLW_X1, 0},
		{PCI_EXP_DEVCAP2, 4, PCI_EXP_DEVCAP2_COMP_TMOUT_DIS, 0},
		{PCI_EXP_DEVCTL2, 2, 0, PCI_EXP_DEVCTL2_COMP_TMOUT_DIS},
		{PCI_EXP_LNKCAP2, 4, PCI_EXP_LNKCAP2_SLS_2_5GB, 0},
		{PCI_EXP_LNKCTL2, 2, PCI_EXP_LNKCTL2_TLS_2_5GT, PCI_EXP_LNKCTL2_TLS},
	};

	PUT(config, config->express, rows);
}

static uint32_t log2_of(unsigned vectors)
{
	return (uint32_t)__builtin_ctz(vectors);
}

static void put_msi(struct server_config *config)
{
	unsigned vectors = config->given.msi;
	const struct row rows[] = {
		{PCI_MSI_FLAGS, 2, log2_of(vectors) << 1 | PCI_MSI_FLAGS_64BIT | PCI_MSI_FLAGS_MASKBIT,
		 PCI_MSI_FLAGS_ENABLE | PCI_MSI_FLAGS_QSIZE},
		{PCI_MSI_ADDRESS_LO, 4, 0, ~3u},
		{PCI_MSI_ADDRESS_HI, 4, 0, ~0u},
		{PCI_MSI_DATA_64, 2, 0, 0xffff},
		{PCI_MSI_MASK_64, 4, 0, (uint32_t)((1ULL << vectors) - 1)},
	};

	PUT(config, config->msi, rows);
}

static void put_msix(struct server_config *config)
{
	const struct lend_server_config *given = &config->given;
	const struct row rows[] = {
		{PCI_MSIX_FLAGS, 2, given->msix - 1, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL},
		{PCI_MSIX_TABLE, 4, given->msix_table | given->msix_bar, 0},
		{PCI_MSIX_PBA, 4, given->msix_pending | given->msix_bar, 0},
	};

	PUT(config, config->msix, rows);
}

/* Links a capability behind the last one. 0: there is no room. */
static unsigned link_in(struct server_config *config, unsigned *at, unsigned *link, uint8_t id,
			unsigned length)
{
	unsigned here = *at;

	if (here + length > CONFIG_SIZE)
		return 0;
	config->initial[*link] = (uint8_t)here;
	config->initial[here] = id;
	*link = here + 1;
	*at = (here + length + 3) & ~3u;
	le_store(&config->initial[PCI_STATUS], 2, PCI_STATUS_CAP_LIST);
	return here;
}

static int put_own(struct server_config *config, unsigned *at, unsigned *link)
{
	const struct lend_server_config *given = &config->given;

	config->own = *at;
	for (unsigned i = 0; i < given->capability_count; i++) {
		const struct lend_server_capability *own = &given->capabilities[i];
		unsigned here = own->length < 2 ? 0 : link_in(config, at, link, own->id, own->length);

		if (!here)
			return -EINVAL;
		config->own_at[i] = here;
		if (own->bytes)
			memcpy(&config->initial[here + 2], own->bytes, own->length - 2u);
		if (own->writable)
			memcpy(&config->writable[here + 2], own->writable, own->length - 2u);
	}
	config->own_end = *at;
	return 0;
}

static int put_capabilities(struct server_config *config, bool can_reset, struct lend_error *error)
{
	const struct lend_server_config *given = &config->given;
	unsigned at = FIRST_CAPABILITY, link = PCI_CAPABILITY_LIST;

	config->power = link_in(config, &at, &link, PCI_CAP_ID_PM, POWER_LENGTH);
	put_power(config);
	if (given->express) {
		config->express = link_in(config, &at, &link, PCI_CAP_ID_EXP, EXPRESS_LENGTH);
		put_express(config, can_reset);
	}
	if (given->msi) {
		config->msi = link_in(config, &at, &link, PCI_CAP_ID_MSI, MSI_LENGTH);
		put_msi(config);
	}
	if (given->msix) {
		config->msix = link_in(config, &at, &link, PCI_CAP_ID_MSIX, MSIX_LENGTH);
		put_msix(config);
	}
	if (put_own(config, &at, &link) < 0)
		return error_say(error, -EINVAL,
				 "the capabilities of the caller are shorter than 2 bytes, or do not fit "
				 "into the first 256 bytes of config space");
	return 0;
}

int config_lay_out(struct lend_server *server, const struct lend_server_config *given,
		   struct lend_error *error)
{
	struct server_config *config = &server->config;
	int ret;

	config->given = *given;
	config->size = given->express ? CONFIG_EXPRESS_SIZE : CONFIG_SIZE;
	config->table = calloc(given->msix ? given->msix : 1, 16);
	config->own_at = calloc(given->capability_count + 1ul, sizeof(config->own_at[0]));
	if (!config->table || !config->own_at)
		return -ENOMEM;
	put_header(config, &server->device);
	put_bars(config, &server->device);
	put_rom(config, server->device.regions[LEND_REGION_ROM].size);
	ret = put_capabilities(config, !server->device.cannot_reset, error);
	/* What is behind the pointer is copied into config space, and not needed any more. */
	config->given.capabilities = NULL;
	config_reset(config);
	return ret;
}

void config_end(struct server_config *config)
{
	free(config->table);
	free(config->own_at);
}
