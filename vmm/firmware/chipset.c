/* SPDX-License-Identifier: MIT */
/*
 * Registers by their names in the data sheets of the Intel 3 Series chipset (host bridge) and of
 * ICH9 (LPC bridge). Which of them firmware writes, and with what, was measured with ovmf 2022.11
 * to 2026.08.
 */
#include <linux/pci_regs.h>
#include <stdio.h>

#include "vmm/firmware/chipset.h"
#include "vmm/pci/ids.h"

enum {
	EXT_TSEG = 0x50,
	PCIEXBAR = 0x60, /* eight bytes */
	PCIEXBAR_ENABLE = 1,
	PCIEXBAR_LENGTH_SHIFT = 1,
	PCIEXBAR_LENGTH = 3,
	PMBASE = 0x40,
	ACPI_CNTL = 0x44,
	ACPI_CNTL_ENABLE = 0x80,
	PIRQA = 0x60,
	PIRQE = 0x68,
	RCBA = 0xf0,
	PIRQ_OFF = 0x80,
	COMMAND = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
};
#define PCIEXBAR_BASE 0xfc000000u

struct row {
	uint8_t offset, bytes;
	uint32_t value, writable; /* after a reset; the bits that a write changes */
};

static const struct row host_rows[] = {
	{PCI_VENDOR_ID, 4, ID_Q35_HOST << 16 | ID_INTEL, 0},
	{PCI_COMMAND, 2, 0, COMMAND}, /* without effect: firmware sets them and reads them back */
	{PCI_CLASS_REVISION, 4, 0x06000000, 0},
	{PCI_SUBSYSTEM_VENDOR_ID, 4, ID_SUBSYSTEM << 16 | ID_VENDOR, 0},
	{PCI_INTERRUPT_LINE, 1, 0, 0xff},
	/* Written as: low 0, high 0, low with the enable bit. */
	{PCIEXBAR, 4, 0, PCIEXBAR_BASE | PCIEXBAR_LENGTH << PCIEXBAR_LENGTH_SHIFT | PCIEXBAR_ENABLE},
	{PCIEXBAR + 4, 4, 0, 0xffffffff},
	/* No row for SMRAM and ESMRAMC (0x9d, 0x9e): zero says that there is no SMM, and builds that need it
	   stop. */
};

static const struct row lpc_rows[] = {
	{PCI_VENDOR_ID, 4, ID_ICH9_LPC << 16 | ID_INTEL, 0},
	{PCI_COMMAND, 2, COMMAND, COMMAND},
	{PCI_CLASS_REVISION, 4, 0x06010002, 0}, /* an ISA bridge: that is how firmware finds COM1 */
	{PCI_SUBSYSTEM_VENDOR_ID, 4, ID_SUBSYSTEM << 16 | ID_VENDOR, 0},
	{PCI_INTERRUPT_LINE, 1, 0, 0xff},
	/* Reads back, and moves nothing: firmware powers off at port 0x604 whatever it says here. */
	{PMBASE, 4, 1, 0xff80},
	/* Bits 2 to 0 choose the interrupt of the SCI, and 0 is IRQ 9. */
	{ACPI_CNTL, 1, 0, ACPI_CNTL_ENABLE | 7},
	/* The routes of the PCI interrupts to the PICs: without effect, the DSDT names pins of the IOAPIC. */
	{PIRQA + 0, 1, PIRQ_OFF, 0x8f},
	{PIRQA + 1, 1, PIRQ_OFF, 0x8f},
	{PIRQA + 2, 1, PIRQ_OFF, 0x8f},
	{PIRQA + 3, 1, PIRQ_OFF, 0x8f},
	{PIRQE + 0, 1, PIRQ_OFF, 0x8f},
	{PIRQE + 1, 1, PIRQ_OFF, 0x8f},
	{PIRQE + 2, 1, PIRQ_OFF, 0x8f},
	{PIRQE + 3, 1, PIRQ_OFF, 0x8f},
	{RCBA, 4, 0, 0xffffc001}, /* nobody reads what it points at */
};

