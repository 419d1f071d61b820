/* SPDX-License-Identifier: MIT */
/* lend run: from its command line to its exit status. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tool/host.h"
#include "tool/run/argfile.h"
#include "tool/run/files.h"
#include "tool/run/heap.h"
#include "tool/run/keeper.h"
#include "tool/run/machine.h"
#include "tool/run/managed.h"
#include "tool/run/preflight.h"
#include "tool/run/qmp/place.h"
#include "tool/run/stats.h"

static const char help_text[] =
	"lend run: runs a virtual machine that owns devices of this computer.\n"
	"\n"
	"usage: lend run -kernel FILE [OPTION]...\n"
	"       lend run -firmware CODE [OPTION]...\n"
	"       lend run @FILE        an argument a line, # begins a comment\n"
	"\n"
	"  -m SIZE              memory: MiB, or with a letter like 4G (512)\n"
	"     SIZE,hugetlb=2M   memory of huge pages, of 2M (on) or 1G\n"
	"     SIZE,share=on     memory that other processes can map\n"
	"     SIZE,node=N       of this node of the computer alone\n"
	"  -c N, -smp N         processors (1)\n"
	"     N,pin=LIST        each on one of this computer's, like 0-3,8\n"
	"  -kernel FILE         the guest's kernel: a bzImage, or an ELF file with PVH\n"
	"  -kernel-cache DIR    where bzImages are kept unpacked (~/.cache/lend/kernels)\n"
	"  -kernel-cache off    each start unpacks its own\n"
	"  -initrd FILE         its initial RAM disk\n"
	"  -append TEXT         its command line\n"
	"  -firmware uefi       start what is installed on a device, by UEFI firmware\n"
	"  -firmware CODE[,vars=FILE][,vars-template=FILE][,vars-sync=on]\n"
	"                       by this image; FILE keeps its variables\n"
	"  -boot menu=on        the firmware's boot menu waits for a key\n"
	"  -rtc base=utc|localtime|DATETIME\n"
	"                       what the guest's clock says (utc)\n"
	"  -fw-cfg name=opt/NAME,string=TEXT|file=PATH\n"
	"                       a setting for the firmware\n"
	"  -name NAME           the machine's: lend ctl finds it by this, and its UEFI\n"
	"                       variables are kept by it\n"
	"  -device vfio-pci,host=ADDRESS[,PROPERTY=VALUE]...\n"
	"                       hand a device over; may be given more than once\n"
	"       managed=on      take it from its driver now, and give it back at the end\n"
	"       bootindex=N     the firmware starts what is on it, the lowest N first\n"
	"       expect=VENDOR:DEVICE[/SERIAL]\n"
	"                       do not start with another device than this\n"
	"       x-no-mmap=on    trap every access to its BARs\n"
	"       iommufd=on|off|auto\n"
	"                       open its own node and /dev/iommu, or its group's (off)\n"
	"       x-intx=off      give it no interrupt line\n"
	"       x-allow-unreset=on\n"
	"                       hand it over although nothing can reset it\n"
	"                       (man lend-run has all properties)\n"
	"  -device vfio-user-pci,socket=PATH[,reconnect=SECONDS]\n"
	"                       a device that another process serves there (vfio-user)\n"
	"  -disk IMAGE[,readonly=on][,bootindex=N]\n"
	"                       an NVMe disk: a raw image, or a block device\n"
	"  -net user            a network card, without privileges: passt is its network\n"
	"  -net tap=NAME[,mac=ADDRESS]\n"
	"                       a network card whose frames go to a tap that exists\n"
	"  -qmp unix:PATH       a control socket there (QMP), beside that of lend ctl\n"
	"  -qmp fd:N            a listening socket that is open already\n"
	"  -qmp none            no control socket\n"
	"  -ports N[,window=SIZE]\n"
	"                       ports for devices that come while the guest runs (0)\n"
	"  -serial stdio        the guest's serial line is this terminal: Ctrl-a x ends,\n"
	"                       Ctrl-a h helps\n"
	"  -serial file:PATH    its output goes to a file\n"
	"  -serial unix:PATH    it is a socket that is made there, for a client at a time\n"
	"  -serial none         its output is dropped\n"
	"  -sandbox on|log|off  restrict the machine before its guest runs (on)\n"
	"  -no-sandbox          the same as -sandbox off\n"
	"  -user NAME           whom a machine of root becomes then (lend-machine, if\n"
	"                       that user exists)\n"
	"  -uuid UUID           the UUID in the guest's firmware tables\n"
	"  -no-reboot           a reboot ends the machine\n"
	"  -machine cf8=on      ports 0xcf8, 0xcfc answer, for guests without ACPI (off)\n"
	"  -v                   say more; twice, say everything\n"
	"  --stats FILE         write the counters of the run there, as JSON\n"
	"  --trace FILE         write where the time of the start goes, for Perfetto\n"
	"  --help               this text\n"
	"\n"
	"ADDRESS may also be an interface (eth1), a node (/dev/nvme0n1) or\n"
	"VENDOR:DEVICE[/SERIAL]. Without managed=on a device must be with vfio-pci\n"
	"already: lend bind. lend check says what is missing. One dash or two are the\n"
	"same.\n"
	"\n"
	"SIGTERM and SIGINT press the guest's power button; again, or 30 s later, it is\n"
	"ended. SIGUSR1 prints what each device has done, and before the guest runs what\n"
	"is waited for. Exit status: 0 ended, 1 failed, 2 wrong usage, 3 the guest made a\n"
	"triple fault, 4 it panicked.\n"
	"\n"
	"examples:\n"
	"  lend run -m 4G -c 4 -kernel /boot/vmlinuz-6.1.0-amd64 -initrd guest.cpio \\\n"
	"      -append \"console=ttyS0\" -device vfio-pci,host=0000:05:00.0\n"
	"  lend run -m 1G -kernel vmlinux -append \"console=ttyS0 root=/dev/nvme0n1\" \\\n"
	"      -disk debian.img -net user\n"
	"  lend run -m 4G -c 4 -firmware uefi -name web -device vfio-pci,host=05:00.0\n";

static void machine_started(void *opaque)
{
	files_give_devices(((struct machine_config *)opaque)->files);
}

static void run_machine(const struct run_options *options, struct files *files, const struct qmp_place *place,
			struct keeper_result *result)
{
	const struct vmm_firmware_config *firmware = &files->firmware.config;
	int more[KEEPER_MORE_MAX] = {options->has_iommu_fd ? options->iommu_fd : -1,
				     firmware->code_fd,
				     firmware->vars_fd,
				     firmware->template_fd,
				     files->unpacked,
				     files->trace.fd};
	struct machine_config machine = {
		.options = options,
		.firmware = options->firmware.code[0] ? firmware : NULL,
		.kernel_fd = files->kernel,
		.initrd_fd = files->initrd,
		.unpacked_fd = files->unpacked,
		.unpacked_size = files->unpacked_size,
		.unpacked_of = files->unpacked_of,
		.files = files,
		.roots = {"/dev", "/proc", "/sys"},
	};
	struct keeper_config keeper = {
		.options = options,
		.place = place,
		.input = STDIN_FILENO,
		.output = STDOUT_FILENO,
		.messages = STDERR_FILENO,
		.serial = options->serial,
		.serial_fd = files->serial,
		.machine = machine_main,
		.opaque = &machine,
		.keep = {files->kernel, files->initrd},
		.more = more,
		.more_count = KEEPER_MORE_MAX,
		.servers = &files->servers,
		.devices = options->devices,
		.device_count = options->device_count,
		.started = machine_started,
		.memory = options->memory,
		.verbose = options->verbose > 0,
		.times = keeper_times,
		.flush_ms = KEEPER_FLUSH_MS,
	};

	memcpy(more + 6, files->devices, sizeof(files->devices));
	keeper_run(&keeper, result);
}

/*
 * These signals are blocked before the first device is taken, so that none of them ends this
 * process before it has given the devices back. The keeper takes them from a descriptor.
 */
