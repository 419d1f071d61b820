/* SPDX-License-Identifier: MIT */
/* Making a function and freeing it: the one file that knows all parts of lib/pci. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/error.h"
#include "lib/pci/bars/bar.h"
#include "lib/pci/bars/rom.h"
#include "lib/pci/caps/capabilities.h"
#include "lib/pci/config/config.h"
#include "lib/pci/config/strict.h"
#include "lib/pci/interrupts/intx.h"
#include "lib/pci/interrupts/messages.h"
#include "lib/pci/interrupts/mode.h"
#include "lib/pci/interrupts/msix.h"
#include "lib/pci/ledger/bell.h"
#include "lib/pci/ledger/ledger.h"
#include "lib/pci/ledger/lock.h"
#include "lib/pci/life/notify.h"
#include "lib/pci/reset/quiesce.h"
#include "lib/pci/reset/reset.h"
#include "lib/pci/rules/quirk.h"
#include "lib/sized.h"

/* Who is called when a bell of the function rings. */
static const struct rings rings = {
	.served = intx_served,
	.line = intx_rings,
	.timer = intx_held,
	.notice = notify_rings,
	.ack = ack_rings,
	.vector = vector_rings,
	.company = peers_company,
	.places = bars_shown,
	.fail = notify_fail,
};

static void before_reset(struct lend_function *function)
{
	bars_remove(function);
}

static const struct hooks hooks = {
	.of =
		{
			[HOOK_DECODE] = {bars_disable, bars_enable}, /* COMMAND, BARs, power state */
			[HOOK_MSI] = {msi_disable, msi_enable},      /* MSI, all of it */
			[HOOK_MSIX] = {msix_disable, msix_enable},   /* MSI-X message control */
			[HOOK_INTX] = {intx_disable, intx_enable},   /* COMMAND, interrupt disable */
		},
	.before_reset = before_reset,
};

/* Reads the device's bytes once. All that is set up comes from these, so a device cannot change its mind. */
static int read_config(struct lend_function *function, struct lend_error *error)
{
	unsigned size = (unsigned)function->device->info.config_size;
	uint64_t there = function->device->regions[LEND_REGION_CONFIG].size;
	int ret;

	function->config.size = size;
	ret = device_read(function->device, LEND_REGION_CONFIG, 0, function->config.hw,
			  there < size ? (unsigned)there : size);
	if (ret < 0)
		return error_say(error, ret, "%s: cannot read its config space: %s", function->name,
				 strerror(-ret));
	return 0;
}

static int setup(struct lend_function *function, const struct lend_function_config *config,
		 struct lend_error *error)
{
	int ret = read_config(function, error);

	if (!ret)
		ret = rules_apply(function, error);
	if (!ret)
		ret = header_setup(function, error);
	if (!ret)
		intx_setup(function);
	if (!ret)
		ret = bars_setup(function, error);
	if (!ret)
		ret = vga_setup(function, error);
	if (!ret)
		ret = capabilities_setup(function, error); /* the MSI-X table has to be in a BAR */
	if (!ret)
		ret = rom_setup(function, config, error);
	if (!ret && vectors_init(function) < 0)
		ret = error_say(error, -ENOMEM, "%s: out of memory", function->name);
	if (!ret && bells_open(function) < 0)
		ret = error_say(error, -ENOMEM, "%s: out of memory", function->name);
	if (ret < 0)
		return ret;
	if (function->strict)
		strict_setup(function);
	msix_windows(function);
	quirks_setup(function);
	rules_windows(function);
	bars_map(function);       /* after all windows are there */
	doorbells_read(function); /* without them such writes trap */
	config_begin(function);
	state_start(function);
	reset_judge(function);
	/* With the lock: a notice that comes meanwhile is served when all notices are watched. */
	function_lock(function);
	notify_start(function);
	function_unlock(function);
	return 0;
}

/* Takes everything back and frees the function, also one that is only half made. */
static void destroy(struct lend_function *function)
{
	function_lock(function);
	ledger_close(function);
	pthread_mutex_unlock(&function->lock);
	/* Nothing is watched any more, but a callback may still be on its way. */
	function->ops->settle(function->host);
	bells_close(function);
	company_changed(function->context, function->device->space);
	notify_destroy(function);
	learned_destroy(function);
	doorbells_destroy(function);
	intx_destroy(function);
	__atomic_fetch_sub(&function->device->functions, 1, __ATOMIC_RELAXED);
	vectors_destroy(function);
	bars_unmap(function);
	rom_destroy(function);
	pthread_mutex_destroy(&function->lock);
	log_bucket_destroy(&function->bucket);
	free(function);
}