static void fill(struct bridge_config *config, const struct row *rows, size_t count)
{
	bridge_config_clear(config);
	for (size_t i = 0; i < count; i++) {
		bridge_config_set(config, rows[i].offset, rows[i].bytes, rows[i].value);
		bridge_config_allow(config, rows[i].offset, rows[i].bytes, rows[i].writable);
	}
}

void chipset_init(struct chipset *chipset)
{
	pthread_mutex_init(&chipset->lock, NULL);
}

/* What the registers ask for; length 0: no ECAM. An address above 4 GiB is one that cannot be. */
static void wanted_ecam(const struct chipset *chipset, uint64_t *base, uint64_t *length)
{
	static const uint32_t lengths[] = {256u << 20, 128u << 20, 64u << 20, 0};
	uint64_t low = bridge_config_read(chipset->host, PCIEXBAR, 4);
	uint64_t high = bridge_config_read(chipset->host, PCIEXBAR + 4, 4);

	*length = lengths[(low >> PCIEXBAR_LENGTH_SHIFT) & PCIEXBAR_LENGTH];
	if (!(low & PCIEXBAR_ENABLE))
		*length = 0;
	*base = *length ? (high << 32 | (low & PCIEXBAR_BASE)) & ~(*length - 1) : 0;
}

static void update_ecam(struct chipset *chipset)
{
	uint64_t base, length;
	char text[160];

	wanted_ecam(chipset, &base, &length);
	if (base == chipset->ecam_base && length == chipset->ecam_length)
		return;
	chipset->ecam_base = base;
	chipset->ecam_length = length;
	chipset->ecam_answers = !chipset->move_ecam(chipset->opaque, base, length) && length;
	if (chipset->ecam_answers || !length || chipset->said)
		return;
	chipset->said = true;
	snprintf(text, sizeof(text),
		 "the guest puts PCI's config space (PCIEXBAR) at %#llx, where something else is: it answers "
		 "nowhere",
		 (unsigned long long)base);
	chipset->say(chipset->opaque, text);
}

static void update_pm(struct chipset *chipset)
{
	bool shown = bridge_config_read(chipset->lpc, ACPI_CNTL, 1) & ACPI_CNTL_ENABLE;

	if (shown == chipset->pm_shown)
		return;
	chipset->pm_shown = shown;
	chipset->show_pm(chipset->opaque, shown);
}

static void update(struct chipset *chipset)
{
	if (chipset->host)
		update_ecam(chipset);
	if (chipset->lpc)
		update_pm(chipset);
}

bool chipset_ecam(struct chipset *chipset, uint64_t *base, uint64_t *length)
{
	bool answers;

	pthread_mutex_lock(&chipset->lock);
	*base = chipset->ecam_base;
	*length = chipset->ecam_length;
	answers = chipset->ecam_answers;
	pthread_mutex_unlock(&chipset->lock);
	return answers;
}

void chipset_reset(void *opaque, unsigned slot, struct bridge_config *config)
{
	struct chipset *chipset = opaque;

	pthread_mutex_lock(&chipset->lock);
	if (slot == SLOT_LPC) {
		fill(config, lpc_rows, sizeof(lpc_rows) / sizeof(lpc_rows[0]));
		chipset->lpc = config;
	} else {
		fill(config, host_rows, sizeof(host_rows) / sizeof(host_rows[0]));
		chipset->host = config;
	}
	update(chipset);
	pthread_mutex_unlock(&chipset->lock);
}

void chipset_written(void *opaque, unsigned slot, unsigned offset, unsigned length)
{
	struct chipset *chipset = opaque;

	pthread_mutex_lock(&chipset->lock);
	update(chipset);
	/* Builds that need SMM ask for memory of it, before they set up ECAM, and then end without a word. */
	if (slot != SLOT_LPC && offset <= EXT_TSEG && offset + length > EXT_TSEG && !chipset->ecam_length)
		chipset->needs_smm(chipset->opaque);
	pthread_mutex_unlock(&chipset->lock);
}
