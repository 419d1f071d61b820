/* SPDX-License-Identifier: MIT */
/*
 * How a device can be reset, and what that takes along. What is told here beforehand is
 * what the reset of a function does: the order of the ways and the user's rules are asked
 * for by the same functions (lib/reset_way.h, lib/rules).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>

#include "lib/host/check/check.h"
#include "lib/le.h"
#include "lib/reset_way.h"

/* The bus of a device, as VFIO looks at it before it resets it. */
struct bus {
	bool has_bridge;                        /* a bridge is above it, which resets it */
	char along[200];                        /* what else is on it */
	const struct lend_survey_device *other; /* the first that VFIO does not have; NULL: none */
	bool can_come;                          /* `other` is handed over, and can be taken */
};

/* What decides about the reset of a device. */
struct reset {
	struct reset_facts facts;
	struct bus bus;
	char because[200]; /* "; 10-card.json, rule 1 says that a reset by flr is broken"; empty: no rule
			      matters */
};

/* A group is handed over as a whole. */
static bool is_handed_over(const struct lend_check *check, const struct lend_survey_device *device)
{
	for (size_t i = 0; i < check->device_count; i++)
		if (check->devices[i] == device ||
		    (device->is.group >= 0 && check->devices[i]->is.group == device->is.group))
			return true;
	return false;
}

/* Whether VFIO has the device, or has it once the cure of another row is done. */
static bool is_with_vfio(const struct lend_check *check, const struct lend_survey_device *device)
{
	bool cured = false;

	for (size_t i = 0; i < check->device_count; i++)
		cured |= check->devices[i] == device ||
			 survey_member(check->survey, check->devices[i], device) == MEMBER_COMES;
	return cured || lend_host_is_vfio(device->is.driver);
}

/* A bridge on the bus is never with VFIO, so what is behind it need not be looked at. */
static void look_at_bus(const struct lend_check *check, const struct lend_survey_device *device,
			struct bus *bus)
{
	const struct lend_survey_device *other;
	struct lend_bdf above;
	size_t used = 0;

	*bus = (struct bus){.other = NULL};
	if (!lend_bdf_parse(device->parent, &above)) {
		other = lend_survey_find(check->survey, &above);
		bus->has_bridge = other && other->is.is_bridge;
	}
	for (size_t i = 0; (other = lend_survey_at(check->survey, i)); i++) {
		bool ours = is_handed_over(check, other);

		if (other == device || other->is.bdf.domain != device->is.bdf.domain ||
		    other->is.bdf.bus != device->is.bdf.bus)
			continue;
		if (used < sizeof(bus->along))
			used += (size_t)snprintf(bus->along + used, sizeof(bus->along) - used, " %s",
						 other->is.name);
		if (bus->other || (ours && is_with_vfio(check, other)))
			continue;
		bus->other = other;
		bus->can_come = ours && !is_of_the_host(other);
	}
}

static bool has_file(const struct lend_check *check, const struct lend_survey_device *device,
		     const char *name)
{
	char path[PATH_MAX];

	return !sysfs_path(path, "%s/bus/pci/devices/%s/%s", context_sysfs(check->context), device->is.name,
			   name) &&
	       !access(path, F_OK);
}

/*
 * The kernel lists "bus" for a device that is alone on its bus, unless it knows that a
 * reset of this bus does harm. With others on the bus the list does not tell. A kernel
 * that has no list has the file "reset" in this case, too.
 */
static bool bus_can_be_reset(const struct lend_check *check, const struct lend_survey_device *device,
			     const struct bus *bus)
{
	const char *methods = device->is.reset_methods;

	return bus->has_bridge && !bus->other &&
	       (bus->along[0] || (methods[0] ? has_word(methods, "bus") : has_file(check, device, "reset")));
}

/*
 * The kernel lists "bus" for the first function of a bus, which it looks at before it
 * knows the others, and then it does not reset the bus for one of them, but goes on in
 * its list.
 */
static const char *methods_of(const struct lend_survey_device *device, const struct bus *bus)
{
	const char *methods = device->is.reset_methods;

	while (bus->along[0] && (reset_is_first(methods, "bus") || reset_is_first(methods, "cxl_bus"))) {
		methods += strcspn(methods, " ");
		methods += *methods == ' ';
	}
	return methods;
}

/* Before 5.15 the kernel could reset devices but did not list its methods: registers tell the first one. */
static void read_registers(const struct lend_check *check, const struct lend_survey_device *device,
			   struct reset_facts *facts)
{
	size_t length = 0;
	unsigned char *config = check_config(check, device, &length);
	unsigned exp, af, pm;

	exp = check_capability(config, length, PCI_CAP_ID_EXP, PCI_EXP_DEVCTL);
	af = check_capability(config, length, PCI_CAP_ID_AF, PCI_CAP_AF_SIZEOF);
	pm = check_capability(config, length, PCI_CAP_ID_PM, PCI_PM_SIZEOF);
	if (exp)
		facts->flr = le32(config + exp + PCI_EXP_DEVCAP) & PCI_EXP_DEVCAP_FLR;
	if (af)
		facts->flr |=
			config[af + PCI_AF_CAP] & PCI_AF_CAP_TP && config[af + PCI_AF_CAP] & PCI_AF_CAP_FLR;
	if (pm)
		facts->power = !(config[pm + PCI_PM_CTRL] & PCI_PM_CTRL_NO_SOFT_RESET);
	free(config);
}

