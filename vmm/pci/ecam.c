/* SPDX-License-Identifier: MIT */
/*
 * The pages of the root bus stand in one range of our memory, so that one slot shows many of them. A
 * page of ones is there hundreds of times: a file of four such pages is mapped again and again, which
 * costs 16 KiB and 66 maps. What is not shown, or KVM does not take, leaves the guest as before.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm/error.h"
#include "vmm/machine.h"

enum {
	PAGE = 4096,
	DEVICE = PCI_FUNCTIONS * PAGE,
	BUS = PCI_SLOTS * DEVICE,
	BUS_SHIFT = 20,
	ONES = 4 * PAGE, /* in the file, before the pages of functions */
	ALL = BUS + DEVICE
};

static bool is_own(const struct pci_slot *slot)
{
	return slot->kind == SLOT_HOST_BRIDGE || slot->kind == SLOT_CHIP || slot->kind == SLOT_PORT;
}

/* A file with ones, and then a page of zeroes for each function of ours. */
static int make_file(unsigned functions)
{
	int fd = memfd_create("lend-config", MFD_CLOEXEC), ret = fd < 0 ? -errno : 0;
	uint8_t page[PAGE];

	memset(page, 0xff, sizeof(page));
	for (unsigned at = 0; at < ONES && !ret; at += PAGE)
		if (pwrite(fd, page, PAGE, at) != PAGE)
			ret = -ENOMEM;
	if (!ret && ftruncate(fd, (off_t)ONES + (off_t)functions * PAGE))
		ret = -errno;
	if (ret && fd >= 0)
		close(fd);
	return ret ? ret : fd;
}

static int map(uint8_t *at, size_t length, int protection, int fd, off_t offset)
{
	return mmap(at, length, protection, MAP_SHARED | MAP_FIXED, fd, offset) == MAP_FAILED ? -errno : 0;
}

static int map_pages(struct vmm *vmm, int fd)
{
	off_t next = ONES;
	int ret = 0;

	for (unsigned at = 0; at < ALL && !ret; at += ONES)
		ret = map(vmm->ecam.pages + at, ONES, PROT_READ, fd, 0);
	for (unsigned i = 0; i < PCI_SLOTS && !ret; i++) {
		uint8_t *page = vmm->ecam.pages + (size_t)i * DEVICE;

		if (!is_own(&vmm->topology.slots[i]))
			continue;
		ret = map(page, PAGE, PROT_READ | PROT_WRITE, fd, next);
		next += PAGE;
		if (!ret)
			bridge_config_move(&vmm->topology.slots[i].config, page);
	}
	return ret;
}

/* Functions in slots of the root bus are those of devices; below a port, they are on another bus. */
static bool is_device(const struct topology *topology, unsigned page)
{
	const struct pci_slot *slot = &topology->slots[page / PCI_FUNCTIONS];

	return slot->kind == SLOT_DEVICE && slot->functions[page % PCI_FUNCTIONS];
}

static unsigned want_root(const struct vmm *vmm, struct ecam_run *runs)
{
	const struct ecam *ecam = &vmm->ecam;
	unsigned count = 0;
	bool open = false;

	for (unsigned page = 0; page < BUS / PAGE; page++) {
		uint64_t at = (uint64_t)page * PAGE;

		if (is_device(&vmm->topology, page)) {
			open = false;
			continue;
		}
		if (!open)
			runs[count++] = (struct ecam_run){.at = ecam->base + at, .va = ecam->pages + at};
		open = true;
		runs[count - 1].length += PAGE;
	}
	return count;
}

/* What is to be shown now. A guest may give two ports one number: the first of them has the bus. */
static unsigned want(const struct vmm *vmm, struct ecam_run *runs)
{
	const struct ecam *ecam = &vmm->ecam;
	uint32_t empty = topology_ports(&vmm->topology, false) & ~topology_ports(&vmm->topology, true);
	unsigned count = ecam->buses ? want_root(vmm, runs) : 0;

	for (unsigned i = 1; i < PCI_SLOTS && ecam->buses; i++) {
		const struct bridge_config *config = &vmm->topology.slots[i].config;
		unsigned bus = empty & 1u << i ? bridge_config_read(config, PCI_SECONDARY_BUS, 1) : 0;

		if (bus && bus < ecam->buses && topology_port(&vmm->topology, bus) == i)
			runs[count++] = (struct ecam_run){.at = ecam->base + ((uint64_t)bus << BUS_SHIFT),
							  .length = DEVICE,
							  .va = ecam->pages + BUS};
	}
	return count;
}

