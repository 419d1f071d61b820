/* SPDX-License-Identifier: MIT */
/*
 * The machine's AML: a hardware-reduced platform. What depends on the devices
 * stands in a small table in memory (WIN_) that the machine writes before boot,
 * so that this file is the same for every machine.
 */
#include "fixed.h"

DefinitionBlock ("", "DSDT", 2, "LEND", "LENDDSDT", 1)
{
	Name (\_S5, Package (4) { SLEEP_TYPE_S5, 0, 0, 0 })

	/* struct acpi_windows */
	OperationRegion (WINR, SystemMemory, ADDR_WINDOWS, ADDR_WINDOWS_SIZE)
	Field (WINR, AnyAcc, NoLock, Preserve)
	{
		LOWS, 64, /* window below 4 GiB: first byte */
		LOWL, 64, /* and length */
		HIGS, 64, /* window above 4 GiB */
		HIGL, 64, /* 0: none */
		IOON, 64, /* an I/O window: 0 or 1 */
		BUSN, 64  /* buses, and MiB of ECAM */
	}

	Scope (\_SB)
	{
		Device (PWRB)
		{
			Name (_HID, EisaId ("PNP0C0C"))
			Name (_UID, 0)
		}

		Device (GED_)
		{
			Name (_HID, "ACPI0013")
			Name (_UID, 0)
			Name (_CRS, ResourceTemplate ()
			{
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { GSI_GED }
			})
			Method (_EVT, 1, Serialized)
			{
				Notify (\_SB.PWRB, 0x80)
			}
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, PORT_SERIAL, PORT_SERIAL, 1, 8)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { GSI_SERIAL }
			})
		}

		Device (PVPN)
		{
			Name (_HID, "QEMU0001")
			Name (_STA, 0x0f)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, PORT_PVPANIC, PORT_PVPANIC, 1, 1)
			})
		}

		/* ECAM, also here: Linux believes MCFG only where a motherboard resource agrees. */
		Device (MBRD)
		{
			Name (_HID, EisaId ("PNP0C02"))
			Name (_UID, 0)
			Name (RESV, ResourceTemplate ()
			{
				DWordMemory (ResourceConsumer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
					0, FIXED_ECAM, FIXED_ECAM, 0, 1, , , ECAM)
				IO (Decode16, PORT_POWER, PORT_POWER, 1, 4)
			})
			Method (_CRS, 0, Serialized)
			{
				CreateDWordField (RESV, ^ECAM._MAX, EMAX)
				CreateDWordField (RESV, ^ECAM._LEN, ELEN)
				ELEN = BUSN << 20
				EMAX = FIXED_ECAM + (BUSN << 20) - 1
				Return (RESV)
			}
		}

		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A08"))
			Name (_CID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_SEG, 0)
			Name (_BBN, 0)

			Name (BASE, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 0, , , BUSW)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
					0, 0, 0, 0, 0, , , LOWW)
			})
			Name (HIGH, ResourceTemplate ()
			{
				QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
					0, 0, 0, 0, 0, , , HIGW)
			})
			Name (PORT, ResourceTemplate ()
			{
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, PORT_WINDOW, PORT_WINDOW_END, 0, 0xf000)
			})

			Method (_CRS, 0, Serialized)
			{
				CreateDWordField (BASE, ^LOWW._MIN, LMIN)
				CreateDWordField (BASE, ^LOWW._MAX, LMAX)
				CreateDWordField (BASE, ^LOWW._LEN, LLEN)
				CreateWordField (BASE, ^BUSW._MAX, BMAX)
				CreateWordField (BASE, ^BUSW._LEN, BLEN)
				BLEN = BUSN
				BMAX = BUSN - 1
				LMIN = LOWS
				LLEN = LOWL
				LMAX = LOWS + LOWL - 1
				Local0 = BASE
				If (HIGL != 0)
				{
					CreateQWordField (HIGH, ^HIGW._MIN, HMIN)
					CreateQWordField (HIGH, ^HIGW._MAX, HMAX)
					CreateQWordField (HIGH, ^HIGW._LEN, HLEN)
					HMIN = HIGS
					HLEN = HIGL
					HMAX = HIGS + HIGL - 1
					Local0 = ConcatenateResTemplate (Local0, HIGH)
				}
				If (IOON != 0)
				{
					Local0 = ConcatenateResTemplate (Local0, PORT)
				}
				Return (Local0)
			}

			/* PCI Firmware 3.3, 4.5: the system keeps nothing back (native hotplug, PME, AER, capability). */
			Method (_OSC, 4)
			{
				CreateDWordField (Arg3, 0, CDW1)
				If (Arg0 == ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766"))
				{
					CreateDWordField (Arg3, 8, CDW3)
					CDW3 &= 0x1d
					If (Arg1 != 1)
					{
						CDW1 |= 0x08
					}
				}
				Else
				{
					CDW1 |= 0x04
				}
				Return (Arg3)
			}

			/*
			 * Slot s, pin p from 0 (INTA), as _PRT counts: GSI_PCI + ((s + p) & 7). Built
			 * at the first call.
			 */
			Name (ROUT, Package (128) {})
			Name (DONE, 0)
			Method (_PRT, 0, Serialized)
			{
				If (DONE)
				{
					Return (ROUT)
				}
				Local0 = 0
				While (Local0 < 128)
				{
					Local1 = Local0 >> 2
					Local2 = Local0 & 3
					Local3 = Package (4) { 0, 0, 0, 0 }
					Local3 [0] = (Local1 << 16) | 0xffff
					Local3 [1] = Local2
					Local3 [3] = GSI_PCI + ((Local1 + Local2) & 7)
					ROUT [Local0] = Local3
					Local0++
				}
				DONE = 1
				Return (ROUT)
			}
		}
	}
}
