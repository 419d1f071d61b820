/* SPDX-License-Identifier: MIT */
/*
 * The kernel's limits that a machine meets, summed before it starts. Where one
 * is reached later, an interrupt vector gets no descriptor or a BAR no map, and
 * the guest, which could use less, is not told. What a machine needs is a
 * number from `least`, what is known, to `most`, where something is not known.
 */
#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lend/device.h"
#include "lib/error.h"
#include "lib/host/check/check.h"
#include "lib/host/check/usage.h"
#include "lib/sized.h"

enum {
	/* A function whose table of vectors is not known: PCI 6.8.2, the most that MSI-X has. */
	VECTORS_MOST = 2048,
	/*
	 * A function's descriptors beside those of its vectors: its node, group and
	 * container; interrupt line and its unmasking; error and request; a timer; up
	 * to twenty writes that are handed to KVM (of the two mirrors of an NVIDIA
	 * card's config space, ten each).
	 */
	FILES_FUNCTION = 28,
	/* With iommufd each part of a BAR is a descriptor (dma-buf), by which other devices reach it. */
	FILES_AREA = 1,
	/* The monitor's own: KVM, its machine, the loop, sockets, images, standard input to error. */
	FILES_MONITOR = 64,
	/* Watches of a function beside those of its vectors. */
	WATCHES_FUNCTION = 8,
	WATCHES_MONITOR = 8,
	/* The loop, and what populates memory and opens devices before the processors start. */
	THREADS_MONITOR = 12,
	/* Parts of all BARs of a function; maps of memory; each thread has a stack and its guard. */
	AREAS_MOST = LEND_DEVICE_BARS * LEND_DIRECT_MAX,
	MAPS_MONITOR = 512,
	MAPS_THREAD = 2,
	RANGES_MEMORY = 17,
	/* KVM: routes of one machine, of which the interrupt controllers' pins take some. */
	ROUTES_KVM = 4096,
	/* What the kernel has where nobody set another number, or its module is not loaded yet. */
	MAPS_KERNEL = 65530,
	ENTRIES_KERNEL = 65535,
	ROUTES_PINS = 24,
};

struct sum {
	unsigned long long least, most;
};

static struct sum per_vector(const struct lend_check_needs *needs, unsigned long long others)
{
	return (struct sum){needs->vectors + others,
			    needs->vectors + others + VECTORS_MOST * (unsigned long long)needs->hidden};
}

/* PASSED, UNKNOWN or, where already what is known is too much, `exceeded`. */
static enum lend_verdict judge(struct sum sum, unsigned long long there, enum lend_verdict exceeded)
{
	if (sum.most <= there)
		return LEND_PASSED;
	return sum.least > there ? exceeded : LEND_UNKNOWN;
}

static unsigned long long number_of(const char *root, const char *path, unsigned long long otherwise)
{
	long number;

	return sysfs_number(root, path, &number) || number < 0 ? otherwise : (unsigned long long)number;
}

/* Whose limit a shell's cure raises; a service and a login have their own settings. */
static void cure_limit(struct lend_check *check, struct lend_check_row *row, const char *name,
		       unsigned long long need, const char *letter, const char *setting)
{
	unsigned long long most = number_of(context_proc(check->context), "sys/fs/nr_open", need);
	char before[64] = "";

	/* No process may have more open files than that. */
	if (*letter == 'n' && need > most)
		snprintf(before, sizeof(before), "sysctl -w fs.nr_open=%llu && ", need);
	if (check->options.shell > 0)
		CHECK_CURE(row, command, "%sprlimit --pid %d --%s=%llu:%llu", before,
			   (int)check->options.shell, name, need, need);
	CHECK_CURE(row, advice,
		   "raise it: ulimit -%s for a shell, %s in /etc/security/limits.conf for good, %s= for a "
		   "service",
		   letter, name, setting);
}

static void check_files(struct lend_check *check, const struct lend_check_needs *needs)
{
	const unsigned long long others =
		FILES_MONITOR + needs->processors + FILES_FUNCTION * (unsigned long long)needs->functions +
		(needs->iommufd ? FILES_AREA * (unsigned long long)needs->areas : 0);
	struct sum sum = per_vector(needs, others);
	const char *proc = context_proc(check->context);
	struct lend_check_row *row;
	struct rlimit limit;
	unsigned long long there;
	enum lend_verdict verdict;
	char of[LEND_NAME_SIZE + 128] = "";

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	there = limit.rlim_max;
	if (usage_may(check->context, CAP_SYS_RESOURCE) && there < sum.most)
		there = number_of(proc, "sys/fs/nr_open", there);
	verdict = judge(sum, there, LEND_FAILED);
	if (verdict == LEND_PASSED) {
		check_row(check, "files", NULL, verdict,
			  "you may have %llu files open at once, and the machine has at most %llu", there,
			  sum.most);
		return;
	}
	if (needs->vectors && needs->widest)
		snprintf(of, sizeof(of), ": one for each of its %u interrupt vectors, %u of them of %s",
			 needs->vectors, needs->widest_vectors, needs->widest);
	else if (needs->vectors)
		snprintf(of, sizeof(of), ": one for each of its %u interrupt vectors", needs->vectors);
	row = check_row(check, "files", NULL, verdict,
			"you may have %llu files open at once, and the machine can need %llu%s%s", there,
			verdict == LEND_FAILED ? sum.least : sum.most, of,
			needs->hidden ? "; root alone sees how many some devices have" : "");
	cure_limit(check, row, "nofile", sum.most, "n", "LimitNOFILE");
}

