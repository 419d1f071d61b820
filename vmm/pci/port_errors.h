/* SPDX-License-Identifier: MIT */
/*
 * Errors at a root port: what a function below reports is noted in the port's registers, and the
 * port interrupts by its own message. PCIe Base 6.0, 6.2.4 and 7.8.4 (Advanced Error Reporting).
 */
#ifndef VMM_PCI_PORT_ERRORS_H
#define VMM_PCI_PORT_ERRORS_H

#include <stdbool.h>

#include "vmm/pci/bridge_config.h"

enum port_error { PORT_ERROR_CORRECTABLE, PORT_ERROR_NONFATAL, PORT_ERROR_FATAL };

struct port_message {
	uint64_t address;
	uint32_t data;
};

/** Where a port's capability of its message is, of 14 bytes. */
enum { PORT_MSI = 0x88 };

/** Gives a port the capability AER, and the one of its message. Before the guest runs. */
void port_errors_init(struct bridge_config *config);

/**
 * A function below reports an error; `source` is its requester id as the guest numbers it. Returns
 * whether the guest is to be interrupted, by *message. One thread at a time for a port.
 */
bool port_error(struct bridge_config *config, enum port_error what, uint16_t source,
		struct port_message *message);

#endif
