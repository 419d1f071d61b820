/* SPDX-License-Identifier: MIT */
/*
 * See report.h. The host's kernel clears the status of a non-fatal error before it tells us, and
 * resets the link after a fatal one. So a status of 0 is an internal error to the guest, and a
 * device that does not decode any more, though the guest told it to, was reset.
 */
#include <linux/pci_regs.h>

#include "lib/pci/config/config.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/life/report.h"

static bool was_reset(struct lend_function *function)
{
	uint32_t asked = config_state(function, PCI_COMMAND, 2) & (PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
	uint32_t command;

	return config_device_read(function, PCI_COMMAND, 2, &command) || command == UINT16_MAX ||
	       (command & asked) != asked;
}

static uint32_t device_dword(struct lend_function *function, unsigned at)
{
	uint32_t value;

	return config_device_read(function, at, 4, &value) || value == UINT32_MAX ? 0 : value;
}

bool report_error(struct lend_function *function)
{
	unsigned at = function->aer;
	uint32_t status, first;

	if (!at || life_of(function) != LIFE_ON || was_reset(function))
		return false;
	status = device_dword(function, at + PCI_ERR_UNCOR_STATUS);
	if (!status)
		status = PCI_ERR_UNC_INTN;
	if (status & config_state(function, at + PCI_ERR_UNCOR_SEVER, 4) && status != PCI_ERR_UNC_INTN)
		return false;
	for (unsigned i = 0; i < 4; i++)
		config_store(function, at + PCI_ERR_HEADER_LOG + 4 * i, 4,
			     device_dword(function, at + PCI_ERR_HEADER_LOG + 4 * i));
	first = config_state(function, at + PCI_ERR_CAP, 4) & ~(uint32_t)PCI_ERR_CAP_FEP(~0);
	config_store(function, at + PCI_ERR_CAP, 4, first | (uint32_t)__builtin_ctz(status));
	config_store(function, at + PCI_ERR_UNCOR_STATUS, 4,
		     config_state(function, at + PCI_ERR_UNCOR_STATUS, 4) | status);
	return true;
}
