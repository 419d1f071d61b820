/* SPDX-License-Identifier: MIT */
/*
 * The standard chain. A pointer that leads into the header, or to a capability
 * that was seen, ends the walk with one line of log. What was found before is
 * kept, so that a device with a wrong pointer can still be used.
 *
 * A device is refused if a capability begins within the registers that we
 * emulate of another one: it is not known which of the two is the wrong one.
 */
#include <errno.h>

#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/pci/caps/unlinked.h"
#include "lib/pci/config/config.h"
#include "lib/pci/rules/quirk.h"

enum {
	HOPS_MAX = 48,       /* (256 - 64) / 4 */
	POINTER_MASK = 0xfc, /* the low two bits are reserved: PCI Local Bus 3.0, 6.7 */
};

static unsigned walk(struct lend_function *function, struct cap *found)
{
	unsigned at = config_hw(function, PCI_CAPABILITY_LIST, 1) & POINTER_MASK, count = 0;
	uint64_t seen = 0;

	if (!(config_hw(function, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST))
		return 0;
	for (; at && count < HOPS_MAX; count++) {
		if (at < PCI_STD_HEADER_SIZEOF || seen & UINT64_C(1) << at / 4) {
			function_log(function, LEND_LOG_WARNING,
				     "its chain of capabilities %s 0x%x; the rest is left out",
				     at < PCI_STD_HEADER_SIZEOF ? "leads into the header, to"
								: "leads a second time to",
				     at);
			break;
		}
		seen |= UINT64_C(1) << at / 4;
		found[count] = (struct cap){.offset = at, .id = (uint16_t)config_hw(function, at, 1)};
		at = config_hw(function, at + PCI_CAP_LIST_NEXT, 1) & POINTER_MASK;
	}
	return count;
}

/* 0: it is in the guest's chain; CAP_HIDE: it is not; negative errno: the device cannot be lent. */
static int setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	const struct cap_row *row = cap_row((uint8_t)cap->id);
	bool denied = rules_deny_cap(function, (uint8_t)cap->id);
	int ret;

	if (cap->room < row->least && !denied)
		return error_say(error, -EPROTO,
				 "%s: its %s capability at 0x%x has only %u bytes before the next one",
				 function->name, row->name, cap->offset, cap->room);
	ret = row->policy == CAP_HIDDEN || denied ? CAP_HIDE : 0;
	if (!ret && row->setup)
		ret = row->setup(function, cap, error);
	if (ret >= 0)
		cap_claim(function, cap, ret == CAP_HIDE);
	return ret;
}

/* Appends the capability at `offset` to the chain that ends at `*tail`. 0: the chain is empty. */
static void link_cap(struct lend_function *function, unsigned *tail, unsigned offset)
{
	config_set_virtual(function, *tail ? *tail + PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST, 1, offset);
	*tail = offset;
}

/* Appends the capabilities that quirks add. */
static int link_ours(struct lend_function *function, const struct cap *caps, unsigned count, unsigned *tail,
		     struct lend_error *error)
{
	struct quirk_cap ours;
	size_t row = 0;
	int ret;

	for (;;) {
		ret = quirks_capability(function, caps, count, &row, &ours, error);
		if (ret < 0 || !ours.offset)
			return ret;
		config_claim(function, ours.offset, ours.length, CLAIM_SHOWN);
		for (unsigned i = 0; i < ours.length; i++)
			config_set_virtual(function, ours.offset + i, 1, ours.bytes[i]);
		link_cap(function, tail, ours.offset);
	}
}

int capabilities_setup(struct lend_function *function, struct lend_error *error)
{
	struct cap caps[HOPS_MAX];
	unsigned count = walk(function, caps), tail = 0;
	int failed;

	caps_measure(function, caps, count, PCI_CFG_SPACE_SIZE);
	for (unsigned i = 0; i < count; i++) {
		int ret = setup(function, &caps[i], error);

		if (ret < 0)
			return ret;
		config_set_virtual(function, caps[i].offset + PCI_CAP_LIST_NEXT, 1, 0);
		if (ret != CAP_HIDE)
			link_cap(function, &tail, caps[i].offset);
	}
	failed = link_ours(function, caps, count, &tail, error);
	if (failed < 0)
		return failed;
	/* Where nothing is left in the chain, the guest finds neither pointer nor status bit. */
	if (config_hw(function, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST || tail) {
		if (!tail)
			config_set_virtual(function, PCI_CAPABILITY_LIST, 1, 0);
		config_set_bits(function, PCI_STATUS, 2, PCI_STATUS_CAP_LIST, tail ? PCI_STATUS_CAP_LIST : 0);
	}
	unlinked_setup(function, caps, count, false);
	return extended_setup(function, error);
}
