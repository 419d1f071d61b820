/* SPDX-License-Identifier: MIT */
/* lend_device_open_backend(): a device behind the caller's tables. */
#include <errno.h>
#include <stdio.h>

#include "lend/host.h"
#include "lib/context.h"
#include "lib/dma/space.h"
#include "lib/error.h"
#include "lib/open/device.h"
#include "lib/open/given.h"
#include "lib/sized.h"

/* A domain knows its users by their descriptors. Some devices have none. */
int device_number(struct lend_space *space)
{
	return __atomic_sub_fetch(&context_devices(space_context(space))->given, 1, __ATOMIC_RELAXED) - 1;
}

static int take(const struct lend_device_backend *given, struct lend_device_backend *out, char name[16],
		struct lend_error *error)
{
	int ret = sized_take(out, sizeof(*out), given, sizeof(out->size));

	if (ret < 0)
		return error_say(error, ret, "lend_device_backend: its size is that of no version");
	lend_bdf_format(&out->bdf, name);
	if (!out->name)
		out->name = name;
	return 0;
}

static int enter_domain(struct lend_space *space, const struct lend_device_backend *backend, int id,
			struct given_domain_arg *arg, struct lend_error *error)
{
	struct domain_user user = {.make = given_domain_new, .arg = arg, .fd = id, .name = backend->name};
	int ret;

	if (!backend->domain_ops)
		return 0;
	ret = given_domain_take(backend->domain_ops, backend->domain, arg);
	if (ret < 0)
		return error_say(error, ret, "%s: the table of its domain lacks its size, map or unmap",
				 backend->name);
	return space_attach(space, &user, error);
}

int lend_device_open_backend(struct lend_space *space, const struct lend_device_backend *given,
			     struct lend_device **out, struct lend_error *error)
{
	struct given_domain_arg arg = {0};
	struct given_transport *transport;
	struct lend_device_backend backend;
	struct device_source source;
	int id = device_number(space), ret;
	char name[16];

	ret = take(given, &backend, name, error);
	if (ret < 0)
		return ret;
	ret = given_transport_new(backend.transport, backend.dev, &transport);
	if (ret < 0)
		return error_say(error, ret,
				 "%s: the table of its transport lacks its size, region_info, read or write",
				 backend.name);
	ret = enter_domain(space, &backend, id, &arg, error);
	if (ret < 0)
		goto close;
	source = (struct device_source){
		.bdf = backend.bdf,
		.name = backend.name,
		.backend = LEND_BACKEND_GIVEN,
		.group = -1,
		.numa_node = -1,
		.reset_methods = backend.reset_methods,
		.ops = &given_transport_ops,
		.transport = transport,
	};
	ret = device_open_with(space, &source, out, error);
	if (ret < 0)
		goto leave;
	(*out)->given = backend.domain_ops ? id : 0;
	transport->owned = true;
	if (arg.made)
		given_domain_own(arg.made);
	return 0;

leave:
	space_detach(space, id);
close:
	given_transport_ops.close(transport);
	return ret;
}
