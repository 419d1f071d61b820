/* SPDX-License-Identifier: MIT */
/* What a device must be: fit, free, bound to VFIO; and so must its group. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/host/check/check.h"
#include "lib/nodes.h"

/*
 * The command that takes the device, with the options that this case needs. A group is
 * taken as a whole by one command: with --siblings, or with the names of those members
 * that are checked, too, and that drivers of the host have.
 */
static void cure_by_bind(struct lend_check *check, struct lend_check_row *row,
			 const struct lend_survey_device *device)
{
	const char *user = check->options.user;
	bool siblings = check_is_hindered(check, device);
	char names[200] = "";
	size_t used = 0;

	for (size_t i = 0; i < check->device_count && device->is.group >= 0; i++) {
		const struct lend_survey_device *other = check->devices[i];

		if (other != device && survey_member(check->survey, device, other) != MEMBER_COMES)
			continue;
		used += (size_t)snprintf(names + used, sizeof(names) - used, " %s", other->is.name);
		if (used >= sizeof(names))
			break;
	}
	siblings |= used >= sizeof(names);
	if (siblings || !used)
		snprintf(names, sizeof(names), " %s", device->is.name);
	CHECK_CURE(row, command, "lend bind%s%s%s%s", siblings ? " --siblings" : "", user ? " --user " : "",
		   user ? user : "", names);
}

/* If something could not be looked at, the device is not called free. */
static void check_unused(struct lend_check *check, const struct lend_survey_device *device)
{
	const char *unseen = lend_survey_unseen(check->survey, 0);

	check_row(check, "in-use", device, unseen ? LEND_NOTE : LEND_PASSED,
		  "it is not in use as far as can be told%s%s", unseen ? "; not looked at: " : "",
		  unseen ? unseen : "");
	for (size_t i = 1; unseen && (unseen = lend_survey_unseen(check->survey, i)); i++)
		check_row(check, "in-use", device, LEND_NOTE, "not looked at: %s", unseen);
}

/* What ends a use, where no command is known. */
static const char *advice_on(const struct lend_use *use)
{
	if (use->stays)
		return "take another device: this one is free when the host is started from another disk";
	if (use->kind == LEND_USE_LENT)
		return "end the machine that has it";
	if (use->kind == LEND_USE_VFS)
		return "end what has the virtual function";
	/* Only root may look into namespaces. */
	if (use->kind == LEND_USE_NAMESPACE)
		return geteuid() ? "call lend check as root: it says which namespace that is, and how the "
				   "interface comes back"
				 : "end the container that has it, or move the interface back";
	return "end that first";
}

static void check_one_use(struct lend_check *check, const struct lend_survey_device *whom, const char *before,
			  const struct lend_use *use)
{
	struct lend_check_row *row = check_row(check, "in-use", whom, LEND_FAILED, "%s%s", before, use->text);

	if (use->cure[0])
		CHECK_CURE(row, command, "%s", use->cure);
	else
		CHECK_CURE(row, advice, "%s", advice_on(use));
}

/* Where the host runs from it, nothing else that uses it is worth ending. */
static void check_uses(struct lend_check *check, const struct lend_survey_device *whom,
		       const struct lend_survey_device *device, const char *before)
{
	if (survey_stays_by(device)) {
		check_one_use(check, whom, before, survey_stays_by(device));
		return;
	}
	for (size_t i = 0; i < device->use_count; i++)
		check_one_use(check, whom, before, &device->uses[i]);
}

static void check_use(struct lend_check *check, const struct lend_survey_device *whom,
		      const struct lend_survey_device *device)
{
	char before[64] = "";

	if (whom != device)
		snprintf(before, sizeof(before), "%s, of its group: ", device->is.name);
	if (device->use_count)
		check_uses(check, whom, device, before);
	else if (whom == device)
		check_unused(check, device);
}

static const char *driver_of(const struct lend_survey_device *device)
{
	return device->is.driver[0] ? device->is.driver : "no driver";
}

/* A member of its group stays with the host, or it is behind another device: only another slot cures that. */
static void check_blocked(struct lend_check *check, const struct lend_survey_device *device)
{
	const struct lend_survey_device *above = survey_owner_above(check->survey, device);
	struct lend_check_row *row =
		check_row(check, "group", device, LEND_FAILED, "it cannot be lent here: %s", device->why);

	if (above)
		CHECK_CURE(row, advice,
			   "lend %s, with all that is behind it; or switch it off in the firmware's set-up "
			   "(VMD, RAID), so that each device has a group of its own",
			   above->is.name);
	else
		CHECK_CURE(row, advice,
			   "choose another device, or another slot for this one: lend ls --tree shows which "
			   "slot has a group of its own");
}

