/* SPDX-License-Identifier: MIT */
/*
 * The PCI host bridge, included below \_SB. Who includes it says what its windows are
 * by names: LOWS, LOWL, HIGS, HIGL, IOON and BUSN (dsdt.asl says what each is). That of I/O
 * ports is fixed: firmware leaves others for BARs.
 */
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
#ifdef FIRMWARE
	Name (PORT, ResourceTemplate ()
	{
		WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
			0, PORT_WINDOW_FIRMWARE, PORT_WINDOW_END, 0, 0xa000)
	})
#else
	Name (PORT, ResourceTemplate ()
	{
		WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
			0, PORT_WINDOW, PORT_WINDOW_END, 0, 0xf000)
	})
#endif

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

	/*
	 * PCI Firmware 3.3, 4.5: the system gives PME, AER and the capability to the guest. Native
	 * hotplug it keeps back where there is its own (ssdt_hotplug.asl).
	 */
	Method (_OSC, 4)
	{
		CreateDWordField (Arg3, 0, CDW1)
		If (Arg0 == ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766"))
		{
			CreateDWordField (Arg3, 8, CDW3)
			Local0 = CDW3 & 0x1d
			If (CondRefOf (\_SB.HPPT))
			{
				Local0 &= 0x1c
				If (CDW3 & 1)
				{
					CDW1 |= 0x10
				}
			}
			CDW3 = Local0
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
