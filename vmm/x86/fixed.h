/* SPDX-License-Identifier: MIT */
/*
 * Fixed ports, interrupts and addresses that both C and dsdt.asl use: plain
 * numbers alone, since iasl reads this file too.
 */
#ifndef VMM_X86_FIXED_H
#define VMM_X86_FIXED_H

/* I/O ports; power_ops answers for 4 ports from PORT_POWER. */
#define PORT_CMOS          0x70 /* and 0x71: only where firmware is something answers there */
#define PORT_SERIAL        0x3f8
#define PORT_PVPANIC       0x505
#define PORT_FW_CFG        0x510 /* and 11 more */
#define PORT_POWER         0x600
#define PORT_SLEEP_CONTROL 0x600
#define PORT_SLEEP_STATUS  0x601
#define PORT_RESET         0x602
#define RESET_VALUE        0x01
#define SLEEP_TYPE_S5      5
#define PORT_PM            0x600 /* power management of a machine with firmware, in place of PORT_POWER */
#define PORT_CF8           0xcf8
#define PORT_KEYBOARD      0x64   /* command and status of the keyboard controller */
#define PORT_SYSTEM        0x92   /* system control port A */
#define PORT_RESET_CONTROL 0xcf9  /* of a chipset */
#define PORT_WINDOW        0x1000 /* of I/O BARs, where there is one */
#define PORT_WINDOW_END    0xffff /* inclusive */

#define GSI_SERIAL 4
#define GSI_GED    5
#define GSI_SCI    9 /* of a machine with firmware */
/* INTA to INTD (pin 1 to 4) of root bus slot s: GSI 16 + ((s + pin - 1) & 7). */
#define GSI_PCI 16

/* struct acpi_windows (x86/acpi.c): what the host bridge's _CRS says, decided when the machine is built. */
#define ADDR_WINDOWS      0xef000
#define ADDR_WINDOWS_SIZE 0x30

/* Room for 128 buses; a machine shows as many as it has: Linux looks at each slot of each. */
#define FIXED_ECAM     0xf0000000
#define FIXED_ECAM_END 0xf8000000

#endif
