/* SPDX-License-Identifier: MIT */
/*
 * The extended chain (spec 2.5). Its first header is at a fixed place. If that
 * capability is hidden, the guest reads a header with id 0 there, which leads to
 * the next one. If nothing is left in the chain, the whole header reads 0.
 */
#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/pci/caps/unlinked.h"
#include "lib/pci/config/config.h"
#include "lib/pci/rules/quirk.h"

enum {
	HOPS_MAX = 960, /* (4096 - 256) / 4 */
	START = PCI_CFG_SPACE_SIZE,
	END = PCI_CFG_SPACE_EXP_SIZE,
};

#define NEXT_BITS UINT32_C(0xfff00000)

static unsigned next_of(uint32_t header)
{
	return PCI_EXT_CAP_NEXT(header);
}

static unsigned walk(struct lend_function *function, struct cap *found)
{
	uint8_t seen[END / 4] = {0};
	unsigned at = START, count = 0;

	while (at && count < HOPS_MAX) {
		uint32_t header = config_hw(function, at, 4);

		if (at < START || seen[at / 4] || header == UINT32_MAX) {
			function_log(
				function, LEND_LOG_WARNING,
				"its chain of extended capabilities breaks at 0x%x; the rest is left out",
				at);
			break;
		}
		seen[at / 4] = 1;
		found[count++] = (struct cap){
			.offset = at,
			.id = PCI_EXT_CAP_ID(header),
			.version = PCI_EXT_CAP_VER(header),
		};
		at = next_of(header);
	}
	return count;
}

static int setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	const struct cap_row *row = cap_row_extended(cap->id);
	int ret = row->policy == CAP_HIDDEN || rules_deny_extended(function, cap->id) ? CAP_HIDE : 0;

	/* A device works without an extended capability: one that is cut short is only hidden. */
	if (!ret && cap->room < row->least) {
		function_log(function, LEND_LOG_WARNING,
			     "its %s capability at 0x%x is cut short by the next one, and hidden", row->name,
			     cap->offset);
		ret = CAP_HIDE;
	}
	if (!ret && row->setup)
		ret = row->setup(function, cap, error);
	if (ret >= 0)
		cap_claim(function, cap, ret == CAP_HIDE);
	return ret;
}

int extended_setup(struct lend_function *function, struct lend_error *error)
{
	uint32_t head = config_hw(function, START, 4), header = 0;
	struct cap caps[HOPS_MAX];
	unsigned count = 0, tail = START;

	if (function->config.size <= PCI_CFG_SPACE_SIZE)
		return 0;
	/* Without PCI Express the kernel does not filter these bytes: they may be no chain at all. */
	if (!function->exp || !head || head == UINT32_MAX) {
		config_set_virtual(function, START, PCI_CAP_SIZEOF, 0);
		return 0;
	}
	count = walk(function, caps);
	caps_measure(function, caps, count, END);
	for (unsigned i = 0; i < count; i++) {
		int ret = setup(function, &caps[i], error);

		if (ret < 0)
			return ret;
		config_set_bits(function, caps[i].offset, 4, NEXT_BITS, 0);
		if (ret == CAP_HIDE)
			continue;
		if (caps[i].offset == START)
			header = head & ~NEXT_BITS;
		else if (tail == START)
			header |= caps[i].offset << 20;
		else
			config_set_bits(function, tail, 4, NEXT_BITS, caps[i].offset << 20);
		tail = caps[i].offset;
	}
	config_set_virtual(function, START, PCI_CAP_SIZEOF, header);
	unlinked_setup(function, caps, count, true);
	return 0;
}
