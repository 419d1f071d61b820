/* SPDX-License-Identifier: MIT */
/* Devices at fixed ports that each machine has: the serial line, and pvpanic. Included below \_SB. */
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
