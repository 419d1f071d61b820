/* SPDX-License-Identifier: MIT */
/*
 * lend serve pci: a device of this computer for a monitor that has neither VFIO nor an
 * IOMMU. It is asked what lend run asks before it opens a device.
 *
 * With --managed there are two processes. One takes the device from its driver, waits
 * for the other, and gives the device back, however that one ended. It opens nothing. The
 * other one serves, and drops all rights.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/run/files.h"
#include "tool/run/managed.h"
#include "tool/run/preflight.h"
#include "tool/serve/pci/device.h"
#include "tool/serve/serve.h"

enum { CALLS_MAX = 64 };

struct pci {
	bool no_mmap, no_rom, managed, allow_unreset;
	const char *romfile, *vf_token;
	struct run_options run; /* of the one device */
	struct managed taken;
	struct file_rom rom;
	struct pci_device device;
	const char *calls[CALLS_MAX + 1];
};

static unsigned pci_options(void *state, struct args_option *rows)
{
	struct pci *pci = state;
	unsigned count = 0;

	rows[count++] = (struct args_option){"managed", 0, &pci->managed, NULL};
	rows[count++] = (struct args_option){"no-mmap", 0, &pci->no_mmap, NULL};
	rows[count++] = (struct args_option){"romfile", 0, NULL, &pci->romfile};
	rows[count++] = (struct args_option){"no-rom", 0, &pci->no_rom, NULL};
	rows[count++] = (struct args_option){"vf-token", 0, NULL, &pci->vf_token};
	rows[count++] = (struct args_option){"allow-unreset", 0, &pci->allow_unreset, NULL};
	return count;
}

/* The device as an option of lend run, which reads names and tokens. */
static int pci_read(void *state, const struct args *args, struct lend_error *error)
{
	struct pci *pci = state;
	char text[512];
	int ret;

	if (args->device_count != 1)
		return tool_fail(error, -EINVAL,
				 args->device_count
					 ? "'%.100s' is a second device; each has a server of its own"
					 : "a device is missing%s; lend ls lists them",
				 args->device_count ? args->devices[1] : "");
	if (strchr(args->devices[0], ',') || (pci->vf_token && strchr(pci->vf_token, ',')))
		return tool_fail(error, -EINVAL, "'%.100s': there is no comma in the name of a device",
				 args->devices[0]);
	if (pci->no_rom && pci->romfile)
		return tool_fail(error, -EINVAL, "--no-rom and --romfile exclude each other");
	snprintf(text, sizeof(text), "vfio-pci,host=%.128s%s%.64s", args->devices[0],
		 pci->vf_token ? ",vf-token=" : "", pci->vf_token ? pci->vf_token : "");
	ret = device_parse(&pci->run, text, error);
	if (ret)
		return ret;
	pci->run.device_alone = true;
	pci->run.devices[0].managed = pci->managed;
	pci->run.devices[0].allow_unreset = pci->allow_unreset;
	pci->run.devices[0].function.no_mmap = pci->no_mmap;
	if (pci->no_rom)
		pci->run.devices[0].function.rom_mode = LEND_ROM_NONE;
	return 0;
}

static void block_ends(sigset_t *before)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	sigaddset(&ends, SIGQUIT);
	sigprocmask(SIG_BLOCK, &ends, before);
}

/*
 * Waits for the server, and gives the device back. A signal that ends us wakes the loop of
 * the server, whose descriptor for that is ours, too.
 */
_Noreturn static void keep(struct pci *pci, pid_t server, const sigset_t *mask)
{
	struct lend_error error = {""};
	int status = 0;

	sigprocmask(SIG_SETMASK, mask, NULL);
	while (waitpid(server, &status, 0) < 0 && errno == EINTR)
		;
	block_ends(NULL);
	if (WIFSIGNALED(status))
		tool_say("the server of %s was killed by signal %d", pci->run.devices[0].host,
			 WTERMSIG(status));
	status = WIFEXITED(status) ? WEXITSTATUS(status) : TOOL_FAILED;
	if (managed_end(&pci->taken, &pci->run, &error)) {
		tool_say("%s", error.text);
		status = TOOL_FAILED;
	}
	_exit(status);
}

