/* SPDX-License-Identifier: MIT */
/* The ways to end. None returns. */
#ifndef GUEST_POWER_H
#define GUEST_POWER_H

void power_off(void) __attribute__((noreturn));
void power_reset(void) __attribute__((noreturn));
void power_panic(void) __attribute__((noreturn));
void power_fault(void) __attribute__((noreturn));

#endif
