// SPDX-License-Identifier: GPL-2.0
/*
 * Birth of sockets: rewrites the protocol that socket(2) asks for.
 *
 * update_socket_protocol() gives back its third argument; it exists so that TCP sockets
 * can be turned into something else at birth. A probe at its entry changes that argument.
 * Sockets made in other ways (in the kernel, by io_uring) do not pass here: they are native.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include <linux/in.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/nsproxy.h>
#include <linux/ptrace.h>
#include <net/net_namespace.h>

#include "pernet.h"
#include "sock.h"

#if defined(CONFIG_X86_64)
static void vgu_regs_set_argument2(struct pt_regs *regs, unsigned long val)
{
	regs->dx = val;
}
#elif defined(CONFIG_ARM64)
static void vgu_regs_set_argument2(struct pt_regs *regs, unsigned long val)
{
	regs->regs[2] = val;
}
#else
#error "Virtuoso's guest driver knows x86-64 and arm64"
#endif

/* The families that vgu_prot has a counterpart for. */
static bool vgu_hook_family(unsigned long family)
{
	return family == PF_INET;
}

/*
 * Runs for every socket(2). A module that goes must not get new sockets: sk_alloc() would
 * fail for them.
 */
static int vgu_hook_socket(struct kprobe *p, struct pt_regs *regs)
{
	int family = regs_get_kernel_argument(regs, 0);
	int type = regs_get_kernel_argument(regs, 1);
	int protocol = regs_get_kernel_argument(regs, 2);
	struct net *net = current->nsproxy->net_ns;

	if (!vgu_hook_family(family) || (type & SOCK_TYPE_MASK) != SOCK_STREAM)
		return 0;
	if (protocol != IPPROTO_IP && protocol != IPPROTO_TCP)
		return 0;
	if (READ_ONCE(THIS_MODULE->state) != MODULE_STATE_LIVE)
		return 0;
	if (!READ_ONCE(vgu_pernet(net)->enabled))
		return 0;
	vgu_net_count(net, born);
	vgu_regs_set_argument2(regs, VGU_IPPROTO);
	return 0;
}

static struct kprobe vgu_hook = {
	.symbol_name	= "update_socket_protocol",
	.pre_handler	= vgu_hook_socket,
};

/**
 * vgu_hook_init() - start to make TCP sockets ours
 *
 * Context: module initialisation.
 * Return: 0 or -errno; a kernel without the hook gets sockets by explicit protocol only.
 */
int vgu_hook_init(void)
{
	int err = register_kprobe(&vgu_hook);

	if (err)
		pr_err("virtuoso_guest: cannot probe update_socket_protocol(): %d\n", err);
	return err;
}

/**
 * vgu_hook_exit() - stop that
 *
 * Context: module exit.
 */
void vgu_hook_exit(void)
{
	unregister_kprobe(&vgu_hook);
}