static void check_member(struct lend_check *check, const struct lend_survey_device *device,
			 const struct lend_survey_device *other)
{
	static const char *const meanings[] = {
		[MEMBER_FREE] = "that hinders nothing",
		[MEMBER_COMES] = "it has to come along",
		[MEMBER_BELOW] = "it is behind another of them, and goes with that",
		[MEMBER_STAYS] = "it stays with the host",
	};
	enum member member = survey_member(check->survey, device, other);
	struct lend_check_row *row;

	if (member == MEMBER_COMES)
		check_use(check, device, other);
	row = check_row(check, "group", device, member == MEMBER_COMES ? LEND_FAILED : LEND_PASSED,
			"group %d has also %s, with %s: %s", device->is.group, other->is.name,
			driver_of(other),
			member == MEMBER_FREE && other->is.is_bridge ? "a bridge, which hinders nothing"
								     : meanings[member]);
	if (member == MEMBER_COMES)
		cure_by_bind(check, row, device);
}

void check_group(struct lend_check *check, const struct lend_survey_device *device)
{
	const struct lend_survey_device *other;
	size_t others = 0;

	for (size_t i = 0; (other = lend_survey_at(check->survey, i)); i++)
		if (other != device && other->is.group == device->is.group) {
			others++;
			check_member(check, device, other);
		}
	if (!others)
		check_row(check, "group", device, LEND_PASSED, "it is alone in IOMMU group %d",
			  device->is.group);
}

static void check_driver(struct lend_check *check, const struct lend_survey_device *device)
{
	if (lend_host_is_vfio(device->is.driver)) {
		check_row(check, "driver", device, LEND_PASSED, "it is with %s", device->is.driver);
		return;
	}
	cure_by_bind(check,
		     check_row(check, "driver", device, LEND_FAILED, "it is with %s, not with vfio-pci",
			       driver_of(device)),
		     device);
}

/* What a physical function and its virtual ones need of each other (PCI Express Base, SR-IOV). */
static void check_sriov(struct lend_check *check, const struct lend_survey_device *device)
{
	const struct lend_survey_device *pf;
	struct lend_bdf bdf;

	if (device->physfn[0] && !lend_bdf_parse(device->physfn, &bdf)) {
		pf = lend_survey_find(check->survey, &bdf);
		if (pf && nodes_ask_for_token(pf->is.driver))
			check_row(
				check, "sr-iov", device, LEND_NOTE,
				"its physical function %s is with %s: opening it takes the VF token that was "
				"set there",
				device->physfn, pf->is.driver);
		else if (pf && lend_host_is_vfio(pf->is.driver))
			check_row(check, "sr-iov", device, LEND_PASSED,
				  "a virtual function of %s, which is with %s: opening it takes no VF token",
				  device->physfn, pf->is.driver);
		else
			check_row(check, "sr-iov", device, LEND_PASSED,
				  "a virtual function of %s, which stays with the host", device->physfn);
	} else if (device->vfs_max && !device->vfs) {
		check_row(check, "sr-iov", device, LEND_NOTE,
			  "it can have %u virtual functions: lend vf %s COUNT makes some, which can be lent "
			  "instead, before the device itself is taken",
			  device->vfs_max, device->is.name);
	}
}

void check_device(struct lend_check *check, const struct lend_survey_device *device)
{
	if (device->state == LEND_STATE_DEAD) {
		CHECK_CURE(check_row(check, "device", device, LEND_FAILED, "%s", device->why), advice,
			   "switch the computer off and on, which gives the device its power anew; if it "
			   "still does not answer, choose another device: lend ls shows which can be lent");
		return;
	}
	/* If no IOMMU is on at all, a row of the computer has the cure, and that comes first. */
	if (device->state == LEND_STATE_UNFIT &&
	    (check->has_iommu || strcmp(device->word, "no-iommu") != 0)) {
		CHECK_CURE(
			check_row(check, "device", device, LEND_FAILED, "it cannot be lent: %s", device->why),
			advice, "choose another device; lend ls shows which can be lent");
		return;
	}
	if (device->state == LEND_STATE_BLOCKED) {
		check_blocked(check, device);
		return;
	}
	if (!check->options.starting)
		check_use(check, device, device);
	if (device->is.group >= 0)
		check_group(check, device);
	check_driver(check, device);
	check_rules_of(check, device);
	check_reset(check, device);
	if (check->options.starting)
		return;
	if (device->is.group >= 0)
		check_acs(check, device);
	check_sriov(check, device);
	check_node_of(check, device);
	check_reserved(check, device);
	check_line(check, device);
	check_bars(check, device);
}
