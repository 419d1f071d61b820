/* SPDX-License-Identifier: MIT */
/*
 * Fixed ports, interrupts and addresses that both C and the files of ASL use: plain
 * numbers alone, since iasl reads this file too.
 */
#ifndef VMM_X86_FIXED_H
#define VMM_X86_FIXED_H

/* I/O ports; power_ops answers for 4 ports from PORT_POWER. */
#define PORT_PIT             0x40 /* and 3 more; with firmware alone */
#define PORT_CMOS            0x70 /* and 0x71: only where firmware is something answers there */
#define PORT_SERIAL          0x3f8
#define CMOS_CENTURY         0x32 /* a byte of the clock's memory */
#define PORT_PVPANIC         0x505
#define PORT_FW_CFG          0x510 /* and 11 more */
#define PORT_POWER           0x600 /* of a direct boot, as the next three are */
#define PORT_SLEEP_CONTROL   0x600
#define PORT_SLEEP_STATUS    0x601
#define PORT_RESET           0x602
#define RESET_VALUE          0x01
#define PORT_PM              0x600 /* power management of a machine with firmware, in place of PORT_POWER */
#define PORT_PM_EVENT        0x600
#define PORT_PM_CONTROL      0x604
#define PORT_PM_TIMER        0x608
#define PORT_PM_GPE          0x620 /* status and enable of 16 general-purpose events */
#define SLEEP_TYPE_S5        5
#define PORT_HOTPLUG         0x680 /* and 15 more, where devices come and go */
#define PORT_CF8             0xcf8
#define PORT_KEYBOARD        0x64  /* command and status of the keyboard controller */
#define PORT_SYSTEM          0x92  /* system control port A */
#define PORT_RESET_CONTROL   0xcf9 /* of a chipset */
#define RESET_CONTROL_VALUE  6
#define PORT_WINDOW          0x1000 /* of I/O BARs, where there is one */
#define PORT_WINDOW_FIRMWARE 0x6000 /* what firmware leaves for I/O BARs */
#define PORT_WINDOW_END      0xffff /* inclusive */

#define GSI_SERIAL  4
#define GSI_GED     5
#define GSI_HOTPLUG 6 /* of a direct boot; with firmware it is general-purpose event GPE_HOTPLUG */
#define GPE_HOTPLUG 1
#define GSI_TIMER   2 /* of the PIT, whose IRQ is 0; with firmware alone, as the SCI is */
#define GSI_RTC     8
#define GSI_SCI     9
/* INTA to INTD (pin 1 to 4) of root bus slot s: GSI 16 + ((s + pin - 1) & 7). */
#define GSI_PCI 16

/* struct acpi_windows (x86/acpi_reduced.c): what the host bridge's _CRS says, decided when the machine is
 * built. */
#define ADDR_WINDOWS      0xef000
#define ADDR_WINDOWS_SIZE 0x30

/* Room for 128 buses; a machine shows as many as it has: Linux looks at each slot of each. */
#define FIXED_ECAM     0xf0000000
#define FIXED_ECAM_END 0xf8000000

#endif
