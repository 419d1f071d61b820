/* SPDX-License-Identifier: MIT */
/*
 * Hotplug behind root ports: a table of its own, only in machines with ports for it. The
 * registers are those of pci/hotplug.h. The integers with all bits but the first set are
 * written by the machine (acpi_hotplug.c), which looks for their names.
 *
 * Device Sxx is the root port in slot xx of bus 0, and F0 is what is below it: letting that go
 * is letting all functions of the slot go. A Bus Check of the port makes the system compare
 * what is below with what it knows, whether a device came or is gone. The table goes through
 * the C preprocessor, since iasl knows no macros.
 */
#include "fixed.h"

#define PORT(S, N)                                                                              \
	If (HPPT & (1 << N))                                                                    \
	{                                                                                       \
		Device (\_SB.PCI0.S)                                                            \
		{                                                                               \
			Name (_ADR, N << 16)                                                    \
			Device (F0)                                                             \
			{                                                                       \
				Name (_ADR, 0)                                                  \
				Name (_SUN, N)                                                  \
				Method (_EJ0, 1, Serialized)                                    \
				{                                                               \
					\_SB.EJCT = 1 << N                                      \
				}                                                               \
				Method (_OST, 3, Serialized)                                    \
				{                                                               \
					\_SB.OUTC = (N << 24) | ((Arg0 & 0xffff) << 8) | (Arg1 & 0xff) \
				}                                                               \
			}                                                                       \
		}                                                                               \
	}
#define TELL(S, N)                                                                              \
	If (Local0 & (1 << N))                                                                  \
	{                                                                                       \
		Notify (\_SB.PCI0.S, 0)                                                         \
	}                                                                                       \
	If (Local1 & (1 << N))                                                                  \
	{                                                                                       \
		Notify (\_SB.PCI0.S.F0, 3)                                                      \
	}
#define EACH(DO)                                                                                \
	DO (S01, 1) DO (S02, 2) DO (S03, 3) DO (S04, 4) DO (S05, 5) DO (S06, 6) DO (S07, 7)     \
	DO (S08, 8) DO (S09, 9) DO (S10, 10) DO (S11, 11) DO (S12, 12) DO (S13, 13) DO (S14, 14) \
	DO (S15, 15) DO (S16, 16) DO (S17, 17) DO (S18, 18) DO (S19, 19) DO (S20, 20) DO (S21, 21) \
	DO (S22, 22) DO (S23, 23) DO (S24, 24) DO (S25, 25) DO (S26, 26) DO (S27, 27) DO (S28, 28) \
	DO (S29, 29) DO (S30, 30) DO (S31, 31)

DefinitionBlock ("", "SSDT", 2, "LEND", "LENDHOTP", 1)
{
	External (\_SB.PCI0, DeviceObj)

	Scope (\_SB)
	{
		Name (HPPT, 0xfffffffffffffffe) /* slots of ports, a bit each */
		Name (HPGE, 0xfffffffffffffffe) /* 1: the interrupt is that of an event device; 0: GPE_HOTPLUG */

		OperationRegion (HPRG, SystemIO, PORT_HOTPLUG, 16)
		Field (HPRG, DWordAcc, NoLock, WriteAsZeros)
		{
			CHNG, 32, /* a device came, or is gone; a one clears */
			ASKS, 32, /* a device shall go; a one clears */
			EJCT, 32,
			OUTC, 32
		}

		EACH (PORT)

		/* What is taken is cleared before it is told, so that what comes next is not lost. */
		Method (HPSC, 0, Serialized)
		{
			Local0 = CHNG & HPPT
			If (Local0)
			{
				CHNG = Local0
			}
			Local1 = ASKS & HPPT
			If (Local1)
			{
				ASKS = Local1
			}
			EACH (TELL)
		}

		If (HPGE)
		{
			Device (HPGD)
			{
				Name (_HID, "ACPI0013")
				Name (_UID, 1)
				Name (_CRS, ResourceTemplate ()
				{
					Interrupt (ResourceConsumer, Level, ActiveHigh, Exclusive) { GSI_HOTPLUG }
				})
				Method (_EVT, 1, Serialized)
				{
					HPSC ()
				}
			}
		}
	}

	Scope (\_GPE)
	{
		Method (_L01, 0, Serialized)
		{
			\_SB.HPSC ()
		}
	}
}