static void hold_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGQUIT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
}

/* Whether the user asked for an end while the devices were taken. */
static bool is_interrupted(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
	       sigismember(&pending, SIGQUIT);
}

/* What fails is said, and nothing was taken then. */
static bool is_fit(struct lend_context *context, const struct run_options *options, struct files *files)
{
	struct lend_error error = {""};
	int ret;

	trace_step(&files->trace, TRACE_KEEPER, "looking at the computer and the images");
	ret = preflight_computer(context, options, files, &error);
	trace_step(&files->trace, TRACE_KEEPER, "");
	if (ret)
		tool_say("%s", error.text);
	return !ret;
}

/* Before a device is taken, and once all are as they will be opened, what stands in the way is asked. */
static int take_devices(struct managed *managed, struct lend_context *context, struct run_options *options,
			struct lend_error *error)
{
	int ret = managed_find(managed, options, error);

	if (!ret)
		ret = preflight_taking(context, options, error);
	if (!ret)
		ret = managed_take(managed, options, error);
	return ret ? ret : preflight_devices(context, options, error);
}

static void take_and_run(struct lend_context *context, struct run_options *options, struct files *files,
			 const struct qmp_place *place, struct keeper_result *result)
{
	struct lend_error error = {""};
	struct managed managed;
	int ret;

	trace_step(&files->trace, TRACE_KEEPER, "checking and taking the devices");
	ret = take_devices(&managed, context, options, &error);
	trace_step(&files->trace, TRACE_KEEPER, "");
	if (ret)
		tool_say("%s", error.text);
	else if (managed.taken && is_interrupted())
		tool_say("interrupted before the machine was started");
	else
		run_machine(options, files, place, result);
	if (managed_end(&managed, options, &error)) {
		tool_say("%s", error.text);
		result->status = result->status ? result->status : TOOL_FAILED;
	}
}

