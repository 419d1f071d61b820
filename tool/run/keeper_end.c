/* SPDX-License-Identifier: MIT */
/* How the machine ended: the last line, and the exit status. */
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "tool/run/keeper_state.h"

/* What the machine reported, as an exit status, and the sentence where it gave none. */
static enum tool_status status_of(enum vmm_end end, const char **sentence)
{
	switch (end) {
	case VMM_END_POWEROFF:
	case VMM_END_REBOOT:
	case VMM_END_STOPPED:
		*sentence = "";
		return TOOL_OK;
	case VMM_END_FAULT:
		*sentence = "the guest made a triple fault";
		return TOOL_FAULT;
	case VMM_END_PANIC:
		*sentence = "the guest panicked; its console says why";
		return TOOL_PANIC;
	case VMM_END_ERROR:
		break;
	}
	*sentence = "the machine failed without a reason";
	return TOOL_FAILED;
}

/* True: the process was killed, or ended without a word; that is said, whatever it said before. */
static bool conclude_death(struct keeper *keeper)
{
	const char *when = keeper->said ? "while it gave its devices back" : "before it said why";

	if (WIFSIGNALED(keeper->wait_status)) {
		int signal = WTERMSIG(keeper->wait_status);

		messages_say(&keeper->messages, "the process of the machine was killed by signal %d (%s) %s",
			     signal, strsignal(signal), when);
		if (signal == SIGSYS)
			messages_say(
				&keeper->messages,
				"it made a system call that it has no need of: that is a fault of lend's, "
				"which -sandbox log names in the kernel's log, or somebody broke out of the "
				"guest");
		return true;
	}
	if (keeper->said)
		return false;
	messages_say(&keeper->messages, "the process of the machine ended with status %d %s",
		     WEXITSTATUS(keeper->wait_status), when);
	return true;
}

void keeper_conclude(struct keeper *keeper, struct keeper_result *result)
{
	const struct sink *output = &keeper->console.output;
	const char *sentence;

	if (output->dropped && !output->gone && keeper->config->serial != SERIAL_UNIX)
		messages_say(&keeper->messages,
			     "%llu bytes of the guest's output were left out: they were not read in time",
			     (unsigned long long)output->dropped);
	result->said = keeper->said;
	result->end = keeper->end;
	if (conclude_death(keeper)) {
		result->status = TOOL_FAILED;
		return;
	}
	result->status = status_of((enum vmm_end)keeper->end.value, &sentence);
	if (keeper->end.text[0])
		sentence = keeper->end.text;
	if (*sentence)
		messages_say(&keeper->messages, "%s", sentence);
}