/* Returns in the process that serves. A signal that ends either of them ends the server. */
static int leave_keeper(struct pci *pci, const sigset_t *mask, struct lend_error *error)
{
	pid_t keeper = getpid(), server = fork();

	if (server < 0)
		return tool_fail(error, -errno, "cannot start a process: %s", strerror(errno));
	if (server)
		keep(pci, server, mask);
	pci->taken.taken = false;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != keeper)
		return tool_fail(error, -ECHILD, "the process that gives the device back is gone");
	return 0;
}

/* A signal waits until the device is taken whole. */
static int take(struct pci *pci, struct lend_context *context, struct lend_error *error)
{
	sigset_t before;
	int ret;

	block_ends(&before);
	ret = managed_find(&pci->taken, &pci->run, error);
	if (!ret)
		ret = preflight_taking(context, &pci->run, error);
	if (!ret)
		ret = managed_take(&pci->taken, &pci->run, error);
	if (!ret && pci->taken.taken)
		ret = leave_keeper(pci, &before, error);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return ret;
}

static void list_calls(struct pci *pci)
{
	const char *const *names;
	size_t count = lend_syscalls(&names);

	for (size_t i = 0; i < count && i < CALLS_MAX; i++)
		pci->calls[i] = names[i];
}

static int pci_open(void *state, struct lend_context *context, struct serve_device *out,
		    struct lend_error *error)
{
	struct pci *pci = state;
	int ret = pci->romfile ? file_rom_read(pci->romfile, &pci->rom, error) : 0;

	if (!ret)
		ret = take(pci, context, error);
	if (!ret)
		ret = preflight_devices(context, &pci->run, error);
	if (!ret)
		ret = pci_device_open(&pci->device, context, &pci->run.devices[0], pci->rom.bytes,
				      pci->rom.length, error);
	if (ret)
		return ret;
	list_calls(pci);
	out->function = pci->device.function;
	out->fd = pci->device.watch_fd;
	out->calls = pci->calls;
	out->ioctl_count = lend_ioctls(&out->ioctls);
	return 0;
}

static int pci_work(void *state)
{
	return pci_device_work(&((struct pci *)state)->device);
}

static void pci_close(void *state)
{
	struct pci *pci = state;
	struct lend_error error = {""};

	pci_device_close(&pci->device);
	free(pci->rom.bytes);
	if (managed_end(&pci->taken, &pci->run, &error))
		tool_say("%s", error.text);
}

const struct serve_kind serve_pci = {
	.name = "pci",
	.summary = "a device of this computer, as it is",
	.help = "usage: lend serve pci DEVICE [OPTION]... -s SOCKET\n"
		"\n"
		"Shows a device of this computer to any monitor that speaks vfio-user.\n"
		"\n"
		"      --managed        takes it from its driver, and gives it back at the end\n"
		"      --no-mmap        each access to its BARs is a message: the client gets no\n"
		"                       descriptor of the device\n"
		"      --romfile FILE   an expansion ROM in place of the device's own\n"
		"      --no-rom         no expansion ROM\n"
		"      --vf-token UUID  the token that the user of a virtual function's physical\n"
		"                       function has set\n"
		"      --allow-unreset  serves it although nothing can reset it\n"
		"\n"
		"DEVICE: 0000:05:00.0, eth1, /dev/nvme0n1, 8086:10d3, or as in man lend-ls.\n"
		"Without --managed it must be with vfio-pci already: lend bind.\n",
	.state = sizeof(struct pci),
	.options = pci_options,
	.read = pci_read,
	.open = pci_open,
	.work = pci_work,
	.close = pci_close,
};
