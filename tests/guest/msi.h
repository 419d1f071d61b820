/* SPDX-License-Identifier: MIT */
/* Message-signalled interrupts, to this processor. */
#ifndef GUEST_MSI_H
#define GUEST_MSI_H

#include <stdbool.h>

#include "text.h"

/* One vector, VECTOR_MSI; false where the function has no MSI. */
bool msi_on(unsigned address);
void msi_off(unsigned address);

const char *msix_command(struct words *words);

#endif
