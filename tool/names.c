/* SPDX-License-Identifier: MIT */
/*
 * Names of devices, by libpci's database alone: pci_init() is not called, which
 * would look for ways to the hardware and end the process where it finds none.
 * The library is loaded when the first name is wanted: a machine needs none, and
 * libpci with all that it needs would cost each of its processes 96 KiB. Where
 * it is not there, devices have numbers.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pci/pci.h>

#include "tool/clean.h"
#include "tool/host.h"

struct names {
	struct pci_access *access;
	struct pci_access *(*alloc)(void);
	char *(*lookup)(struct pci_access *access, char *out, int size, int flags, ...);
	void (*free_list)(struct pci_access *access);
};

/* What pci_init() would have set. An error is being out of memory; this must not come back. */
__attribute__((noreturn)) static void out_of_memory(char *format, ...)
{
	(void)format;
	tool_say("not enough memory");
	exit(TOOL_FAILED);
}

static void be_quiet(char *format, ...)
{
	(void)format;
}

static bool load(struct names *names)
{
	void *library = dlopen("libpci.so.3", RTLD_NOW | RTLD_LOCAL);

	if (!library)
		return false;
	/* POSIX lets a pointer to data hold one to a function; C does not say so. */
	*(void **)&names->alloc = dlsym(library, "pci_alloc");
	*(void **)&names->lookup = dlsym(library, "pci_lookup_name");
	*(void **)&names->free_list = dlsym(library, "pci_free_name_list");
	return names->alloc && names->lookup && names->free_list;
}

struct names *names_new(void)
{
	struct names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	if (!load(names)) {
		free(names);
		return NULL;
	}
	names->access = names->alloc();
	names->access->error = out_of_memory;
	names->access->warning = be_quiet;
	names->access->debug = be_quiet;
	return names;
}

void names_free(struct names *names)
{
	if (names)
		names->free_list(names->access);
	free(names);
}

/* Into `out`; the number where there is no name or no database. */
static void look_up(struct names *names, char *out, size_t size, int flags, int a, int b)
{
	char *found = NULL;

	if (names)
		found = names->lookup(names->access, out, (int)size, flags, a, b);
	if (!found)
		snprintf(out, size, "%04x", flags == PCI_LOOKUP_DEVICE ? b : a);
	else if (found != out)
		snprintf(out, size, "%s", found);
	clean_text(out);
}

void names_class(struct names *names, const struct lend_survey_device *device, char *out, size_t size)
{
	look_up(names, out, size, PCI_LOOKUP_CLASS, (int)(device->is.class_code >> 8), 0);
}

void names_vendor(struct names *names, const struct lend_survey_device *device, char *out, size_t size)
{
	look_up(names, out, size, PCI_LOOKUP_VENDOR, device->is.vendor, 0);
}

void names_model(struct names *names, const struct lend_survey_device *device, char *out, size_t size)
{
	look_up(names, out, size, PCI_LOOKUP_DEVICE, device->is.vendor, device->is.device);
}

void names_device(struct names *names, const struct lend_survey_device *device, char *out, size_t size)
{
	char class[80], vendor[80], model[120];

	names_class(names, device, class, sizeof(class));
	names_vendor(names, device, vendor, sizeof(vendor));
	names_model(names, device, model, sizeof(model));
	snprintf(out, size, "%s: %s %s", class, vendor, model);
}
