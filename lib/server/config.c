/* SPDX-License-Identifier: MIT */
/* Accesses to the described config space, and what single registers cause; see config.h. */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include "lib/le.h"
#include "lib/server/server.h"

void config_reset(struct server_config *config)
{
	memcpy(config->bytes, config->initial, sizeof(config->bytes));
	memset(config->table, 0, 16ul * config->given.msix);
	/* Vector Control: after a reset each vector is masked (PCI 3.0, 6.8.2.9). */
	for (unsigned i = 0; i < config->given.msix; i++)
		config->table[16 * i + PCI_MSIX_ENTRY_VECTOR_CTRL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

bool config_line_is_off(const struct server_config *config)
{
	return config->size && le16(&config->bytes[PCI_COMMAND]) & PCI_COMMAND_INTX_DISABLE;
}

bool config_masks(const struct server_config *config, unsigned index, unsigned vector)
{
	if (index == LEND_IRQ_MSIX && config->msix)
		return le16(&config->bytes[config->msix + PCI_MSIX_FLAGS]) & PCI_MSIX_FLAGS_MASKALL;
	if (index == LEND_IRQ_MSI && config->msi)
		return le32(&config->bytes[config->msi + PCI_MSI_MASK_64]) >> vector & 1;
	return false;
}

/* Registers that tell of the state of interrupts. */
static void refresh(const struct lend_server *server, struct server_config *config)
{
	uint8_t *status = &config->bytes[PCI_STATUS];

	*status = (uint8_t)((*status & ~PCI_STATUS_INTERRUPT) |
			    (server->irqs.level ? PCI_STATUS_INTERRUPT : 0));
	if (config->msi)
		le_store(&config->bytes[config->msi + PCI_MSI_PENDING_64], 4,
			 server->irqs.index[LEND_IRQ_MSI].pending[0]);
}

static bool touches(unsigned offset, unsigned length, unsigned from, unsigned to)
{
	return offset < to && from < offset + length;
}

void config_read(struct lend_server *server, unsigned offset, void *data, unsigned length)
{
	struct server_config *config = &server->config;

	if (server->ops.config_read && touches(offset, length, config->own, config->own_end))
		server->ops.config_read(server->device.dev, offset, length);
	refresh(server, config);
	memcpy(data, &config->bytes[offset], length);
}

/* D1 and D2 are not there: the state stays as it was (PM 1.2, 5.6). */
static void mend_power(struct server_config *config, uint8_t before)
{
	uint8_t *state = &config->bytes[config->power + PCI_PM_CTRL];
	unsigned now = *state & PCI_PM_CTRL_STATE_MASK;

	if (now == 1 || now == 2)
		*state = before;
}

/* No more vectors are enabled than there are. */
static void mend_msi(struct server_config *config)
{
	uint8_t *flags = &config->bytes[config->msi + PCI_MSI_FLAGS];
	unsigned value = *flags, most = (value & PCI_MSI_FLAGS_QMASK) >> 1,
		 now = (value & PCI_MSI_FLAGS_QSIZE) >> 4;

	if (now > most)
		*flags = (uint8_t)((*flags & ~(unsigned)PCI_MSI_FLAGS_QSIZE) | most << 4);
}

/* The bit starts a function level reset, and reads as 0. */
static bool takes_reset(struct server_config *config)
{
	uint8_t *control = &config->bytes[config->express + PCI_EXP_DEVCTL];
	bool asked = config->express && le16(control) & PCI_EXP_DEVCTL_BCR_FLR;

	if (asked)
		le_store(control, 2, le16(control) & ~(uint32_t)PCI_EXP_DEVCTL_BCR_FLR);
	return asked;
}

int config_write(struct lend_server *server, unsigned offset, const void *data, unsigned length)
{
	struct server_config *config = &server->config;
	uint8_t power = config->bytes[config->power + PCI_PM_CTRL];
	const uint8_t *from = data;

	for (unsigned i = 0; i < length; i++) {
		uint8_t mask = config->writable[offset + i], *to = &config->bytes[offset + i];

		*to = (uint8_t)((*to & ~mask) | (from[i] & mask));
	}
	mend_power(config, power);
	if (config->msi)
		mend_msi(config);
	if (takes_reset(config))
		return server_reset(server, LEND_SERVER_ASKED);
	if (server->ops.config_written)
		server->ops.config_written(server->device.dev, offset, length);
	irqs_masks_changed(server);
	return 0;
}

static bool is_inside(const struct lend_server *server, unsigned offset, unsigned length)
{
	return length <= server->config.size && offset <= server->config.size - length;
}

int lend_server_config_read(const struct lend_server *server, unsigned offset, void *data, unsigned length)
{
	if (!is_inside(server, offset, length))
		return -EINVAL;
	refresh(server, &((struct lend_server *)server)->config);
	memcpy(data, &server->config.bytes[offset], length);
	return 0;
}

int lend_server_config_set(struct lend_server *server, unsigned offset, const void *data, unsigned length)
{
	if (!is_inside(server, offset, length))
		return -EINVAL;
	memcpy(&server->config.bytes[offset], data, length);
	return 0;
}

unsigned lend_server_capability(const struct lend_server *server, unsigned index)
{
	const struct server_config *config = &server->config;

	return config->size && index < config->given.capability_count ? config->own_at[index] : 0;
}