static void check_watches(struct lend_check *check, const struct lend_check_needs *needs)
{
	struct sum sum =
		per_vector(needs, WATCHES_MONITOR + WATCHES_FUNCTION * (unsigned long long)needs->functions);
	unsigned long long there =
		number_of(context_proc(check->context), "sys/fs/epoll/max_user_watches", sum.most);
	enum lend_verdict verdict = judge(sum, there, LEND_FAILED);
	struct lend_check_row *row;

	if (verdict == LEND_PASSED)
		return;
	row = check_row(check, "watches", NULL, verdict,
			"all processes of a user may watch %llu files (fs.epoll.max_user_watches), and the "
			"machine can watch %llu: its interrupt vectors, while they are masked",
			there, sum.most);
	CHECK_CURE(row, command, "sysctl -w fs.epoll.max_user_watches=%llu", 2 * sum.most);
}

static void check_threads(struct lend_check *check, const struct lend_check_needs *needs)
{
	unsigned long long need = needs->processors + THREADS_MONITOR + needs->functions, left;
	struct lend_check_row *row;
	struct usage usage;
	struct rlimit limit;

	left = usage_threads_left(check->context);
	if (left < need) {
		row = check_row(
			check, "threads", NULL, LEND_FAILED,
			"the control group lets you make %llu threads more (pids.max), and the machine "
			"needs %llu",
			left, need);
		CHECK_CURE(row, advice,
			   "raise pids.max of the control group: TasksMax= for a service or a "
			   "user's slice of systemd");
	}
	if (getrlimit(RLIMIT_NPROC, &limit) || limit.rlim_max == RLIM_INFINITY || !getuid() ||
	    usage_may(check->context, CAP_SYS_RESOURCE) || usage_may(check->context, CAP_SYS_ADMIN))
		return;
	usage_of_user(check->context, &usage);
	if (usage.threads + need <= limit.rlim_max)
		return;
	row = check_row(check, "threads", NULL, LEND_FAILED,
			"you may have %llu threads and have %llu, and the machine needs %llu",
			(unsigned long long)limit.rlim_max, (unsigned long long)usage.threads, need);
	cure_limit(check, row, "nproc", usage.threads + need, "u", "LimitNPROC");
}

static void check_maps(struct lend_check *check, const struct lend_check_needs *needs)
{
	unsigned long long areas = needs->areas + AREAS_MOST * (unsigned long long)needs->hidden;
	struct sum sum = {needs->areas + MAPS_MONITOR + MAPS_THREAD * (unsigned long long)needs->processors,
			  areas + MAPS_MONITOR + MAPS_THREAD * (unsigned long long)needs->processors};
	unsigned long long there =
		number_of(context_proc(check->context), "sys/vm/max_map_count", MAPS_KERNEL);
	enum lend_verdict verdict = judge(sum, there, LEND_FAILED);
	struct lend_check_row *row;

	if (verdict != LEND_PASSED) {
		row = check_row(check, "maps", NULL, verdict,
				"a process may have %llu maps (vm.max_map_count), and the machine can need "
				"%llu: parts of its devices' BARs, and stacks",
				there, sum.most);
		CHECK_CURE(row, command, "sysctl -w vm.max_map_count=%llu", 2 * sum.most);
	} else {
		check_row(check, "maps", NULL, verdict,
			  "a process may have %llu maps (vm.max_map_count), and the machine has at most %llu",
			  there, sum.most);
	}
}

/* Of a container; iommufd has no limit of its own. */
static void check_entries(struct lend_check *check, const struct lend_check_needs *needs)
{
	unsigned long long areas = needs->areas + AREAS_MOST * (unsigned long long)needs->hidden;
	struct sum entries = {needs->areas + RANGES_MEMORY, areas + RANGES_MEMORY};
	unsigned long long there =
		number_of(context_sysfs(check->context), "module/vfio_iommu_type1/parameters/dma_entry_limit",
			  ENTRIES_KERNEL);
	enum lend_verdict verdict = judge(entries, there, LEND_FAILED);
	struct lend_check_row *row;

	if (needs->iommufd || !needs->functions)
		return;
	row = check_row(check, "dma-maps", NULL, verdict,
			"a container of VFIO may have %llu DMA maps (dma_entry_limit), and the machine %s "
			"%llu",
			there, verdict == LEND_PASSED ? "has at most" : "can need", entries.most);
	if (verdict != LEND_PASSED)
		CHECK_CURE(row, command,
			   "echo %llu > %.200s/module/vfio_iommu_type1/parameters/dma_entry_limit",
			   2 * entries.most, context_sysfs(check->context));
}

