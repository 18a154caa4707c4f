// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: requests, and errors as text.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/virtuoso.h>

#include "ctl.h"
#include "nl.h"

/* As large as the kernel's largest message of a dump. */
#define BUFFER_BYTES	32768

/* How often a dump is begun until nothing came or went meanwhile. */
#define DUMP_TRIES	4

static struct mnl_socket *sock;
static uint16_t family;
static uint32_t seq;
static const struct nl_spec *request_spec;
/* nlmsg_type 0: of our family, whose number is asked for when the first one is sent. */
static char request[MNL_NLMSG_HDRLEN + 1024];
static char buffer[BUFFER_BYTES];
static char error_text[512];
static const struct nlmsghdr *shown;	/* the message that is being shown */

/* Multicast groups of the family. */
#define GROUPS_MAX	8
static struct {
	char name[GENL_NAMSIZ];
	uint32_t id;
} groups_known[GROUPS_MAX];
static unsigned int nr_groups;

const char *nl_error(void)
{
	return error_text;
}

uint64_t nl_uint(const struct nlattr *attr)
{
	uint64_t v64;
	uint32_t v32;
	uint16_t v16;

	if (!attr)
		return 0;
	switch (mnl_attr_get_payload_len(attr)) {
	case 2:
		memcpy(&v16, mnl_attr_get_payload(attr), sizeof(v16));
		return v16;
	case 4:
		memcpy(&v32, mnl_attr_get_payload(attr), sizeof(v32));
		return v32;
	case 8:
		memcpy(&v64, mnl_attr_get_payload(attr), sizeof(v64));
		return v64;
	}
	return 0;
}

const char *nl_str(const struct nlattr *attr)
{
	return attr ? mnl_attr_get_str(attr) : "";
}

static int take_attr(const struct nlattr *attr, void *data)
{
	const struct nlattr **attrs = data;

	if (mnl_attr_get_type(attr) < NL_ATTRS)
		attrs[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

void nl_nested(const struct nlattr *nest, struct nlattr *attrs[NL_ATTRS])
{
	memset(attrs, 0, NL_ATTRS * sizeof(*attrs));
	if (nest)
		mnl_attr_parse_nested(nest, take_attr, attrs);
}

void nl_each(uint16_t type, void (*each)(const struct nlattr *attr, void *arg), void *arg)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, shown, sizeof(struct genlmsghdr))
		if (mnl_attr_get_type(attr) == type)
			each(attr, arg);
}

static void parse_message(const struct nlmsghdr *nlh, struct nlattr *attrs[NL_ATTRS])
{
	memset(attrs, 0, NL_ATTRS * sizeof(*attrs));
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_attr, attrs);
	shown = nlh;
}

/* --- errors --- */

/* Name of the attribute that the kernel points at in our own request. */
static const char *blamed_attr(uint32_t offset)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)request;
	const struct nlattr *attr;
	uint16_t type;

	mnl_attr_for_each(attr, nlh, sizeof(struct genlmsghdr)) {
		type = mnl_attr_get_type(attr);
		if ((const char *)attr == request + offset && type <= request_spec->max)
			return request_spec->names[type];
	}
	return NULL;
}

/* What the kernel's policy would have accepted: " (1 to 100)", or nothing. */
static void allowed_text(const struct nlattr *policy, char *text, size_t size)
{
	const struct nlattr *tb[NL_ATTRS] = { };
	const struct nlattr *min, *max;

	*text = '\0';
	if (!policy || mnl_attr_parse_nested(policy, take_attr, tb) < 0)
		return;
	min = tb[NL_POLICY_TYPE_ATTR_MIN_VALUE_U];
	max = tb[NL_POLICY_TYPE_ATTR_MAX_VALUE_U];
	if (min && max)
		snprintf(text, size, " (%" PRIu64 " to %" PRIu64 ")", nl_uint(min), nl_uint(max));
	else if (tb[NL_POLICY_TYPE_ATTR_MAX_LENGTH])
		snprintf(text, size, " (at most %" PRIu64 " bytes)",
			 nl_uint(tb[NL_POLICY_TYPE_ATTR_MAX_LENGTH]));
}

static int set_error(int err, const struct nlattr *const ack[NL_ATTRS])
{
	const char *why = nl_str(ack[NLMSGERR_ATTR_MSG]), *name = NULL;
	char allowed[64];

	if (err == -EPERM) {
		snprintf(error_text, sizeof(error_text), "not permitted, this needs CAP_NET_ADMIN");
		return err;
	}
	if (ack[NLMSGERR_ATTR_OFFS])
		name = blamed_attr(nl_uint(ack[NLMSGERR_ATTR_OFFS]));
	allowed_text(ack[NLMSGERR_ATTR_POLICY], allowed, sizeof(allowed));
	snprintf(error_text, sizeof(error_text), "%s%s%s%s",
		 name && *allowed ? name : "", name && *allowed ? ": " : "",
		 *why ? why : strerror(-err), allowed);
	return err;
}

