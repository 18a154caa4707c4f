// SPDX-License-Identifier: GPL-2.0
/*
 * Events that may mean that a path has changed: every flow is probed. What happened is not looked at, the probe
 * finds out; what nobody announces, it finds within a second.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/inetdevice.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/addrconf.h>
#include <net/fib_notifier.h>
#include <net/net_namespace.h>
#include <net/netevent.h>
#include <net/netns/generic.h>
#include <net/sock.h>
#include <net/switchdev.h>

#include <virtuoso/compat.h>

#include "path_event.h"
#include "path_probe.h"

/* ---- notifier chains ---- */

static int vho_event_any(struct notifier_block *nb, unsigned long event, void *ptr)
{
	vho_path_probe_all();
	return NOTIFY_DONE;
}

static int vho_event_netdev(struct notifier_block *nb, unsigned long event, void *ptr)
{
	switch (event) {
	case NETDEV_UP:
	case NETDEV_DOWN:
	case NETDEV_CHANGE:
	case NETDEV_CHANGEMTU:
	case NETDEV_CHANGEADDR:
	case NETDEV_FEAT_CHANGE:
	case NETDEV_CHANGEUPPER:
	case NETDEV_CHANGEINFODATA:
	case NETDEV_BONDING_FAILOVER:
	case NETDEV_UNREGISTER:
		vho_path_probe_all();
	}
	return NOTIFY_DONE;
}

/* A neighbour that is merely confirmed again has not changed. */
static int vho_event_neigh(struct notifier_block *nb, unsigned long event, void *ptr)
{
	if (event == NETEVENT_NEIGH_UPDATE || event == NETEVENT_REDIRECT)
		vho_path_probe_all();
	return NOTIFY_DONE;
}

static struct notifier_block vho_event_netdev_nb = { .notifier_call = vho_event_netdev };
static struct notifier_block vho_event_neigh_nb = { .notifier_call = vho_event_neigh };
static struct notifier_block vho_event_inet_nb = { .notifier_call = vho_event_any };
static struct notifier_block vho_event_inet6_nb = { .notifier_call = vho_event_any };
static struct notifier_block vho_event_switchdev_nb = { .notifier_call = vho_event_any };

static const struct vho_event_chain {
	int (*add)(struct notifier_block *nb);
	int (*del)(struct notifier_block *nb);
	struct notifier_block *nb;
} vho_event_chains[] = {
	{ register_netdevice_notifier, unregister_netdevice_notifier, &vho_event_netdev_nb },
	{ register_netevent_notifier, unregister_netevent_notifier, &vho_event_neigh_nb },
	{ register_inetaddr_notifier, unregister_inetaddr_notifier, &vho_event_inet_nb },
	{ register_inet6addr_notifier, unregister_inet6addr_notifier, &vho_event_inet6_nb },
	{ register_switchdev_notifier, unregister_switchdev_notifier, &vho_event_switchdev_nb },
};

static void vho_event_chains_del(unsigned int n)
{
	while (n--)
		vho_event_chains[n].del(vho_event_chains[n].nb);
}

static int vho_event_chains_add(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(vho_event_chains); i++) {
		err = vho_event_chains[i].add(vho_event_chains[i].nb);
		if (err) {
			vho_event_chains_del(i);
			return err;
		}
	}
	return 0;
}

/* ---- what is told by netlink alone: nftables, tc, VLANs of bridges ---- */

static const struct vho_event_group {
	int protocol;
	int group;
} vho_event_groups[] = {
	{ NETLINK_NETFILTER, NFNLGRP_NFTABLES },
	{ NETLINK_ROUTE, RTNLGRP_TC },
	{ NETLINK_ROUTE, RTNLGRP_BRVLAN },
	{ NETLINK_ROUTE, RTNLGRP_LINK },
};

struct vho_event_net {
	struct notifier_block fib_nb;
	bool listening;		/* vho_event_lock */
	struct socket *socks[ARRAY_SIZE(vho_event_groups)];	/* once @listening: const until the namespace's end */
};

static unsigned int vho_event_net_id;
static DEFINE_MUTEX(vho_event_lock);

/* Whoever tells something runs this. Nobody reads the message. */
static void vho_event_data_ready(struct sock *sk)
{
	skb_queue_purge(&sk->sk_receive_queue);
	vho_path_probe_all();
}

/* A kernel without one of them (no nftables, say) announces nothing by it: probes have to do. */
static struct socket *vho_event_sock_open(struct net *net, const struct vho_event_group *group)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	struct socket *sock;

	if (sock_create_kern(net, AF_NETLINK, SOCK_RAW, group->protocol, &sock))
		return NULL;
	sock->sk->sk_data_ready = vho_event_data_ready;
	if (kernel_bind(sock, (struct sockaddr_unsized *)&addr, sizeof(addr)) ||
	    do_sock_setsockopt(sock, false, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
			       KERNEL_SOCKPTR((void *)&group->group), sizeof(group->group))) {
		sock_release(sock);
		return NULL;
	}
	return sock;
}

/**
 * vho_path_events_listen() - listen to what a namespace tells by netlink, from now to its end
 * @net: namespace, with a reference
 *
 * Not for every namespace, and not while one is made: opening such a socket may load a module.
 *
 * Context: NL or INIT, RTNL not held.
 */
void vho_path_events_listen(struct net *net)
{
	struct vho_event_net *en = net_generic(net, vho_event_net_id);
	unsigned int i;

	mutex_lock(&vho_event_lock);
	for (i = 0; i < ARRAY_SIZE(vho_event_groups) && !en->listening; i++)
		en->socks[i] = vho_event_sock_open(net, &vho_event_groups[i]);
	en->listening = true;
	mutex_unlock(&vho_event_lock);
}

/* ---- routes and rules, of every namespace ---- */

static int __net_init vho_event_net_init(struct net *net)
{
	struct vho_event_net *en = net_generic(net, vho_event_net_id);

	en->fib_nb.notifier_call = vho_event_any;
	return register_fib_notifier(net, &en->fib_nb, NULL, NULL);
}

static void __net_exit vho_event_net_exit(struct net *net)
{
	struct vho_event_net *en = net_generic(net, vho_event_net_id);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vho_event_groups); i++)
		if (en->socks[i])
			sock_release(en->socks[i]);
	unregister_fib_notifier(net, &en->fib_nb);
}

static struct pernet_operations vho_event_net_ops = {
	.init = vho_event_net_init,
	.exit = vho_event_net_exit,
	.id = &vho_event_net_id,
	.size = sizeof(struct vho_event_net),
};

/* ---- start and end ---- */

/**
 * vho_path_events_init() - listen for what may change paths
 *
 * Context: INIT.
 * Return: 0 or an error.
 */
int vho_path_events_init(void)
{
	int err;

	err = vho_event_chains_add();
	if (err)
		return err;
	err = register_pernet_subsys(&vho_event_net_ops);
	if (err) {
		vho_event_chains_del(ARRAY_SIZE(vho_event_chains));
		return err;
	}
	vho_path_events_listen(&init_net);
	return 0;
}

/**
 * vho_path_events_exit() - listen no more
 *
 * Context: INIT.
 */
void vho_path_events_exit(void)
{
	unregister_pernet_subsys(&vho_event_net_ops);
	/* Who still runs the callback of a socket holds the RCU read side, or the table of sockets that was left. */
	synchronize_net();
	vho_event_chains_del(ARRAY_SIZE(vho_event_chains));
}
