// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU that mends its emulation of VMRUN, for test machines with guests.
 *
 *	qemu-system-x86_64 -plugin vmrun.so ...
 *
 * helper_vmrun() of QEMU 10 delivers the interrupt that it is to inject, and leaves its vector in the
 * CPU's exception_index. If the CPU has to leave its loop before the guest exits, be it to run a timer,
 * cpu_handle_exception() takes that for an exception that is still to come, and the guest gets the
 * interrupt a second time, whether it has interrupts enabled or not. Where that hits the handler while it
 * holds the interrupt's lock, a guest with one CPU waits for the lock for ever.
 *
 * So the first block of kernel code that runs after VMRUN, which is the guest's handler if an interrupt
 * was injected, takes the vector back: while code runs, a vector there is always a stale one. Where the
 * field lies, the CPU's structure being QEMU's own, is read from the code of cpu_loop_exit_noexc(), which
 * begins by storing -1 there and does little else. A QEMU in which that is not found is left alone.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "bench/plugin.h"

#define EXPORT __attribute__((visibility("default")))

#define CODE_BYTES	32	/* of cpu_loop_exit_noexc() */
#define OFFSET_MAX	65536	/* of a field of the CPU's structure */
#define VECTORS		256

EXPORT int qemu_plugin_version = 4;

static struct qemu_plugin_scoreboard *score;	/* u64: VMRUN was the last */
static struct qemu_plugin_u64 entered;
static uint32_t index_offset;

/* Of exception_index; 0: not found. */
static uint32_t find_offset(void)
{
	static const uint8_t minus_one[] = { 0xff, 0xff, 0xff, 0xff };
	const uint8_t *code = (const uint8_t *)cpu_loop_exit_noexc;
	uint32_t offset;
	int i;

	if (!code || !qemu_get_cpu)
		return 0;
	/* movl $-1, offset(%rdi) */
	for (i = 0; i + 10 <= CODE_BYTES; i++) {
		if (code[i] != 0xc7 || code[i + 1] != 0x87 || memcmp(code + i + 6, minus_one, 4))
			continue;
		memcpy(&offset, code + i + 2, 4);
		return offset < OFFSET_MAX && offset % 4 == 0 ? offset : 0;
	}
	return 0;
}

static void on_entered(unsigned int vcpu, void *arg)
{
	int32_t *index = (int32_t *)((char *)qemu_get_cpu(vcpu) + index_offset);

	*(uint64_t *)qemu_plugin_scoreboard_find(score, vcpu) = 0;
	if (*index >= 0 && *index < VECTORS)
		*index = -1;
}

static void on_vmrun(unsigned int vcpu, void *arg)
{
	*(uint64_t *)qemu_plugin_scoreboard_find(score, vcpu) = 1;
}

static bool is_vmrun(struct qemu_plugin_insn *insn)
{
	static const uint8_t vmrun[] = { 0x0f, 0x01, 0xd8 };
	uint8_t d[3];

	return qemu_plugin_insn_size(insn) == 3 && qemu_plugin_insn_data(insn, d, 3) == 3 &&
	       !memcmp(d, vmrun, 3);
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;

	if (!(qemu_plugin_tb_vaddr(tb) >> 63))
		return;
	qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, on_entered, CB_NO_REGS, COND_NE, entered, 0, NULL);
	for (i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		if (is_vmrun(insn))
			qemu_plugin_register_vcpu_insn_exec_cb(insn, on_vmrun, CB_NO_REGS, NULL);
	}
}

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	index_offset = find_offset();
	if (!index_offset) {
		fprintf(stderr, "vmrun: not a QEMU that is known; guests may hang\n");
		return 0;
	}
	score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
	entered = (struct qemu_plugin_u64){ score, 0 };
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