/* The error of NLMSG_ERROR or NLMSG_DONE; 0: none. */
static int message_error(const struct nlmsghdr *nlh)
{
	const struct nlattr *ack[NL_ATTRS] = { };
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	unsigned int offset;
	int err;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(int))
		return 0;
	memcpy(&err, mnl_nlmsg_get_payload(nlh), sizeof(err));
	if (err >= 0)
		return 0;
	offset = sizeof(err);
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		offset = sizeof(*e);
		if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
			offset += e->msg.nlmsg_len - sizeof(e->msg);
	}
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS)
		mnl_attr_parse(nlh, offset, take_attr, ack);
	return set_error(err, ack);
}

/* --- dumps --- */

/* Messages of a dump are kept until all are there: one that was interrupted is begun again. */
struct kept {
	char *bytes;
	size_t used;
	size_t size;
};

static struct kept *keeper;	/* of the dump that is going on */

static void keep(const struct nlmsghdr *nlh, struct kept *kept)
{
	size_t len = MNL_ALIGN(nlh->nlmsg_len);

	if (kept->used + len > kept->size) {
		kept->size = 2 * kept->size + BUFFER_BYTES;
		kept->bytes = xrealloc(kept->bytes, kept->size);
	}
	memcpy(kept->bytes + kept->used, nlh, nlh->nlmsg_len);
	kept->used += len;
}

/* --- requests --- */

static struct nlmsghdr *new_request(uint16_t type, uint8_t cmd, uint8_t version)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(request);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	genl->cmd = cmd;
	genl->version = version;
	return nlh;
}

struct nlmsghdr *nl_request(uint8_t cmd, const struct nl_spec *spec)
{
	request_spec = spec;
	return new_request(family, cmd, VIRTUOSO_FAMILY_VERSION);
}

static int io_error(const char *what)
{
	int err = -errno;

	snprintf(error_text, sizeof(error_text), "netlink %s: %s", what, strerror(-err));
	return err;
}

static void show_one(const struct nlmsghdr *nlh, nl_show_t show, void *arg)
{
	struct nlattr *attrs[NL_ATTRS];

	if (keeper)
		keep(nlh, keeper);
	parse_message(nlh, attrs);
	if (show)
		show(attrs, arg);
}

/* Handles one datagram. Return: 1 more will come, 0 all is there, -errno. */
static int take_datagram(int len, nl_show_t show, void *arg, bool *interrupted)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buffer;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		if (nlh->nlmsg_seq != seq)
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			*interrupted = true;
		if (nlh->nlmsg_type == NLMSG_ERROR || nlh->nlmsg_type == NLMSG_DONE)
			return message_error(nlh);
		if (nlh->nlmsg_type >= NLMSG_MIN_TYPE)
			show_one(nlh, show, arg);
	}
	return 1;
}

static int exchange(struct nlmsghdr *nlh, nl_show_t show, void *arg, bool *interrupted)
{
	int size = nlh->nlmsg_len;
	int ret;

	nl_open();
	if (!nlh->nlmsg_type)
		nlh->nlmsg_type = family;
	nlh->nlmsg_seq = ++seq;
	error_text[0] = '\0';
	/* The kernel takes a request whole. Who may not do this may not send one that needs it. */
	if (size > BUFFER_BYTES)
		setsockopt(mnl_socket_get_fd(sock), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		return io_error("send");
	do {
		ret = mnl_socket_recvfrom(sock, buffer, sizeof(buffer));
		if (ret < 0)
			return io_error("receive");
		ret = take_datagram(ret, show, arg, interrupted);
	} while (ret > 0);
	return ret;
}

int nl_do(struct nlmsghdr *nlh, nl_show_t show, void *arg)
{
	bool interrupted = false;

	return exchange(nlh, show, arg, &interrupted);
}

static void show_kept(const struct kept *kept, nl_show_t show, void *arg)
{
	struct nlattr *attrs[NL_ATTRS];
	const struct nlmsghdr *nlh;
	size_t at;

	for (at = 0; at < kept->used; at += MNL_ALIGN(nlh->nlmsg_len)) {
		nlh = (const struct nlmsghdr *)(kept->bytes + at);
		parse_message(nlh, attrs);
		show(attrs, arg);
	}
}

int nl_dump(struct nlmsghdr *nlh, nl_show_t show, void *arg)
{
	struct kept kept = { };
	bool interrupted;
	int err, tries = 0;

	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	do {
		kept.used = 0;
		interrupted = false;
		keeper = &kept;
		err = exchange(nlh, NULL, NULL, &interrupted);
		keeper = NULL;
	} while (!err && interrupted && ++tries < DUMP_TRIES);
	if (!err && interrupted)
		complain("the list changed while it was read, some of it may be missing or twice");
	if (!err)
		show_kept(&kept, show, arg);
	free(kept.bytes);
	return err;
}

/* --- events --- */

static int join(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_groups; i++)
		if (!strcmp(groups_known[i].name, name))
			return mnl_socket_setsockopt(sock, NETLINK_ADD_MEMBERSHIP,
						     &groups_known[i].id, sizeof(uint32_t)) < 0 ?
			       io_error("group") : 0;
	snprintf(error_text, sizeof(error_text), "virtuoso_host has no events about %s", name);
	return -ENOENT;
}

