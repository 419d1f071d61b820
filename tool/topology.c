/* SPDX-License-Identifier: MIT */
/*
 * lend topology: the host as a drawing. The text for graphviz is made here and
 * goes to dot; a name that ends in .dot gets the text itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/host.h"

static const char topology_help[] =
	"lend topology: draws the PCI devices of this computer: bridges, slots, IOMMU\n"
	"groups as coloured areas, drivers and NUMA nodes.\n"
	"\n"
	"usage: lend topology -o FILE.svg\n"
	"\n"
	"  -o, --output FILE  .svg, .png or .pdf, by graphviz; .dot for its input\n"
	"  --help             this text\n";

/* Light enough for black letters; neighbours differ. */
static const char *const colours[] = {"#cfe8fc", "#fde2c4", "#d8f0d0", "#f6d5e5", "#e4dcf7", "#fdf3bf"};
enum { COLOURS = sizeof(colours) / sizeof(*colours) };

/* In a quoted string of graphviz. */
static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void put_device(FILE *out, struct names *names, const struct lend_survey_device *device)
{
	static const char *const borders[] = {
		[LEND_STATE_READY] = "#2e8b57",  [LEND_STATE_BINDABLE] = "#2f6f9f",
		[LEND_STATE_SHARED] = "#b8860b", [LEND_STATE_BUSY] = "#b22222",
		[LEND_STATE_UNFIT] = "#808080",  [LEND_STATE_BLOCKED] = "#808080",
		[LEND_STATE_DEAD] = "#808080"};
	char name[120];

	fprintf(out, "\"%s\" [color=\"%s\", label=\"%s\\n", device->is.name, borders[device->state],
		device->is.name);
	names_class(names, device, name, sizeof(name));
	put_text(out, name);
	fputs("\\n", out);
	names_model(names, device, name, sizeof(name));
	put_text(out, name);
	fputs("\\n", out);
	put_text(out, device->is.driver[0] ? device->is.driver : "no driver");
	if (device->interfaces[0]) {
		fputs(" [", out);
		put_text(out, device->interfaces);
		fputs("]", out);
	}
	if (!device->is.is_bridge)
		fprintf(out, "\\n%s", device->word);
	fputs("\"];\n", out);
}

/* The members of one group on one NUMA node; the first of them draws the area for all. */
static void put_group(FILE *out, struct names *names, const struct lend_survey *survey, size_t first)
{
	const struct lend_survey_device *device = lend_survey_at(survey, first), *other;

	if (device->is.group < 0) {
		put_device(out, names, device);
		return;
	}
	for (size_t i = 0; i < first; i++)
		if (lend_survey_at(survey, i)->is.group == device->is.group)
			return;
	fprintf(out, "subgraph \"cluster_group%d\" { label=\"IOMMU group %d\"; style=filled; color=\"%s\";\n",
		device->is.group, device->is.group, colours[device->is.group % COLOURS]);
	for (size_t i = first; (other = lend_survey_at(survey, i)); i++)
		if (other->is.group == device->is.group)
			put_device(out, names, other);
	fputs("}\n", out);
}

static void put_nodes(FILE *out, struct names *names, const struct lend_survey *survey)
{
	const struct lend_survey_device *device;
	int most = -1;

	for (size_t i = 0; (device = lend_survey_at(survey, i)); i++)
		if (device->is.numa_node > most)
			most = device->is.numa_node;
	for (int node = -1; node <= most; node++) {
		if (node >= 0)
			fprintf(out,
				"subgraph \"cluster_node%d\" { label=\"NUMA node %d\"; color=\"#404040\";\n",
				node, node);
		for (size_t i = 0; (device = lend_survey_at(survey, i)); i++)
			if (device->is.numa_node == node)
				put_group(out, names, survey, i);
		if (node >= 0)
			fputs("}\n", out);
	}
}

