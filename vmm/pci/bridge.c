/* SPDX-License-Identifier: MIT */
/*
 * PCI-to-PCI Bridge 1.2, chapter 3 (type 1 header); PCI Express Base 6.0, 7.5.3
 * (capability). Where devices come and go, a port has a slot, and says so in its
 * capability. The system keeps that hotplug back for itself (_OSC), and the port
 * does nothing of it: firmware reserves room below a port only if it reads there
 * that the slot is one for hotplug. The link is that of the device, so that drivers
 * that compare both see no bottleneck.
 */
#include <linux/pci_regs.h>

#include "vmm/pci/bridge.h"
#include "vmm/pci/ids.h"
#include "vmm/pci/port_errors.h"

enum { CLASS_HOST_BRIDGE = 0x060000, CLASS_BRIDGE = 0x060400 };
enum {
	EXP = 0x40,
	SSVID = 0x80,
	RESERVE = 0xa0,
	EXP_VERSION = 2,
	MPSS_512 = 2,
	PSN_SHIFT = 19,
	ATOMIC_SHIFT = 7 /* PCI_EXP_DEVCAP2_ATOMIC_COMP32 and the two above it */
};

static void identify(struct bridge_config *config, uint16_t device, uint32_t class_code)
{
	bridge_config_clear(config);
	bridge_config_set(config, PCI_VENDOR_ID, 2, ID_VENDOR);
	bridge_config_set(config, PCI_DEVICE_ID, 2, device);
	bridge_config_set(config, PCI_CLASS_REVISION + 1, 3, class_code);
}

void host_bridge_init(struct bridge_config *config)
{
	identify(config, ID_HOST_BRIDGE, CLASS_HOST_BRIDGE);
	bridge_config_set(config, PCI_SUBSYSTEM_VENDOR_ID, 2, ID_VENDOR);
	bridge_config_set(config, PCI_SUBSYSTEM_ID, 2, ID_SUBSYSTEM);
}

/* A window is open when its limit is not below its base (Bridge 1.2, 3.2.5.8). */
static void set_memory(struct bridge_config *config, const struct port_setup *setup)
{
	uint64_t last = setup->memory_start + setup->memory_length - 1;

	bridge_config_allow(config, PCI_MEMORY_BASE, 4, 0xfff0fff0);
	bridge_config_set(config, PCI_MEMORY_BASE, 2,
			  setup->memory_length ? (setup->memory_start >> 16) & 0xfff0 : 0xfff0);
	bridge_config_set(config, PCI_MEMORY_LIMIT, 2, setup->memory_length ? (last >> 16) & 0xfff0 : 0);
}

static void set_prefetch(struct bridge_config *config, const struct port_setup *setup)
{
	uint64_t start = setup->prefetch_length ? setup->prefetch_start : 0xfff00000;
	uint64_t last = setup->prefetch_length ? start + setup->prefetch_length - 1 : 0;

	bridge_config_allow(config, PCI_PREF_MEMORY_BASE, 4, 0xfff0fff0);
	bridge_config_allow(config, PCI_PREF_BASE_UPPER32, 4, 0xffffffff);
	bridge_config_allow(config, PCI_PREF_LIMIT_UPPER32, 4, 0xffffffff);
	bridge_config_set(config, PCI_PREF_MEMORY_BASE, 2, ((start >> 16) & 0xfff0) | PCI_PREF_RANGE_TYPE_64);
	bridge_config_set(config, PCI_PREF_MEMORY_LIMIT, 2, ((last >> 16) & 0xfff0) | PCI_PREF_RANGE_TYPE_64);
	bridge_config_set(config, PCI_PREF_BASE_UPPER32, 4, (uint32_t)(start >> 32));
	bridge_config_set(config, PCI_PREF_LIMIT_UPPER32, 4, (uint32_t)(last >> 32));
}

/* Without an I/O BAR below it the window's registers stay zero and read-only: "not implemented". */
static void set_io(struct bridge_config *config, const struct port_setup *setup)
{
	if (!setup->io_length)
		return;
	bridge_config_allow(config, PCI_IO_BASE, 2, 0xf0f0);
	bridge_config_set(config, PCI_IO_BASE, 1, setup->unplaced ? 0xf0 : (setup->io_start >> 8) & 0xf0);
	bridge_config_set(config, PCI_IO_LIMIT, 1,
			  setup->unplaced ? 0 : ((setup->io_start + setup->io_length - 1) >> 8) & 0xf0);
}

/* The smallest power of two that is not less. */
static uint64_t power_for(uint64_t bytes)
{
	return bytes > 1 ? 1ULL << (64 - __builtin_clzll(bytes - 1)) : bytes;
}

/*
 * How much room firmware keeps free below the port: a capability that this vendor defines for its
 * ports, and that ovmf reads. Type 1; buses, I/O ports, memory below 4 GiB, prefetchable memory
 * below and above; all ones: as much as the firmware likes. It rounds down to a power of two.
 */
static void set_reserve(struct bridge_config *config, const struct port_setup *setup)
{
	enum { LENGTH = 32, TYPE = 1 };
	const struct {
		uint8_t offset, length;
		uint64_t value;
	} rows[] = {
		{4, 4, UINT32_MAX},
		{8, 4, 0},
		{12, 4, 0},
		{16, 4, power_for(setup->room_low)},
		{20, 4, UINT32_MAX},
		{24, 4, power_for(setup->room_high)},
		{28, 4, power_for(setup->room_high) >> 32},
	};

	bridge_config_set(config, PORT_MSI + 1, 1, RESERVE);
	bridge_config_set(config, RESERVE, 4, PCI_CAP_ID_VNDR | LENGTH << 16 | TYPE << 24);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		bridge_config_set(config, RESERVE + rows[i].offset, rows[i].length, (uint32_t)rows[i].value);
}