/* Return: go on. */
static bool take_events(int len, nl_event_t show, void *arg)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)buffer;
	struct nlattr *attrs[NL_ATTRS];
	const struct genlmsghdr *genl;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		if (nlh->nlmsg_type != family)
			continue;
		genl = mnl_nlmsg_get_payload(nlh);
		parse_message(nlh, attrs);
		if (!show(genl->cmd, attrs, arg))
			return false;
	}
	return true;
}

int nl_monitor(const char *const *groups, nl_event_t show, void *arg)
{
	int len, err;

	for (; *groups; groups++) {
		err = join(*groups);
		if (err)
			return err;
	}
	do {
		len = mnl_socket_recvfrom(sock, buffer, sizeof(buffer));
		if (len < 0 && errno == ENOBUFS)
			complain("events came faster than they were read; some are lost");
		else if (len < 0)
			return io_error("receive");
	} while (len < 0 || take_events(len, show, arg));
	return 0;
}

/* --- the family --- */

static void take_group(const struct nlattr *attr)
{
	struct nlattr *group[NL_ATTRS];

	nl_nested(attr, group);
	if (nr_groups == GROUPS_MAX)
		return;
	snprintf(groups_known[nr_groups].name, GENL_NAMSIZ, "%s",
		 nl_str(group[CTRL_ATTR_MCAST_GRP_NAME]));
	groups_known[nr_groups++].id = nl_uint(group[CTRL_ATTR_MCAST_GRP_ID]);
}

static void take_family(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	const struct nlattr *group;

	(void)arg;
	family = nl_uint(attrs[CTRL_ATTR_FAMILY_ID]);
	if (attrs[CTRL_ATTR_MCAST_GROUPS])
		mnl_attr_for_each_nested(group, attrs[CTRL_ATTR_MCAST_GROUPS])
			take_group(group);
}

static void connect_socket(void)
{
	int one = 1;

	sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!sock || mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0)
		fail("generic netlink: %s", strerror(errno));
	/* Without these there is less to say about errors, no more. */
	mnl_socket_setsockopt(sock, NETLINK_EXT_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(sock, NETLINK_CAP_ACK, &one, sizeof(one));
	mnl_socket_setsockopt(sock, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
}

static int get_family(void)
{
	static const char *const names[CTRL_ATTR_FAMILY_NAME + 1] = { };
	static const struct nl_spec spec = { 0, names };
	const struct nl_spec *saved_spec = request_spec;
	char saved[sizeof(request)];
	struct nlmsghdr *nlh;
	int err;

	/* A request may have been begun already. */
	memcpy(saved, request, sizeof(saved));
	request_spec = &spec;
	nlh = new_request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, VIRTUOSO_FAMILY_NAME);
	err = nl_do(nlh, take_family, NULL);
	memcpy(request, saved, sizeof(request));
	request_spec = saved_spec;
	return err;
}

void nl_open(void)
{
	struct kept *outer = keeper;
	int err;

	if (sock)
		return;
	connect_socket();
	keeper = NULL;
	err = get_family();
	keeper = outer;
	if (!err)
		return;
	mnl_socket_close(sock);
	sock = NULL;
	if (err != -ENOENT)
		fail("%s", nl_error());
	if (!access("/sys/module/virtuoso_host", F_OK))
		fail("kernel module virtuoso_host answers in the initial network namespace only");
	fail("kernel module virtuoso_host is not loaded (modprobe virtuoso_host)");
}
