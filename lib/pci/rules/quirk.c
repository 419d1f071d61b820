/* SPDX-License-Identifier: MIT */
/* Which rows of the table of quirks match a function, and the calls of their hooks. */
#include <errno.h>
#include <string.h>

#include "lib/pci/caps/capabilities.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/rules/quirk.h"

struct rule_ids quirk_ids(const struct lend_function *function)
{
	const struct lend_device_info *info = &function->device->info;
	const struct lend_ids *own = &function->ids;

	return (struct rule_ids){
		.vendor = own->given & LEND_ID_VENDOR ? own->vendor : info->vendor,
		.device = own->given & LEND_ID_DEVICE ? own->device : info->device,
		.subsystem_vendor =
			own->given & LEND_ID_SUB_VENDOR ? own->sub_vendor : info->subsystem_vendor,
		.subsystem = own->given & LEND_ID_SUBSYSTEM ? own->subsystem : info->subsystem,
		.class_code = own->given & LEND_ID_CLASS ? own->class_code : info->class_code,
	};
}

static bool matches(const struct lend_function *function, const struct quirk *row)
{
	struct rule_ids ids = quirk_ids(function);

	return ids.vendor == row->vendor && (ids.device & row->device_mask) == row->device &&
	       (ids.class_code & row->class_mask) == row->class_code &&
	       !(row->when & QUIRK_VGA && !vga_on(function)) &&
	       !(row->when & QUIRK_GEFORCE && function->quirk_options.no_geforce);
}

/* The next row from `*index` on that matches; `*index` moves behind it. NULL: there is none. */
static const struct quirk *next(const struct lend_function *function, size_t *index)
{
	const struct quirk *row;

	while ((row = function->quirk_row((*index)++)))
		if (matches(function, row))
			return row;
	return NULL;
}

void quirks_setup(struct lend_function *function)
{
	const struct quirk *row;
	size_t i = 0;

	while ((row = next(function, &i)))
		if (row->setup)
			row->setup(function, row);
}

int quirks_capability(struct lend_function *function, const struct cap *caps, unsigned count, size_t *row,
		      struct quirk_cap *out, struct lend_error *error)
{
	const struct quirk *quirk;

	*out = (struct quirk_cap){0};
	while ((quirk = next(function, row))) {
		int ret = quirk->capability ? quirk->capability(function, caps, count, out, error) : 0;

		if (ret < 0 || out->offset)
			return ret;
	}
	return 0;
}

uint64_t quirk_pba(const struct lend_function *function, uint64_t offset)
{
	const struct quirk *row;
	size_t i = 0;

	while ((row = next(function, &i)))
		if (row->pba)
			return row->pba;
	return offset;
}

/* If the kernel can reset the device, its way is used and not the quirk's (spec 10). */
int quirk_reset(struct lend_function *function)
{
	const struct quirk *row;
	size_t i = 0;

	while ((row = next(function, &i)))
		if (row->reset)
			return row->reset(function);
	return -EOPNOTSUPP;
}

void quirks_after_reset(struct lend_function *function)
{
	struct quirk_state *quirks = &function->quirks;

	take_back(function, ROWS_ACKS);
	learning_restart(quirks);
	memset(quirks->ati, 0, sizeof(quirks->ati));
	memset(quirks->nvidia, 0, sizeof(quirks->nvidia));
	memset(&quirks->nvidia_vga, 0, sizeof(quirks->nvidia_vga));
	memset(&quirks->rtl8168, 0, sizeof(quirks->rtl8168));
}

void quirk_window(struct lend_function *function, const struct quirk *row, const struct window *window)
{
	struct window own = *window;

	own.reason = LEND_REASON_QUIRK;
	own.name = row->name;
	if (window_add(function, &own) == -ENOSPC)
		function_log(function, LEND_LOG_WARNING, "no room for another window; %s is the device's own",
			     row->name);
}

bool quirk_cap_free(const struct cap *caps, unsigned count, unsigned offset, unsigned length)
{
	for (unsigned i = 0; i < count; i++)
		if (caps[i].offset < offset + length && offset < caps[i].offset + cap_extent(&caps[i]))
			return false;
	return true;
}
