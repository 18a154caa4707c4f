// SPDX-License-Identifier: GPL-2.0
/*
 * virtuoso_host.ko: order of start and end.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/rcupdate.h>
#include <virtuoso/compat.h>

#include "cores.h"
#include "ctrl.h"
#include "flow.h"
#include "listener.h"
#include "nl.h"
#include "port.h"
#include "port_mdev.h"
#include "slow.h"
#include "uplink.h"
#include "vdev.h"

static const struct vho_main_stage {
	int (*init)(void);
	void (*exit)(void);
} vho_main_stages[] = {
	{ vho_flows_init, vho_flows_exit },
	{ vho_listeners_init, vho_listeners_exit },
	{ vho_slow_init, vho_slow_exit },
	{ vho_uplinks_init, vho_uplinks_exit },
	{ vho_cores_init, vho_cores_exit },
	{ vho_ctrls_init, vho_ctrls_exit },
	{ vho_ports_init, vho_ports_exit },
	{ vho_port_mdevs_init, vho_port_mdevs_exit },
	{ vho_vfio_init, vho_vfio_exit },
	{ vho_nl_init, vho_nl_exit },
};

static void vho_main_undo(unsigned int n)
{
	while (n--)
		vho_main_stages[n].exit();
}

static int __init vho_main_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(vho_main_stages); i++) {
		err = vho_main_stages[i].init();
		if (err) {
			vho_main_undo(i);
			return err;
		}
	}
	return 0;
}

static void __exit vho_main_exit(void)
{
	vho_main_undo(ARRAY_SIZE(vho_main_stages));
	rcu_barrier();
}

module_init(vho_main_init);
module_exit(vho_main_exit);

MODULE_DESCRIPTION("Virtuoso: one TCP stack for all guests of the machine, host side");
MODULE_AUTHOR("the Virtuoso authors");
MODULE_LICENSE("GPL");
