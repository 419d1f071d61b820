/* SPDX-License-Identifier: MIT */
/*
 * Address translation services (spec 2.5). The guest sees that the device has
 * them and cannot switch them: the host does that, and the kernel makes the
 * control register read-only.
 */
#include "lib/pci/caps/capabilities.h"

int ats_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	(void)cap, (void)error;
	return function->ats == LEND_ATS_OFF ? CAP_HIDE : 0;
}
