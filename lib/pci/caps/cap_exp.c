/* SPDX-License-Identifier: MIT */
/*
 * PCI Express. The type and the link follow the place of the function in the
 * guest (spec 2.4): with the host's values a driver, or Windows, would find a
 * topology that cannot exist. Device control stays the kernel's, and with it the
 * function level reset.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/pci/caps/capabilities.h"
#include "lib/pci/config/config.h"
#include "lib/sized.h"

enum {
	NO_LINK_END = PCI_EXP_DEVSTA + 2,
	LINK_END = PCI_EXP_LNKSTA + 2,   /* bytes of a capability with link registers */
	LINK2_END = PCI_EXP_LNKSTA2 + 2, /* bytes of one that has those of version 2 too */
	WIDTH_X1 = 1 << 4,               /* LNKCAP, maximum link width */
	TYPE_SHIFT = 4,
};

/* An integrated endpoint has no link: its capability ends before the link's registers (7.5.3). */
unsigned exp_length(const struct lend_function *function, unsigned at)
{
	enum { VERSION_2 = 0x3c, INTEGRATED_2 = 0x2c };
	uint32_t flags = config_hw(function, at + PCI_EXP_FLAGS, 2);
	bool integrated = (flags & PCI_EXP_FLAGS_TYPE) >> TYPE_SHIFT == PCI_EXP_TYPE_RC_END;

	if ((flags & PCI_EXP_FLAGS_VERS) < 2)
		return integrated ? NO_LINK_END : LINK_END;
	return integrated ? INTEGRATED_2 : VERSION_2;
}

static void zero_link(struct lend_function *function, const struct cap *cap)
{
	if (cap->room < LINK_END)
		return;
	config_set_virtual(function, cap->offset + PCI_EXP_LNKCAP, 4, 0);
	config_set_virtual(function, cap->offset + PCI_EXP_LNKCTL, 4, 0); /* and LNKSTA */
	if (cap->room < LINK2_END)
		return;
	config_set_virtual(function, cap->offset + PCI_EXP_LNKCAP2, 4, 0);
	config_set_virtual(function, cap->offset + PCI_EXP_LNKCTL2, 4, 0); /* and LNKSTA2 */
}

static void set_type(struct lend_function *function, const struct cap *cap, unsigned type)
{
	config_set_bits(function, cap->offset + PCI_EXP_FLAGS, 2, PCI_EXP_FLAGS_TYPE, type << TYPE_SHIFT);
}

int exp_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	uint32_t flags = config_hw(function, cap->offset + PCI_EXP_FLAGS, 2);
	unsigned type = (flags & PCI_EXP_FLAGS_TYPE) >> TYPE_SHIFT;

	if (type != PCI_EXP_TYPE_ENDPOINT && type != PCI_EXP_TYPE_LEG_END && type != PCI_EXP_TYPE_RC_END)
		return error_say(error, -ENOTSUP,
				 "%s is no endpoint (PCI Express type 0x%x); only endpoints can be lent",
				 function->name, type);
	if (cap->room < LINK_END && type != PCI_EXP_TYPE_RC_END)
		return error_say(error, -EPROTO,
				 "%s: its PCI Express capability at 0x%x has only %u bytes before the next "
				 "one: its link registers are missing",
				 function->name, cap->offset, cap->room);
	function->exp = cap->offset;
	if (config_hw(function, cap->offset + PCI_EXP_DEVCAP, 4) & PCI_EXP_DEVCAP_FLR)
		function->flr = true;
	/* Intel's 82599 virtual functions say version 0, which is wrong. */
	if (!(flags & PCI_EXP_FLAGS_VERS))
		config_set_bits(function, cap->offset + PCI_EXP_FLAGS, 2, PCI_EXP_FLAGS_VERS, 1);
	if (function->place == LEND_PLACE_ROOT && type == PCI_EXP_TYPE_LEG_END)
		return CAP_HIDE; /* a root complex has no integrated endpoint of the legacy type */
	if (function->place == LEND_PLACE_ROOT && type == PCI_EXP_TYPE_ENDPOINT) {
		set_type(function, cap, PCI_EXP_TYPE_RC_END);
		zero_link(function, cap);
	}
	/* A driver of an endpoint reads link registers, so the type changes only if there are some. */
	if (function->place == LEND_PLACE_PORT && type == PCI_EXP_TYPE_RC_END && cap->room >= LINK_END) {
		set_type(function, cap, PCI_EXP_TYPE_ENDPOINT);
		config_set_virtual(function, cap->offset + PCI_EXP_LNKCAP, 4,
				   WIDTH_X1 | PCI_EXP_LNKCAP_SLS_2_5GB);
		config_set_virtual(function, cap->offset + PCI_EXP_LNKCTL, 2, 0);
		config_set_virtual(function, cap->offset + PCI_EXP_LNKSTA, 2,
				   WIDTH_X1 | PCI_EXP_LNKSTA_CLS_2_5GB);
	}
	return 0;
}

static struct lend_link read_link(const struct lend_function *function)
{
	struct lend_link out = {0};
	uint32_t flags, link;

	if (!function->exp)
		return out;
	flags = config_hw(function, function->exp + PCI_EXP_FLAGS, 2);
	out.is_pcie = true;
	out.type = (uint8_t)((flags & PCI_EXP_FLAGS_TYPE) >> TYPE_SHIFT);
	if (out.type == PCI_EXP_TYPE_RC_END)
		return out; /* no link */
	link = config_hw(function, function->exp + PCI_EXP_LNKCAP, 4);
	out.speed = (uint8_t)(link & PCI_EXP_LNKCAP_SLS);
	out.atomics = (uint8_t)function->device->info.atomics;
	out.width = (uint8_t)((link & PCI_EXP_LNKCAP_MLW) >> TYPE_SHIFT);
	return out;
}

void lend_function_link(const struct lend_function *function, struct lend_link *out, size_t size)
{
	const struct lend_link link = read_link(function);

	sized_give(out, size, &link, sizeof(link));
}
