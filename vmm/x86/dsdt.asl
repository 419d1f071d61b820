/* SPDX-License-Identifier: MIT */
/*
 * The AML of a direct boot: a hardware-reduced platform. What depends on the devices
 * stands in a small table in memory (WINR) that the machine writes before boot,
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

#include "dsdt_ports.asl"

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

#include "dsdt_pci.asl"
	}
}
