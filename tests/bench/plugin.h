/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What insncount.c and vmrun.c use of QEMU's interface for plugins, version 4 (QEMU 10), and of GLib, which QEMU brings
 * along. Debian 12 has no package with QEMU's header.
 */
#ifndef BENCH_PLUGIN_H
#define BENCH_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_scoreboard;
struct qemu_plugin_register;

struct qemu_plugin_u64 {
	struct qemu_plugin_scoreboard *score;
	size_t offset;
};

struct reg_desc {
	struct qemu_plugin_register *handle;
	const char *name, *feature;
};

/* GArray and GByteArray of GLib, the public part. */
struct garray {
	void *data;
	unsigned int len;
};

enum { CB_NO_REGS, CB_READ_REGS };
enum { INLINE_ADD };
enum { COND_NE = 3 };

struct garray *g_byte_array_new(void);
struct garray *qemu_plugin_get_registers(void);
int qemu_plugin_read_register(struct qemu_plugin_register *reg, struct garray *buf);
bool qemu_plugin_read_memory_vaddr(uint64_t addr, struct garray *data, size_t len);
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned int vcpu);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *dest, size_t len);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_init_cb(uint64_t id, void (*cb)(uint64_t, unsigned int));
void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
					   void (*cb)(uint64_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*cb)(unsigned int vcpu, void *arg), int flags, void *arg);
void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb *tb, void (*cb)(unsigned int vcpu, void *arg), int flags, int cond,
					       struct qemu_plugin_u64 entry, uint64_t imm, void *arg);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned int vcpu, void *arg), int flags, void *arg);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op,
						       struct qemu_plugin_u64 entry, uint64_t value);

/* Not of the interface, for vmrun.c: NULL where QEMU does not have them. */
void *qemu_get_cpu(int index) __attribute__((weak));
void cpu_loop_exit_noexc(void *cpu) __attribute__((weak));

#endif /* BENCH_PLUGIN_H */