/* No button, no lamps, no power switch; a device may go without a word. */
static void set_slot(struct bridge_config *config, const struct port_setup *setup)
{
	bridge_config_set(config, EXP + PCI_EXP_FLAGS, 2,
			  EXP_VERSION | PCI_EXP_TYPE_ROOT_PORT << 4 | PCI_EXP_FLAGS_SLOT);
	bridge_config_set(config, EXP + PCI_EXP_SLTCAP, 4,
			  PCI_EXP_SLTCAP_HPC | PCI_EXP_SLTCAP_HPS | PCI_EXP_SLTCAP_NCCS |
				  (uint32_t)setup->slot << PSN_SHIFT);
	bridge_config_allow(config, EXP + PCI_EXP_SLTCTL, 2,
			    PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_DLLSCE);
}

static void set_express(struct bridge_config *config, const struct port_setup *setup)
{
	bridge_config_set(config, PCI_CAPABILITY_LIST, 1, EXP);
	bridge_config_set(config, EXP, 1, PCI_CAP_ID_EXP);
	bridge_config_set(config, EXP + 1, 1, SSVID);
	bridge_config_set(config, EXP + PCI_EXP_FLAGS, 2, EXP_VERSION | PCI_EXP_TYPE_ROOT_PORT << 4);
	bridge_config_set(config, EXP + PCI_EXP_DEVCAP, 4, MPSS_512 | PCI_EXP_DEVCAP_RBER);
	bridge_config_allow(config, EXP + PCI_EXP_DEVCTL, 2, 0x00ff | PCI_EXP_DEVCTL_READRQ);
	bridge_config_allow(config, EXP + PCI_EXP_RTCTL, 2, 0x000f);
	if (setup->hotplug) {
		set_slot(config, setup);
		port_errors_init(config);
	}
	if (setup->hotplug && setup->unplaced)
		set_reserve(config, setup);
	root_port_update(config, setup);

	bridge_config_set(config, SSVID, 1, PCI_CAP_ID_SSVID);
	bridge_config_set(config, SSVID + 1, 1, setup->hotplug ? PORT_MSI : 0);
	bridge_config_set(config, SSVID + PCI_SSVID_VENDOR_ID, 2, ID_VENDOR);
	bridge_config_set(config, SSVID + PCI_SSVID_DEVICE_ID, 2, ID_SUBSYSTEM);
}

void root_port_init(struct bridge_config *config, const struct port_setup *setup)
{
	identify(config, ID_ROOT_PORT, CLASS_BRIDGE);
	bridge_config_allow(config, PCI_COMMAND, 2,
			    PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_SERR |
				    PCI_COMMAND_INTX_DISABLE);
	bridge_config_set(config, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	bridge_config_allow(config, PCI_CACHE_LINE_SIZE, 1, 0xff);
	bridge_config_set(config, PCI_HEADER_TYPE, 1, PCI_HEADER_TYPE_BRIDGE);
	bridge_config_allow(config, PCI_PRIMARY_BUS, 3, 0xffffff);
	bridge_config_set(config, PCI_SECONDARY_BUS, 1, setup->secondary);
	bridge_config_set(config, PCI_SUBORDINATE_BUS, 1, setup->secondary);
	bridge_config_allow(config, PCI_INTERRUPT_LINE, 1, 0xff);
	bridge_config_allow(config, PCI_BRIDGE_CONTROL, 2,
			    PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR |
				    (setup->hotplug ? PCI_BRIDGE_CTL_BUS_RESET : 0));
	set_memory(config, setup);
	set_prefetch(config, setup);
	set_io(config, setup);
	set_express(config, setup);
}

void root_port_update(struct bridge_config *config, const struct port_setup *setup)
{
	uint32_t speed = setup->link.speed ? setup->link.speed : PCI_EXP_LNKCAP_SLS_2_5GB;
	uint32_t width = setup->link.width ? setup->link.width : 1;
	uint32_t link = speed | width << 4;
	bool up = setup->filled || !setup->hotplug;

	bridge_config_set(config, EXP + PCI_EXP_LNKCAP, 4,
			  link | PCI_EXP_LNKCAP_DLLLARC | (uint32_t)(setup->slot) << 24);
	bridge_config_set(config, EXP + PCI_EXP_LNKSTA, 2, up ? link | PCI_EXP_LNKSTA_DLLLA : 0);
	/* Supported speeds: all up to the link's; target speed: the link's. */
	bridge_config_set(config, EXP + PCI_EXP_LNKCAP2, 4, ((1u << speed) - 1) << 1);
	bridge_config_set(config, EXP + PCI_EXP_LNKCTL2, 2, speed);
	bridge_config_set(config, EXP + PCI_EXP_DEVCAP2, 4, (uint32_t)(setup->atomics & 7) << ATOMIC_SHIFT);
	bridge_config_set(config, EXP + PCI_EXP_SLTSTA, 2,
			  setup->hotplug && setup->filled ? PCI_EXP_SLTSTA_PDS : 0);
}
