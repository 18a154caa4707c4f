// SPDX-License-Identifier: GPL-2.0
/*
 * State of a network namespace: the switch, and counters in /proc/net/virtuoso.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "pernet.h"

#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "conn_priv.h"
#include "listen.h"

static unsigned int vgu_pernet_id __read_mostly;

/* Listeners follow the switch; connections stay what they are. */
static int vgu_sysctl_enabled(const struct ctl_table *table, int write, void *buffer,
			      size_t *lenp, loff_t *ppos)
{
	int err = proc_dointvec_minmax(table, write, buffer, lenp, ppos);

	if (write && !err)
		vgu_listen_changed();
	return err;
}

static const struct ctl_table vgu_sysctls[] = {
	{
		.procname	= "enabled",
		.maxlen		= sizeof(int),
		.mode		= 0644,
		.proc_handler	= vgu_sysctl_enabled,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_ONE,
	},
};

static const struct {
	const char *name;
	size_t offset;
} vgu_net_counter_names[] = {
#define VGU_NET_COUNTER_NAME(name) { #name, offsetof(struct vgu_net_counters, name) },
	VGU_NET_COUNTERS(VGU_NET_COUNTER_NAME)
#undef VGU_NET_COUNTER_NAME
};

/**
 * vgu_pernet() - the state of a namespace
 * @net: network namespace
 *
 * Context: any. @net is alive.
 */
struct vgu_net *vgu_pernet(const struct net *net)
{
	return net_generic(net, vgu_pernet_id);
}

/**
 * vgu_net_count_at() - increment a counter known by its place
 * @net: network namespace
 * @offset: offsetof(struct vgu_net_counters, ...)
 *
 * Context: any.
 */
void vgu_net_count_at(const struct net *net, size_t offset)
{
	u64 __percpu *counter = (void __percpu *)vgu_pernet(net)->counters + offset;

	this_cpu_inc(*counter);
}

static int vgu_net_show(struct seq_file *seq, void *v)
{
	struct vgu_net *vn = vgu_pernet(seq_file_single_net(seq));
	unsigned int i;
	int cpu;

	for (i = 0; i < ARRAY_SIZE(vgu_net_counter_names); i++) {
		u64 sum = 0;

		for_each_possible_cpu(cpu)
			sum += *(u64 *)((char *)per_cpu_ptr(vn->counters, cpu) +
					vgu_net_counter_names[i].offset);
		seq_printf(seq, "%s %llu\n", vgu_net_counter_names[i].name, sum);
	}
	return 0;
}

static int __net_init vgu_pernet_start(struct net *net)
{
	struct vgu_net *vn = vgu_pernet(net);

	vn->enabled = 1;
	spin_lock_init(&vn->orphans_lock);
	INIT_LIST_HEAD(&vn->orphans);
	vn->counters = alloc_percpu(struct vgu_net_counters);
	if (!vn->counters)
		return -ENOMEM;
	vn->table = kmemdup(vgu_sysctls, sizeof(vgu_sysctls), GFP_KERNEL);
	if (!vn->table)
		goto err_counters;
	vn->table[0].data = &vn->enabled;
	vn->header = register_net_sysctl_sz(net, "net/virtuoso", vn->table,
					    ARRAY_SIZE(vgu_sysctls));
	if (!vn->header)
		goto err_table;
	if (!proc_create_net_single("virtuoso", 0444, net->proc_net, vgu_net_show, NULL))
		goto err_header;
	return 0;

err_header:
	unregister_net_sysctl_table(vn->header);
err_table:
	kfree(vn->table);
err_counters:
	free_percpu(vn->counters);
	return -ENOMEM;
}

static void __net_exit vgu_pernet_stop(struct net *net)
{
	struct vgu_net *vn = vgu_pernet(net);

	remove_proc_entry("virtuoso", net->proc_net);
	unregister_net_sysctl_table(vn->header);
	kfree(vn->table);
	free_percpu(vn->counters);
}

static struct pernet_operations vgu_pernet_ops = {
	.init	= vgu_pernet_start,
	.pre_exit = vgu_orphans_end,
	.exit	= vgu_pernet_stop,
	.id	= &vgu_pernet_id,
	.size	= sizeof(struct vgu_net),
};

/**
 * vgu_pernet_init() - register the namespace state
 *
 * Context: module initialisation.
 * Return: 0 or -errno.
 */
int vgu_pernet_init(void)
{
	return register_pernet_subsys(&vgu_pernet_ops);
}

/**
 * vgu_pernet_exit() - undo vgu_pernet_init()
 *
 * Context: module exit, no socket of ours exists.
 */
void vgu_pernet_exit(void)
{
	unregister_pernet_subsys(&vgu_pernet_ops);
}
