/* SPDX-License-Identifier: MIT */
/*
 * Ids of the machine's own PCI functions. Guests bind drivers to a host bridge
 * and a root port by class, so any id works; these are the ones that pci.ids
 * knows as generic parts of virtual machines, so that lspci in the guest names
 * them, and that no driver has a quirk for.
 */
#ifndef VMM_PCI_IDS_H
#define VMM_PCI_IDS_H

#define ID_VENDOR      0x1b36 /* Red Hat, generic parts */
#define ID_HOST_BRIDGE 0x0008 /* generic PCIe host bridge */
#define ID_ROOT_PORT   0x000c /* generic PCIe root port */
#define ID_SUBSYSTEM   0x1100

/*
 * Of a machine with firmware: ovmf knows three host bridges, and stops at any other one. These two
 * are what it takes for a Q35.
 */
#define ID_INTEL    0x8086
#define ID_Q35_HOST 0x29c0
#define ID_ICH9_LPC 0x2918

#endif
