/* SPDX-License-Identifier: MIT */
/*
 * Intel VMD. The devices behind it use addresses of the host. To translate them
 * its driver in the guest needs the host's BARs 2 to 5, which it looks for in a
 * vendor capability with a mark and these four registers. It is the only place
 * where a guest sees addresses of the host.
 */
#include <errno.h>
#include <string.h>

#include <linux/pci_regs.h>

#include "lib/error.h"
#include "lib/le.h"
#include "lib/pci/config/config.h"
#include "lib/pci/quirks/quirks.h"

enum { AT = 0xe8, LENGTH = 24, VERSION = 1, MARK = 4, BARS = 8 };

#define SHDW UINT32_C(0x53484457) /* "SHDW", the first letter in the highest byte */

int vmd_shadow(struct lend_function *function, const struct cap *caps, unsigned count, struct quirk_cap *out,
	       struct lend_error *error)
{
	const uint8_t head[] = {PCI_CAP_ID_VNDR, 0, LENGTH, VERSION};

	if (!quirk_cap_free(caps, count, AT, LENGTH))
		return error_say(error, -EINVAL,
				 "%s: no room at 0x%x for the capability that its driver looks for",
				 function->name, AT);
	out->offset = AT;
	out->length = LENGTH;
	memcpy(out->bytes, head, sizeof(head));
	le_store(out->bytes + MARK, 4, SHDW);
	for (unsigned i = 0; i < 4; i++)
		le_store(out->bytes + BARS + 4 * i, 4, config_hw(function, PCI_BASE_ADDRESS_2 + 4 * i, 4));
	return 0;
}
