// SPDX-License-Identifier: GPL-2.0
/*
 * virtuoso_guest.ko: driver of Virtuoso devices, and the sockets that use them.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/init.h>
#include <linux/module.h>

#include <virtuoso/compat.h>

#include "priv.h"
#include "region.h"
#include "sock.h"

/*
 * Sockets first: once a device is there, connections may come up through it. On the way
 * out the devices go first, which ends all connections.
 */
static int __init vgu_main_init(void)
{
	int err;

	err = vgu_regions_check_params();
	if (err)
		return err;
	err = vgu_sock_init();
	if (err)
		return err;
	err = vgu_dev_register();
	if (err)
		vgu_sock_exit();
	return err;
}

static void __exit vgu_main_exit(void)
{
	vgu_dev_unregister();
	vgu_sock_exit();
}

module_init(vgu_main_init);
module_exit(vgu_main_exit);

MODULE_DESCRIPTION("Virtuoso guest: TCP sockets and frames through a virtio device");
MODULE_AUTHOR("the Virtuoso authors");
MODULE_LICENSE("GPL");
