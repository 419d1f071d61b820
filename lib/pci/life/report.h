/* SPDX-License-Identifier: MIT */
/* An error of the device that its guest is told of, and that does not stop the function. */
#ifndef LIB_PCI_LIFE_REPORT_H
#define LIB_PCI_LIFE_REPORT_H

#include "lib/pci/function.h"

/**
 * Puts an uncorrectable error into the guest's AER registers. False: the function cannot report it,
 * or the device has lost what it was told, as after a fatal error: it has to be stopped. With the lock.
 */
bool report_error(struct lend_function *function);

#endif