static void put_edges(FILE *out, const struct lend_survey *survey)
{
	const struct lend_survey_device *device;

	for (size_t i = 0; (device = lend_survey_at(survey, i)); i++) {
		char root[64];

		snprintf(root, sizeof(root), "%.*s", (int)strcspn(device->path, "/"), device->path);
		fprintf(out, "\"%s\" -> \"%s\";\n", device->parent[0] ? device->parent : root,
			device->is.name);
		if (device->physfn[0])
			fprintf(out, "\"%s\" -> \"%s\" [style=dashed, constraint=false];\n", device->physfn,
				device->is.name);
	}
}

static void put_graph(FILE *out, struct names *names, const struct lend_survey *survey)
{
	fputs("digraph host {\nrankdir=LR;\n"
	      "node [shape=box, style=\"filled,rounded\", fillcolor=white, penwidth=2, "
	      "fontname=\"sans-serif\", fontsize=10];\n"
	      "edge [arrowhead=none, color=\"#606060\"];\n"
	      "graph [fontname=\"sans-serif\", fontsize=11];\n",
	      out);
	put_nodes(out, names, survey);
	put_edges(out, survey);
	fputs("}\n", out);
}

/* The kind of drawing that a file's name asks for; NULL: none that dot makes. */
static const char *kind_of(const char *path)
{
	static const char *const kinds[] = {"-Tsvg", "-Tpng", "-Tpdf", "-Tdot"};
	const char *last = strrchr(path, '.');

	for (size_t i = 0; last && i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(last + 1, kinds[i] + 2))
			return kinds[i];
	return NULL;
}

static int run_dot(int graph, const char *kind, const char *path)
{
	char *const line[] = {(char *)"dot", (char *)(uintptr_t)kind, (char *)"-o", (char *)(uintptr_t)path,
			      NULL};
	posix_spawn_file_actions_t actions;
	extern char **environ;
	int status = -1, ret;
	pid_t child;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, graph, STDIN_FILENO);
	ret = posix_spawnp(&child, "dot", &actions, NULL, line, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret) {
		tool_say(
			"cannot run dot, which draws: %s; install graphviz, or give a name that ends in .dot",
			strerror(ret));
		return TOOL_FAILED;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		tool_say("dot could not write %s", path);
	return status ? TOOL_FAILED : TOOL_OK;
}

static int draw(struct names *names, const struct lend_survey *survey, const char *path)
{
	const char *kind = kind_of(path);
	/* static: the caller has asked for the kind before */
	bool plain = !strcmp(kind, "-Tdot");
	int fd = plain ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)
		       : memfd_create("graph", MFD_CLOEXEC);
	FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
	int status = TOOL_OK;

	if (!out) {
		tool_say("cannot write %s: %s", path, strerror(errno));
		return TOOL_FAILED;
	}
	put_graph(out, names, survey);
	if (fflush(out) || ferror(out)) {
		tool_say("cannot write %s: %s", path, strerror(errno));
		status = TOOL_FAILED;
	} else if (!plain) {
		lseek(fd, 0, SEEK_SET);
		status = run_dot(fd, kind, path);
	}
	fclose(out);
	return status;
}

static int run_topology(int argc, char **argv)
{
	const char *path = NULL;
	const struct args_option options[] = {{"output", 'o', NULL, &path}, {0}};
	struct args args = {.command = &tool_topology, .options = options};
	struct lend_context *context;
	struct lend_survey *survey;
	struct names *names;
	bool done;
	int status = (int)args_begin(&args, argc, argv, &done);

	if (done)
		return status;
	if (!path || !kind_of(path) || args.device_count) {
		tool_say("give the file to draw to, whose name ends in .svg, .png, .pdf or .dot: "
			 "lend topology -o host.svg");
		return TOOL_USAGE;
	}
	if (host_open(&context, &survey))
		return TOOL_FAILED;
	names = names_new();
	status = draw(names, survey, path);
	names_free(names);
	host_close(context, survey);
	return status;
}

const struct tool_command tool_topology = {
	.name = "topology",
	.summary = "draw the devices of this computer",
	.help = topology_help,
	.run = run_topology,
};
