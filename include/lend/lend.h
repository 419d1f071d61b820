/* SPDX-License-Identifier: MIT */
/* liblend: an assigned PCI function for any virtual machine monitor. */
#ifndef LEND_LEND_H
#define LEND_LEND_H

#include "backend.h"
#include "bind.h"
#include "check.h"
#include "context.h"
#include "device.h"
#include "explain.h"
#include "function.h"
#include "host.h"
#include "host_ops.h"
#include "reset.h"
#include "server.h"
#include "space.h"
#include "state.h"
#include "survey.h"
#include "types.h"
#include "version.h"

#endif
