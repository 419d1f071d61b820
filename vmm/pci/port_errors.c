/* SPDX-License-Identifier: MIT */
#include <linux/pci_regs.h>

#include "vmm/pci/port_errors.h"

enum { AER = BRIDGE_CONFIG_EXTENDED, AER_VERSION = 2 };

/* Which errors may be, by 7.8.4.2 to 7.8.4.6: bits that are not reserved. */
#define UNCORRECTABLE 0x07fff030u
#define CORRECTABLE   0x0000f1c1u
#define SEVERE        0x00462030u /* what is fatal after a reset, but for AtomicOps */
#define ADVISORY      PCI_ERR_COR_ADV_NFAT

#define ROOT_COMMAND (PCI_ERR_ROOT_CMD_COR_EN | PCI_ERR_ROOT_CMD_NONFATAL_EN | PCI_ERR_ROOT_CMD_FATAL_EN)
#define ROOT_STATUS  0x7fu

void port_errors_init(struct bridge_config *config)
{
	bridge_config_set(config, PORT_MSI, 1, PCI_CAP_ID_MSI);
	bridge_config_set(config, PORT_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_64BIT);
	bridge_config_allow(config, PORT_MSI + PCI_MSI_FLAGS, 2, PCI_MSI_FLAGS_ENABLE);
	bridge_config_allow(config, PORT_MSI + PCI_MSI_ADDRESS_LO, 4, 0xfffffffc);
	bridge_config_allow(config, PORT_MSI + PCI_MSI_ADDRESS_HI, 4, UINT32_MAX);
	bridge_config_allow(config, PORT_MSI + PCI_MSI_DATA_64, 2, 0xffff);

	bridge_config_set(config, AER, 4, PCI_EXT_CAP_ID_ERR | AER_VERSION << 16);
	bridge_config_status(config, AER + PCI_ERR_UNCOR_STATUS, 4, UNCORRECTABLE);
	bridge_config_allow(config, AER + PCI_ERR_UNCOR_MASK, 4, UNCORRECTABLE);
	bridge_config_allow(config, AER + PCI_ERR_UNCOR_SEVER, 4, UNCORRECTABLE);
	bridge_config_set(config, AER + PCI_ERR_UNCOR_SEVER, 4, SEVERE);
	bridge_config_status(config, AER + PCI_ERR_COR_STATUS, 4, CORRECTABLE);
	bridge_config_allow(config, AER + PCI_ERR_COR_MASK, 4, CORRECTABLE);
	bridge_config_set(config, AER + PCI_ERR_COR_MASK, 4, ADVISORY);
	bridge_config_allow(config, AER + PCI_ERR_ROOT_COMMAND, 4, ROOT_COMMAND);
	bridge_config_status(config, AER + PCI_ERR_ROOT_STATUS, 4, ROOT_STATUS);
}

/* Which bits of the root's registers each is. */
static const struct {
	uint32_t received, again, kind, enable;
	unsigned source; /* where its source id stands */
} rows[] = {
	[PORT_ERROR_CORRECTABLE] = {PCI_ERR_ROOT_COR_RCV, PCI_ERR_ROOT_MULTI_COR_RCV, 0,
				    PCI_ERR_ROOT_CMD_COR_EN, PCI_ERR_ROOT_ERR_SRC},
	[PORT_ERROR_NONFATAL] = {PCI_ERR_ROOT_UNCOR_RCV, PCI_ERR_ROOT_MULTI_UNCOR_RCV,
				 PCI_ERR_ROOT_NONFATAL_RCV, PCI_ERR_ROOT_CMD_NONFATAL_EN,
				 PCI_ERR_ROOT_ERR_SRC + 2},
	[PORT_ERROR_FATAL] = {PCI_ERR_ROOT_UNCOR_RCV, PCI_ERR_ROOT_MULTI_UNCOR_RCV, PCI_ERR_ROOT_FATAL_RCV,
			      PCI_ERR_ROOT_CMD_FATAL_EN, PCI_ERR_ROOT_ERR_SRC + 2},
};

/* The source is written first: the guest reads it once it has seen the status. */
static void note(struct bridge_config *config, enum port_error what, uint16_t source)
{
	uint32_t bits = rows[what].received | rows[what].kind;

	if (bridge_config_read(config, AER + PCI_ERR_ROOT_STATUS, 4) & rows[what].received) {
		bits |= rows[what].again;
	} else {
		bridge_config_set(config, AER + rows[what].source, 2, source);
		bits |= what == PORT_ERROR_FATAL ? PCI_ERR_ROOT_FIRST_FATAL : 0;
	}
	bridge_config_raise(config, AER + PCI_ERR_ROOT_STATUS, bits);
}

bool port_error(struct bridge_config *config, enum port_error what, uint16_t source,
		struct port_message *message)
{
	note(config, what, source);
	*message = (struct port_message){
		.address = (uint64_t)bridge_config_read(config, PORT_MSI + PCI_MSI_ADDRESS_HI, 4) << 32 |
			   bridge_config_read(config, PORT_MSI + PCI_MSI_ADDRESS_LO, 4),
		.data = bridge_config_read(config, PORT_MSI + PCI_MSI_DATA_64, 2),
	};
	return bridge_config_read(config, AER + PCI_ERR_ROOT_COMMAND, 4) & rows[what].enable &&
	       bridge_config_read(config, PORT_MSI + PCI_MSI_FLAGS, 2) & PCI_MSI_FLAGS_ENABLE;
}
