/* SPDX-License-Identifier: MIT */
/*
 * Address translation services (spec/vfio-pci.md, 2.5). Its switch is the
 * host's: the kernel makes the register read-only. A driver of the guest only
 * sees that the device has it.
 */
#include "lib/pci/caps/capabilities.h"

int ats_setup(struct lend_function *function, const struct cap *cap, struct lend_error *error)
{
	(void)cap, (void)error;
	return function->ats == LEND_ATS_OFF ? CAP_HIDE : 0;
}
