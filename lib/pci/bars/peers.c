/* SPDX-License-Identifier: MIT */
/*
 * Peers: areas of placed BARs that are ranges of the space, so that other
 * devices reach them (peer-to-peer). They are mapped only while somebody needs
 * them: another function in the space, or the device itself. The reason is time:
 * before Linux 6.15 type1 pins them page by page, which takes seconds for a BAR
 * of 128 GiB each time that it moves.
 *
 * A device needs its own areas if it is an NVMe controller of before 1.4 with a
 * controller memory buffer. It compares addresses with the host's address of its
 * BAR. The guest gives it its own addresses: it then reaches the buffer over the
 * bus and the IOMMU, as another device would.
 */
#include <string.h>

#include "lib/le.h"
#include "lib/pci/bars/bar.h"
#include "lib/pci/ledger/bell.h"
#include "lib/pci/ledger/ledger.h"

/* NVM Express 1.3, 3.1.11 and 3.1.12: where the buffer is, and its size. */
enum { CLASS_NVME = 0x0108, CMBLOC = 0x38, CMBLOC_BIR = 7 };

/* The registers can only be read while the BAR is placed, so the device is asked again until they were. */
static bool reaches_itself(struct lend_function *function)
{
	/* Not the guest's BAR, which is larger where the MSI-X table was moved into it. */
	uint64_t there = function->device->regions[0].size;
	uint8_t bytes[8];
	uint32_t size;

	if (function->own_peers != OWN_PEERS_UNKNOWN)
		return function->own_peers == OWN_PEERS_NEEDED;
	if (function->device->info.class_code >> 8 != CLASS_NVME || !is_out(function, OUT_BAR, 0) ||
	    function->bars[0].guest.io || there < CMBLOC + sizeof(bytes) ||
	    device_read(function->device, 0, CMBLOC, bytes, sizeof(bytes)) < 0)
		return false;
	size = le32(bytes + 4);
	if (size == UINT32_MAX)
		return false; /* it does not answer */
	function->own_bar = le32(bytes) & CMBLOC_BIR;
	function->own_peers = size ? OWN_PEERS_NEEDED : OWN_PEERS_NONE;
	return function->own_peers == OWN_PEERS_NEEDED;
}

static bool wanted(struct lend_function *function)
{
	return function->p2p == LEND_P2P_ON ||
	       (function->p2p == LEND_P2P_AUTO && (function->company || reaches_itself(function)));
}

/*
 * The space says that an IOMMU does not map a BAR, and that nobody misses it
 * where the function is alone: it does not know of one that reaches itself.
 */
static void check_own(struct lend_function *function, unsigned index, unsigned area)
{
	const struct bar *bar = &function->bars[index];

	if (function->own_said || !reaches_itself(function) || index != function->own_bar ||
	    space_reaches(function->device->space, bar->address + bar->areas[area].offset))
		return;
	function->own_said = true;
	function_log(
		function, LEND_LOG_WARNING,
		"its IOMMU does not map BAR %u, which has the controller's memory buffer (CMB): queues and "
		"data that the guest puts there fail. Linux before 6.19 maps a BAR with iommufd=off alone; "
		"a Linux guest does without the buffer with nvme.use_cmb_sqs=0",
		index);
}

static void give_areas(struct lend_function *function, unsigned index)
{
	const struct bar *bar = &function->bars[index];

	for (unsigned i = 0; i < bar->area_count; i++) {
		int ret = is_out(function, OUT_PEER, OUT_AREA(index, i)) ? 1 : give_peer(function, index, i);

		if (!ret) {
			count_one(function->counters.peer_maps);
			check_own(function, index, i);
		} else if (ret < 0) {
			function_log(function, LEND_LOG_WARNING,
				     "its BAR at 0x%llx cannot be reached by other devices: %s",
				     (unsigned long long)bar->address, strerror(-ret));
		}
	}
}

void peers_sync(struct lend_function *function)
{
	if (life_of(function) != LIFE_ON)
		return;
	if (!wanted(function)) {
		take_back(function, ROW(OUT_PEER));
		return;
	}
	for (unsigned i = 0; i < LEND_DEVICE_BARS; i++) {
		const struct bar *bar = &function->bars[i];

		/*
		 * Left out: a BAR at an address where something else answers, since devices
		 * are to reach what the guest reaches; and one smaller than a page, since an
		 * IOMMU maps whole pages and the rest of the page is not the BAR's.
		 */
		if (is_out(function, OUT_BAR, i) && !bar->hidden && !bar->sub_page)
			give_areas(function, i);
	}
}

void peers_company(struct lend_function *function)
{
	function->company = has_company(function);
	peers_sync(function);
}
