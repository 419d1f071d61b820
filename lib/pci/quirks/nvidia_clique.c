/* SPDX-License-Identifier: MIT */
/*
 * GPUDirect: a vendor capability that we add tells NVIDIA's driver in the guest
 * which GPUs reach each other directly. These have the same number of a clique,
 * 0 to 15 (x-nv-gpudirect-clique). The driver looks for it at two offsets.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/pci/quirks/quirks.h"

enum { LENGTH = 8, CLIQUE_SHIFT = 3 };

static const unsigned places[] = {0xc8, 0xd4};

int nvidia_clique(struct lend_function *function, const struct cap *caps, unsigned count,
		  struct quirk_cap *out, struct lend_error *error)
{
	const uint8_t clique = (uint8_t)(function->quirk_options.clique << CLIQUE_SHIFT);
	const uint8_t bytes[LENGTH] = {PCI_CAP_ID_VNDR, 0, LENGTH, 'P', '2', 'P', clique, 0};

	if (!function->quirk_options.has_clique)
		return 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (!quirk_cap_free(caps, count, places[i], LENGTH))
			continue;
		out->offset = places[i];
		out->length = LENGTH;
		memcpy(out->bytes, bytes, LENGTH);
		return 0;
	}
	return error_say(error, -EINVAL,
			 "%s: no room for the capability of its GPUDirect clique, at 0xc8 or 0xd4; leave "
			 "x-nv-gpudirect-clique out",
			 function->name);
}