/* Adds the rule that takes a way from the device. */
static void add_because(const struct lend_check *check, const struct rule_ids *ids, enum reset_method method,
			struct reset *reset)
{
	const struct rule *rule = rules_breaking(check->rules, ids, method);
	size_t used = strlen(reset->because);

	if (rule)
		snprintf(reset->because + used, sizeof(reset->because) - used,
			 "; %s says that a reset by %s is broken", rule->place, reset_words[method]);
}

static void look_at(const struct lend_check *check, const struct lend_survey_device *device,
		    struct reset *reset)
{
	struct rule_ids ids = check_ids(check, device);
	struct reset_facts *facts = &reset->facts;
	struct rules_applied rules;
	enum reset_method method;

	*reset = (struct reset){.because = ""};
	look_at_bus(check, device, &reset->bus);
	facts->own = reset_is_own(ids.vendor, ids.device);
	facts->methods = methods_of(device, &reset->bus);
	/* A list that is there and empty was emptied by hand. */
	facts->kernel_can =
		facts->methods[0] || (!device->is.reset_methods[0] && has_file(check, device, "reset") &&
				      !has_file(check, device, "reset_method"));
	facts->bus = bus_can_be_reset(check, device, &reset->bus);
	if (facts->kernel_can && !facts->methods[0])
		read_registers(check, device, facts);
	rules_merge(check->rules, &ids, &rules, NULL); /* too many: another row */
	facts->broken = rules.broken_resets;
	method = reset_method(facts);
	if (facts->kernel_can && reset_is_broken(facts, method))
		add_because(check, &ids, method, reset);
	if (method != RESET_BUS && reset_is_broken(facts, RESET_BUS) &&
	    (facts->bus || (reset->bus.has_bridge && reset->bus.other)))
		add_because(check, &ids, RESET_BUS, reset);
}

/* One who takes it all the same. */
static void take_unreset(const struct lend_check *check, struct lend_check_row *row, const char *name)
{
	if (check->options.device_alone)
		CHECK_CURE(row, advice,
			   "give it to guests that may know of each other, with lend serve pci %s "
			   "--allow-unreset",
			   name);
	else
		CHECK_CURE(row, advice,
			   "give it to guests that may know of each other, with "
			   "-device vfio-pci,host=%s,x-allow-unreset=on",
			   name);
}

/* Names what keeps VFIO from a reset of the bus. */
static void no_reset(struct lend_check *check, const struct lend_survey_device *device,
		     const struct reset *reset)
{
	const struct bus *bus = &reset->bus;
	const char *user = check->options.user, *other = bus->other ? bus->other->is.name : "";
	bool alone = check->options.device_alone;
	const char *command = alone ? "serve pci" : "run";
	struct lend_check_row *row;

	if (!bus->has_bridge || !bus->other || reset_is_broken(&reset->facts, RESET_BUS)) {
		row = check_row(
			check, "reset", device, LEND_FAILED,
			"nothing can reset it%s: what one guest left in it the next one finds, and lend "
			"%s refuses it%s",
			reset->because[0] ? "" : ", the kernel knows no way", command, reset->because);
	} else if (bus->can_come) {
		row = check_row(
			check, "reset", device, LEND_FAILED,
			"it can only be reset with its bus, and %s on that bus is not with vfio-pci%s", other,
			reset->because);
		CHECK_CURE(row, command, "lend bind%s%s %s", user ? " --user " : "", user ? user : "", other);
		return;
	} else {
		row = check_row(check, "reset", device, LEND_FAILED,
				"it can only be reset with its bus, and %s on that bus is not handed over: "
				"lend %s refuses it%s",
				other, command, reset->because);
		/* A server has one device. */
		if (!alone && !is_of_the_host(bus->other)) {
			CHECK_CURE(row, advice, "hand %s over too, and both can be reset", other);
			return;
		}
	}
	take_unreset(check, row, device->is.name);
}

static void reset_alone(struct lend_check *check, const struct lend_survey_device *device,
			const struct reset *reset)
{
	const char *methods = device->is.reset_methods;

	if (!methods[0])
		check_row(check, "reset", device, LEND_PASSED, "the kernel can reset it");
	else if (reset_method(&reset->facts) == RESET_BUS)
		check_row(check, "reset", device, LEND_PASSED,
			  "it can be reset by its bus, where it is alone (%s)", methods);
	else
		check_row(check, "reset", device, LEND_PASSED, "it can be reset alone (%s)", methods);
}

void check_reset(struct lend_check *check, const struct lend_survey_device *device)
{
	enum reset_way ways[RESET_WAY_COUNT];
	struct reset reset;

	look_at(check, device, &reset);
	if (!reset_ways(&reset.facts, ways)) {
		no_reset(check, device, &reset);
		return;
	}
	switch (ways[0]) {
	case RESET_WAY_OWN:
		check_row(check, "reset", device, LEND_PASSED, "lend knows how to reset it");
		return;
	case RESET_WAY_FUNCTION:
		reset_alone(check, device, &reset);
		return;
	case RESET_WAY_BUS:
		check_row(check, "reset", device, LEND_PASSED, "it can be reset with its bus%s%s%s",
			  reset.bus.along[0] ? ", which takes along" : "", reset.bus.along, reset.because);
		return;
	default:
		check_row(check, "reset", device, LEND_NOTE,
			  "its only reset (%s) may leave things in it: some devices keep their state%s",
			  device->is.reset_methods[0] ? device->is.reset_methods : "pm", reset.because);
	}
}