static void run_with_devices(struct run_options *options, struct files *files, const struct qmp_place *place,
			     struct keeper_result *result)
{
	struct lend_context *context;

	hold_signals();
	ports_size(options);
	result->status = TOOL_FAILED;
	if (host_context(&context)) {
		tool_say("not enough memory");
		return;
	}
	if (is_fit(context, options, files))
		take_and_run(context, options, files, place, result);
	lend_context_free(context);
}

static int run_placed(struct run_options *options, const struct qmp_place *place)
{
	struct keeper_result result = {0};
	struct lend_error error;
	struct files files;
	int ret = files_open(options, &files, &error);

	if (ret) {
		tool_say("%s", error.text);
		return ret == -ENOEXEC && options->firmware.code[0] ? TOOL_USAGE : TOOL_FAILED;
	}
	if (files.firmware.notice[0])
		tool_say("%s", files.firmware.notice);
	if (files.unpacked_why.text[0] && (options->verbose || options->kernel_cache))
		tool_say("%s; it is booted as it is", files.unpacked_why.text);
	if (sandbox_cost(options))
		tool_say("%s", sandbox_cost(options));
	sandbox_choose_user(options);
	run_with_devices(options, &files, place, &result);
	ret = files.stats >= 0 ? stats_write(files.stats, &result) : 0;
	if (ret) {
		tool_say("cannot write %s: %s", options->stats, strerror(-ret));
		result.status = result.status ? result.status : TOOL_FAILED;
	}
	files_close(options, &files);
	return (int)result.status;
}

/*
 * A file at the user's limit (ulimit -f), and a --trace that nobody reads any more, are errors of that file
 * alone: their signals would end this process with devices taken.
 */
static void ignore_file_signals(void)
{
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

static int run_options(struct run_options *options)
{
	const struct registry_home home = registry_home();
	struct lend_error error;
	struct qmp_place place;
	int status;

	if (options->help)
		return fputs(help_text, stdout) < 0 || fflush(stdout) ? TOOL_FAILED : TOOL_OK;
	ignore_file_signals();
	if (qmp_place_open(&place, options, &home, &error)) {
		tool_say("%s", error.text);
		return TOOL_FAILED;
	}
	status = run_placed(options, &place);
	qmp_place_close(&place);
	return status;
}

static int run(int argc, char **argv)
{
	struct run_options options;
	struct lend_error error;
	struct argfile argfile;
	uint64_t begun = trace_now();
	int status = TOOL_USAGE, ret;

	heap_begin();
	ret = argfile_expand(argc, argv, &argfile, &error);
	if (!ret) {
		ret = options_parse(argfile.argc, argfile.argv, &options, &error);
		if (ret)
			argfile_add_place(&argfile, options.at, &error);
	}
	options.begun = begun;
	if (ret)
		tool_say("%s", error.text);
	else
		status = run_options(&options);
	argfile_free(&argfile);
	return status;
}

const struct tool_command tool_run = {
	.name = "run",
	.summary = "run a virtual machine that owns devices of this computer",
	.help = help_text,
	.run = run,
};
