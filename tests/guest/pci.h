/* SPDX-License-Identifier: MIT */
/* Config space by ECAM. An address is bus << 8 | slot << 3 | function. */
#ifndef GUEST_PCI_H
#define GUEST_PCI_H

#include <stdbool.h>
#include <stdint.h>

enum { PCI_COMMAND = 4, PCI_STATUS = 6, PCI_BAR0 = 0x10, PCI_CAPABILITIES = 0x34, PCI_PIN = 0x3d };
enum { COMMAND_PORTS = 1, COMMAND_MEMORY = 2, COMMAND_MASTER = 4, COMMAND_NO_INTX = 1 << 10 };
enum { CAP_MSI = 5, CAP_MSIX = 0x11 };

struct bar {
	bool there, ports, wide, prefetchable;
	uint64_t base;
};

void pci_init(uint64_t ecam);

uint64_t pci_read(unsigned address, unsigned offset, unsigned width);
void pci_write(unsigned address, unsigned offset, unsigned width, uint64_t value);
/* Changes the command register. */
void pci_command(unsigned address, unsigned set, unsigned clear);
/* Offset of a capability; 0: there is none. */
unsigned pci_capability(unsigned address, unsigned id);

struct bar pci_bar(unsigned address, unsigned number);
/* Config space as if it were one. */
struct bar pci_config(unsigned address);
/* By writing ones, with decode off meanwhile. */
uint64_t pci_bar_size(unsigned address, unsigned number);
uint64_t bar_read(const struct bar *bar, uint64_t offset, unsigned width);
void bar_write(const struct bar *bar, uint64_t offset, unsigned width, uint64_t value);

/* The pin of the IOAPIC that a function's INTx goes to; on the root bus, or right behind a port of it. */
unsigned pci_gsi(unsigned address);
void pci_set_gsi(unsigned gsi); /* ... on a machine that has its own rule */

void pci_scan(void);

#endif