static bool is_in(const struct ecam_run *run, const struct ecam_run *runs, unsigned count)
{
	while (count--)
		if (runs[count].at == run->at && runs[count].length == run->length &&
		    runs[count].va == run->va)
			return true;
	return false;
}

/* -errno: KVM keeps one; it stays in the list, and the next change tries again. */
static int hide(struct vmm *vmm, const struct ecam_run *wanted, unsigned count)
{
	struct ecam *ecam = &vmm->ecam;
	unsigned kept = 0;
	int ret = 0;

	for (unsigned i = 0; i < ecam->run_count; i++) {
		int failed = is_in(&ecam->runs[i], wanted, count)
				     ? 0
				     : slots_remove(&vmm->slots, ecam->runs[i].slot);

		if (failed || is_in(&ecam->runs[i], wanted, count))
			ecam->runs[kept++] = ecam->runs[i];
		ret = failed ? failed : ret;
	}
	ecam->run_count = kept;
	return ret;
}

static int show(struct vmm *vmm, struct ecam_run *wanted, unsigned count)
{
	struct ecam *ecam = &vmm->ecam;
	int ret = 0;

	for (unsigned i = 0; i < count && ecam->run_count < ECAM_RUNS_MAX; i++) {
		struct ecam_run *run = &wanted[i];

		if (is_in(run, ecam->runs, ecam->run_count))
			continue;
		run->slot = slots_add_readonly(&vmm->slots, gpa(run->at), run->length, run->va);
		if (run->slot >= 0)
			ecam->runs[ecam->run_count++] = *run;
		else
			ret = run->slot;
	}
	return ret;
}

/* With the lock held. All that is not wanted goes first: two slots cannot overlap. */
static void update(struct vmm *vmm)
{
	struct ecam_run wanted[ECAM_RUNS_MAX];
	unsigned count = want(vmm, wanted);
	int hidden = hide(vmm, wanted, count), shown = show(vmm, wanted, count);

	if (hidden && vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING,
			"KVM keeps pages of PCI's config space that changed: %s; the guest may not see a "
			"device that came",
			strerror(-hidden));
	if (shown && vmm_may_log(vmm))
		vmm_log(vmm, LEND_LOG_WARNING,
			"KVM takes no memory slot for pages of PCI's config space: %s; the guest's reads "
			"of them are slower",
			strerror(-shown));
}

static void moved(void *opaque)
{
	struct vmm *vmm = opaque;

	pthread_mutex_lock(&vmm->ecam.lock);
	update(vmm);
	pthread_mutex_unlock(&vmm->ecam.lock);
}

int ecam_init(struct vmm *vmm, struct lend_error *error)
{
	struct ecam *ecam = &vmm->ecam;
	unsigned functions = 0;
	void *pages;
	int fd, ret;

	for (unsigned i = 0; i < PCI_SLOTS; i++)
		functions += is_own(&vmm->topology.slots[i]);
	fd = make_file(functions);
	if (fd < 0)
		return fail(error, fd, "cannot make PCI's config space: %s", strerror(-fd));
	pages = mmap(NULL, ALL, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ret = pages == MAP_FAILED ? -errno : 0;
	ecam->pages = ret ? NULL : pages;
	ret = ret ? ret : map_pages(vmm, fd);
	close(fd);
	pthread_mutex_init(&ecam->lock, NULL);
	vmm->topology.moved = moved;
	vmm->topology.opaque = vmm;
	if (ret)
		return fail(error, ret, "cannot map PCI's config space: %s", strerror(-ret));
	if (!vmm->firmware)
		ecam_place(vmm, ADDR_ECAM, (uint64_t)vmm->layout.buses << BUS_SHIFT);
	return 0;
}

void ecam_place(struct vmm *vmm, uint64_t base, uint64_t length)
{
	struct ecam *ecam = &vmm->ecam;

	if (!ecam->pages)
		return;
	pthread_mutex_lock(&ecam->lock);
	ecam->base = base;
	ecam->buses = (unsigned)(length >> BUS_SHIFT);
	update(vmm);
	pthread_mutex_unlock(&ecam->lock);
}

void ecam_free(struct vmm *vmm)
{
	if (vmm->ecam.pages)
		munmap(vmm->ecam.pages, ALL);
	vmm->ecam.pages = NULL;
}
