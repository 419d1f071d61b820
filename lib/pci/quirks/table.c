/* SPDX-License-Identifier: MIT */
/* The table of quirks: a row for each device and hook (spec 10). */
#include "lib/pci/quirks/quirks.h"
#include "lib/reset_way.h"

enum {
	ATI = 0x1002,
	NVIDIA = 0x10de,
	REALTEK = 0x10ec,
	INTEL = 0x8086,
	CHELSIO = 0x1425,
	BAIDU = 0x1d22,
	ONE = 0xffff, /* mask of a row for one device id */
};

#define VGA     0x030000, 0xffff00
#define DISPLAY 0x030000, 0xff0000

#define AMD_RESET(id)                                                                                        \
	{                                                                                                    \
		.name = "AMD GPU reset", .vendor = ATI, .device = id, .device_mask = ONE, .reset = amd_reset \
	}
#define VMD(id)                                                                                              \
	{                                                                                                    \
		.name = "Intel VMD's BARs", .vendor = INTEL, .device = id, .device_mask = ONE,               \
		.capability = vmd_shadow                                                                     \
	}

static const struct quirk rows[] = {
	{"ATI VGA port 3c3", ATI, 0, 0, VGA, QUIRK_VGA, .setup = ati_vga_setup},
	{"ATI BAR 4 window", ATI, 0, 0, VGA, QUIRK_VGA, .setup = ati_bar4_setup},
	{"ATI BAR 2 mirror", ATI, 0, 0, VGA, QUIRK_VGA, .setup = ati_bar2_setup},
	{"NVIDIA VGA ports 3d0/3d4", NVIDIA, 0, 0, VGA, QUIRK_VGA | QUIRK_GEFORCE, .setup = nvidia_vga_setup},
	{"NVIDIA BAR 5 window", NVIDIA, 0, 0, VGA, QUIRK_VGA | QUIRK_GEFORCE, .setup = nvidia_bar5_setup},
	{"NVIDIA BAR 0 mirror", NVIDIA, 0, 0, VGA, QUIRK_GEFORCE, .setup = nvidia_bar0_setup},
	{"NVIDIA GPUDirect clique", NVIDIA, 0, 0, DISPLAY, .capability = nvidia_clique},
	{"Realtek 8168 MSI-X back door", REALTEK, 0x8168, ONE, .setup = rtl8168_setup},
	VMD(0x201d),
	VMD(0x467f),
	VMD(0x4c3d),
	VMD(0x9a0b),
	/* Virtual functions whose PBA register is known to lead outside of its BAR (spec 4.1). */
	{"Chelsio T5 PBA", CHELSIO, 0x5800, 0xff00, .pba = 0x1000},
	{"Baidu Kunlun PBA", BAIDU, 0x3685, ONE, .pba = 0xb400},
	RESET_OWN_AMD(AMD_RESET),
};

const struct quirk *quirk_row(size_t index)
{
	return index < sizeof(rows) / sizeof(*rows) ? &rows[index] : NULL;
}