int lend_function_new(struct lend_device *device, const struct lend_function_config *given,
		      struct lend_function **out, struct lend_error *error)
{
	struct lend_function_config own, *config = &own;
	struct lend_function *function;
	int ret;

	ret = sized_take(&own, sizeof(own), given, sizeof(own.size) + 1);
	if (ret < 0)
		return error_say(error, ret, "%s: lend_function_config: its size is that of no version",
				 device->info.name);
	function = calloc(1, sizeof(*function));
	if (!function)
		return error_say(error, -ENOMEM, "%s: out of memory", device->info.name);
	function->device = device;
	__atomic_fetch_add(&device->functions, 1, __ATOMIC_RELAXED);
	function->context = space_context(device->space);
	function->ops = space_ops(device->space);
	function->host = space_host(device->space);
	function->peer = config->peer;
	function->name = device->info.name;
	function->page = (uint64_t)sysconf(_SC_PAGESIZE);
	function->place = config->place;
	function->multifunction = config->multifunction;
	function->no_mmap = config->no_mmap;
	function->no_intx = config->no_intx;
	function->shares_pages = config->shares_pages;
	function->maps_read_only = config->maps_read_only;
	function->strict = config->strict_config;
	function->no_msi_bypass = config->no_msi_bypass;
	function->no_msix_bypass = config->no_msix_bypass;
	function->msix.to = config->msix_to;
	function->ats = config->ats;
	function->p2p = config->p2p;
	function->ids = config->ids;
	function->no_request = config->no_request;
	function->tells_request = config->tells_request;
	function->reports_errors = config->reports_errors;
	function->notify[NOTIFY_ERROR] = function->notify[NOTIFY_REQUEST] = -1;
	function->intx.fd = function->intx.resample = -1;
	/* A server may keep its device as the last client left it; the kernel resets one that it opens. */
	function->reset_since_open = device->info.backend == LEND_BACKEND_USER;
	function->rings = &rings;
	function->hooks = &hooks;
	function->quirk_row = quirk_row;
	learned_init(function);
	function->quirk_options = (struct quirk_options){
		.vga = config->vga,
		.no_geforce = config->no_geforce,
		.no_ioeventfd = config->no_ioeventfd,
		.no_device_ioeventfd = config->no_device_ioeventfd,
		.has_clique = config->has_clique,
		.clique = config->clique & 0xf,
	};
	function->intx.no_bypass = config->no_intx_bypass;
	function->intx.hold_ns = config->intx_timeout_ms * UINT64_C(1000000);
	pthread_mutex_init(&function->lock, NULL);
	log_bucket_init(&function->bucket);
	ret = setup(function, config, error);
	if (ret < 0) {
		destroy(function);
		return ret;
	}
	function_lock(function);
	if (life_of(function) == LIFE_NEW) /* else a notice of the kernel has already ended it */
		life_set(function, LIFE_ON);
	function_unlock(function);
	company_changed(function->context, device->space);
	*out = function;
	return 0;
}

void lend_function_free(struct lend_function *function)
{
	if (!function)
		return;
	function_lock(function);
	take_back(function, ROWS_NOTICES);
	function_unlock(function);
	functions_quiesce(&function, 1);
	life_set(function, LIFE_LEAVING);
	destroy(function);
}

struct lend_device *lend_function_device(const struct lend_function *function)
{
	return function->device;
}

bool lend_function_gone(const struct lend_function *function)
{
	return is_gone(function);
}

#define get(counter) __atomic_load_n(&function->counters.counter, __ATOMIC_RELAXED)

void lend_function_count(const struct lend_function *function, struct lend_function_counters *out,
			 size_t size)
{
	const struct lend_function_counters counters = {
		.bar_reads = get(bar_reads),
		.bar_writes = get(bar_writes),
		.config_reads = get(config_reads),
		.config_writes = get(config_writes),
		.config_syscalls = get(config_syscalls),
		.slow_interrupts = get(slow_interrupts),
		.ignored = get(ignored),
		.peer_maps = get(peer_maps),
		.resets = get(resets),
	};

	sized_give(out, size, &counters, sizeof(counters));
}
