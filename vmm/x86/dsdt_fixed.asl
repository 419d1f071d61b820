/* SPDX-License-Identifier: MIT */
/*
 * The AML of a machine with firmware: fixed hardware. The integers with all bits but
 * the first set are written by the machine (acpi_fixed.c), which looks for their names.
 */
#include "fixed.h"
#define FIRMWARE

DefinitionBlock ("", "DSDT", 2, "LEND", "LENDFIX", 1)
{
	Name (\_S5, Package (4) { SLEEP_TYPE_S5, 0, 0, 0 })

	Name (LOWS, 0xfffffffffffffffe) /* window below 4 GiB: first byte */
	Name (LOWL, 0xfffffffffffffffe) /* and length */
	Name (HIGS, 0xfffffffffffffffe) /* window above 4 GiB */
	Name (HIGL, 0xfffffffffffffffe) /* 0: none */
	Name (ECAB, 0xfffffffffffffffe) /* ECAM, where the firmware has put it */
	Name (BUSN, 0xfffffffffffffffe) /* buses, and MiB of ECAM */
	Name (IOON, 1)

	Scope (\_SB)
	{
#include "dsdt_ports.asl"

		Device (RTC0)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, PORT_CMOS, PORT_CMOS, 1, 2)
				IRQNoFlags () { 8 }
			})
		}

		Device (TIMR)
		{
			Name (_HID, EisaId ("PNP0100"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, PORT_PIT, PORT_PIT, 1, 4)
				IRQNoFlags () { 0 }
			})
		}

		/* By this id Linux finds what the user gives to the guest by -fw-cfg. */
		Device (FWCF)
		{
			Name (_HID, "QEMU0002")
			Name (_STA, 0x0b)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, PORT_FW_CFG, PORT_FW_CFG, 1, 12)
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
					0, 0, 0, 0, 1, , , ECAM)
				IO (Decode16, PORT_PM, PORT_PM, 1, 0x80)
				IO (Decode16, PORT_RESET_CONTROL, PORT_RESET_CONTROL, 1, 1)
			})
			Method (_CRS, 0, Serialized)
			{
				CreateDWordField (RESV, ^ECAM._MIN, EMIN)
				CreateDWordField (RESV, ^ECAM._MAX, EMAX)
				CreateDWordField (RESV, ^ECAM._LEN, ELEN)
				EMIN = ECAB
				ELEN = BUSN << 20
				EMAX = ECAB + (BUSN << 20) - 1
				Return (RESV)
			}
		}

#include "dsdt_pci.asl"
	}
}