/* No setting raises it, and a guest seldom uses all vectors of a device: it is worth a note. */
static void check_routes(struct lend_check *check, const struct lend_check_needs *needs)
{
	unsigned long long there = (needs->routes ? needs->routes : ROUTES_KVM) - ROUTES_PINS;
	struct lend_check_row *row;

	if (needs->vectors <= there)
		return;
	row = check_row(
		check, "routes", NULL, LEND_NOTE,
		"the devices have %u interrupt vectors, and KVM takes %llu of a machine: what a guest "
		"uses beyond that does not interrupt",
		needs->vectors, there);
	CHECK_CURE(row, advice, "let the guest's drivers use fewer queues, or give it fewer devices");
}

static void say_locked(struct lend_check *check, unsigned long long memory, bool any,
		       unsigned long long there, unsigned long long others)
{
	char limit[64] = "as much memory as you want", more[64] = "";

	if (!any)
		snprintf(limit, sizeof(limit), "%llu MiB of memory", there >> 20);
	if (others)
		snprintf(more, sizeof(more), ", beside %llu MiB of your other machines", others >> 20);
	check_row(check, "memlock", NULL, LEND_PASSED,
		  "you may lock %s, and the guest's %llu MiB are locked%s", limit, memory >> 20, more);
}

/*
 * All memory of the guest is locked. A container (type1) charges it to the
 * process. iommufd charges it to the user and compares the sum of all the
 * user's processes with the limit of this one (Linux 6.12, iommufd/pages.c:
 * IOPT_PAGES_ACCOUNT_USER), unless CAP_SYS_RESOURCE has it charge the process, too
 * (lib/open/iommufd.c). With CAP_IPC_LOCK neither looks, and who may raise the
 * limit raises it.
 */
static void check_locked(struct lend_check *check, const struct lend_check_needs *needs)
{
	const unsigned long long memory = needs->memory;
	struct usage usage = {0};
	struct lend_check_row *row;
	struct rlimit limit;
	unsigned long long need, there;
	bool may;

	if (!memory || getrlimit(RLIMIT_MEMLOCK, &limit))
		return;
	there = limit.rlim_max;
	may = there == RLIM_INFINITY || usage_may(check->context, CAP_IPC_LOCK) ||
	      usage_may(check->context, CAP_SYS_RESOURCE);
	/* Only where it counts: it reads each process of the computer. */
	if (needs->iommufd && !may)
		usage_of_user(check->context, &usage);
	need = memory + usage.pinned;
	if (may || there >= need) {
		say_locked(check, memory, may, there, usage.pinned);
		return;
	}
	if (usage.pinned)
		row = check_row(check, "memlock", NULL, LEND_FAILED,
				"all machines of this user may lock %llu KiB of memory, %llu KiB are locked "
				"already, and the guest's %llu KiB must be locked",
				there >> 10, (unsigned long long)usage.pinned >> 10, memory >> 10);
	else
		row = check_row(check, "memlock", NULL, LEND_FAILED,
				"you may lock %llu KiB of memory, and the guest's %llu KiB must be locked",
				there >> 10, memory >> 10);
	cure_limit(check, row, "memlock", need, "l", "LimitMEMLOCK");
}

void check_limits(struct lend_check *check, const struct lend_check_needs *needs)
{
	check_files(check, needs);
	check_watches(check, needs);
	check_threads(check, needs);
	check_maps(check, needs);
	check_entries(check, needs);
	check_routes(check, needs);
	check_locked(check, needs);
}

int lend_check_limits(struct lend_context *context, const struct lend_check_needs *needs,
		      struct lend_check **out, struct lend_error *error)
{
	struct lend_check_needs known;
	int ret = sized_take(&known, sizeof(known), needs, sizeof(known.size));
	struct lend_check *check;

	if (ret < 0)
		return error_say(error, ret, "lend_check_needs: its size is that of no version");
	check = calloc(1, sizeof(*check));
	if (check)
		check->survey = calloc(1, sizeof(*check->survey));
	if (!check || !check->survey) {
		free(check);
		return error_say(error, -ENOMEM, "not enough memory");
	}
	check->context = check->survey->context = context;
	check_limits(check, &known);
	if (check->survey->failed) {
		lend_check_free(check);
		return error_say(error, -ENOMEM, "not enough memory");
	}
	*out = check;
	return 0;
}
