// SPDX-License-Identifier: GPL-2.0
/*
 * virtuosoctl: requests, and errors as text.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/virtuoso.h>

#include "ctl.h"
#include "nl.h"

/* As large as the kernel's largest message of a dump. */
#define BUFFER_BYTES	32768

static struct mnl_socket *sock;
static uint16_t family;
static uint32_t seq;
static const struct nl_spec *request_spec;
static char request[MNL_NLMSG_HDRLEN + 1024];
static char buffer[BUFFER_BYTES];
static char error_text[512];

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
	struct nlattr *attrs[NL_ATTRS] = { };

	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_attr, attrs);
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

static int exchange(struct nlmsghdr *nlh, nl_show_t show, void *arg)
{
	bool interrupted = false;
	int ret;

	nlh->nlmsg_seq = ++seq;
	error_text[0] = '\0';
	if (mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0)
		return io_error("send");
	do {
		ret = mnl_socket_recvfrom(sock, buffer, sizeof(buffer));
		if (ret < 0)
			return io_error("receive");
		ret = take_datagram(ret, show, arg, &interrupted);
	} while (ret > 0);
	if (!ret && interrupted)
		complain("ports came or went meanwhile, the list may be incomplete");
	return ret;
}

int nl_do(struct nlmsghdr *nlh, nl_show_t show, void *arg)
{
	return exchange(nlh, show, arg);
}

int nl_dump(struct nlmsghdr *nlh, nl_show_t show, void *arg)
{
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	return exchange(nlh, show, arg);
}

/* --- the family --- */

static void take_family(struct nlattr *const attrs[NL_ATTRS], void *arg)
{
	(void)arg;
	family = nl_uint(attrs[CTRL_ATTR_FAMILY_ID]);
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

void nl_open(void)
{
	static const char *const names[CTRL_ATTR_FAMILY_NAME + 1] = { };
	static const struct nl_spec spec = { 0, names };
	struct nlmsghdr *nlh;
	int err;

	if (sock)
		return;
	connect_socket();
	request_spec = &spec;
	nlh = new_request(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1);
	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, VIRTUOSO_FAMILY_NAME);
	err = nl_do(nlh, take_family, NULL);
	if (!err)
		return;
	if (err != -ENOENT)
		fail("%s", nl_error());
	if (!access("/sys/module/virtuoso_host", F_OK))
		fail("kernel module virtuoso_host answers in the initial network namespace only");
	fail("kernel module virtuoso_host is not loaded (modprobe virtuoso_host)");
}
