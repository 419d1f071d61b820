/* SPDX-License-Identifier: MIT */
/* The state as it is when the function was made, and after each reset. */
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/pci/config/config.h"
#include "lib/pci/rules/quirk.h"

void state_start(struct lend_function *function)
{
	struct function_state *state = &function->state;

	for (unsigned i = 0; i < function->config.size; i++)
		if (state->config[i] != function->config.rows[i].start) /* else it may be the first write */
			config_store(function, i, 1, function->config.rows[i].start);
	/* What is behind the vectors that there are takes no memory. */
	memset(state->table, 0, (size_t)function->msix.count * TABLE_ENTRY);
	for (unsigned i = 0; i < function->msix.count;
	     i++) /* PCI Local Bus 3.0, 6.8.2.9: masked after reset */
		state->table[i * TABLE_ENTRY + PCI_MSIX_ENTRY_VECTOR_CTRL] = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	memset(state->pending, 0, sizeof(state->pending));
	function->withheld &= ~(unsigned)WITHHELD_BARS;
	quirks_after_reset(function);
}
