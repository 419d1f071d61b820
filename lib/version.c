/* SPDX-License-Identifier: MIT */
#include "lend/version.h"

unsigned lend_version(void)
{
	return LEND_VERSION_NUMBER(LEND_VERSION_MAJOR, LEND_VERSION_MINOR, LEND_VERSION_PATCH);
}
