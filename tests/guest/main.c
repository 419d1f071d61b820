/* SPDX-License-Identifier: MIT */
/*
 * A guest without an operating system. Options and commands come from the
 * command line (ecam=ADDRESS gsi=NUMBER -- COMMAND; COMMAND), then commands
 * from the serial line; each is answered by one line: "guest: COMMAND ...", or
 * "guest: COMMAND error: ...".
 */
#include "access.h"
#include "devices.h"
#include "irq.h"
#include "msi.h"
#include "pci.h"
#include "power.h"
#include "serial.h"
#include "text.h"

enum { LINE = 1024, START_CMDLINE = 24 };
#define DEFAULT_ECAM 0xf0000000

void guest_main(uint64_t start_info);

static const char *scan(struct words *words)
{
	(void)words;
	pci_scan();
	return NULL;
}

static const char *end(struct words *words, void (*how)(void))
{
	(void)words;
	say("now\n");
	how();
	return NULL;
}

static const char *off(struct words *words)
{
	return end(words, power_off);
}

static const char *reset(struct words *words)
{
	return end(words, power_reset);
}

static const char *fault(struct words *words)
{
	return end(words, power_fault);
}

static const char *panic(struct words *words)
{
	return end(words, power_panic);
}

/* sleep MILLISECONDS: interrupts that nobody waits for are taken meanwhile. */
static const char *nap(struct words *words)
{
	uint64_t n;

	if (!word_number(words, &n) || n > 4000)
		return "sleep MILLISECONDS";
	irq_sleep((unsigned)n);
	return NULL;
}

/* print COUNT: that many digits, for the serial line's own sake. */
static const char *print(struct words *words)
{
	uint64_t n;

	if (!word_number(words, &n))
		return "print COUNT";
	for (uint64_t i = 0; i < n; i++)
		say("%c", (char)('0' + i % 10));
	return NULL;
}

static const struct command {
	const char *name;
	const char *(*run)(struct words *words); /* what went wrong, or NULL */
} commands[] = {
	{"scan", scan},
	{"cfg", cfg_command},
	{"cfgw", cfgw_command},
	{"bar", bar_command},
	{"mem", mem_command},
	{"port", port_command},
	{"msr", msr_command},
	{"toggle", toggle_command},
	{"edu", edu_command},
	{"ivshmem", ivshmem_command},
	{"msix", msix_command},
	{"testdev", testdev_command},
	{"hammer", hammer_command},
	{"storm", storm_command},
	{"print", print},
	{"sleep", nap},
	{"off", off},
	{"reset", reset},
	{"fault", fault},
	{"panic", panic},
};

static void obey(char *line)
{
	struct words words = {line};
	const char *name = word(&words), *failure = "no such command";

	if (!*name)
		return;
	say("guest: %s ", name);
	for (unsigned i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (same(name, commands[i].name))
			failure = commands[i].run(&words);
	if (failure)
		say(" error: %s", failure);
	say("\n");
}

/* The value of a word NAME=NUMBER. */
static bool option(char *text, const char *name, uint64_t *out)
{
	while (*name && *text == *name)
		text++, name++;
	return !*name && *text == '=' && word_number(&(struct words){text + 1}, out);
}

/* The options; what is left of the line are commands. */
static void set_up(struct words *words)
{
	uint64_t ecam = DEFAULT_ECAM, gsi;
	char *w;

	while (*(w = word(words)) && !same(w, "--"))
		if (!option(w, "ecam", &ecam) && option(w, "gsi", &gsi))
			pci_set_gsi((unsigned)gsi);
	pci_init(ecam);
}

void guest_main(uint64_t start_info)
{
	static char line[LINE];
	struct words words = {*(char **)(start_info + START_CMDLINE)};

	irq_init();
	serial_init();
	set_up(&words);
	while (*words.at) {
		char *command = words.at;

		while (*words.at && *words.at != ';')
			words.at++;
		if (*words.at)
			*words.at++ = 0;
		obey(command);
	}
	say("guest: ready\n");
	for (;;) {
		serial_line(line, LINE);
		obey(line);
	}
}
