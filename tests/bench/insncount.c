// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU that counts the instructions of a machine with one CPU: by task of the machine's
 * kernel, and by level (the machine's user and kernel mode, those of KVM guests inside it).
 *
 *	qemu-system-x86_64 -plugin insncount.so,out=FILE[,profile=FILE] ...
 *
 * A program in the machine or in a guest marks moments (mark.h); at each, what was counted since the
 * machine's start goes to FILE:
 *
 *	mark ID vmruns N
 *	task NAME host-user host-kernel guest-user guest-kernel
 *	...
 *
 * With profile=FILE the counts between a begin and an end go there by place, too:
 *
 *	at TASK LEVEL ADDRESS INSTRUCTIONS
 *
 * Tasks are told apart as the kernel switches stacks (mov disp32(%rsi),%rsp in __switch_to_asm(),
 * %rsi: next task); where a task's name lies in it, is found when a program of a certain name
 * makes the first mark. Guests begin at VMRUN and end at the instruction after it, so this is for
 * AMD's virtualisation, which is the one that QEMU emulates.
 *
 * What the softirq does, it does in whichever task it hit. Two functions of the kernel are therefore
 * told apart by whose packet or socket they are called for, and counted as tasks of their own: with
 * receive=ADDRESS, __netif_receive_skb(), as "peer-receive" where the device's name begins with
 * MARK_PEER_DEV and else as "receive"; with tsq=ADDRESS, tcp_tsq_handler(), as "peer-send" and
 * "send", by the socket's own address, given as peer=A.B.C.D; each with the name of the task that was
 * hit ("receive/rpc"). Addresses are those of a kernel with
 * nokaslr.
 *
 * A guest that waits for a lock forever ends the machine: see on_pause().
 *
 * What it needs of QEMU is declared in plugin.h.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mark.h"
#include "plugin.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int qemu_plugin_version = 4;

/* ---- counting ---- */

#define LEVELS		4
#define LEVEL_GUEST	2	/* + 1: kernel mode */
#define TASKS		128
#define NAME_LEN	16	/* of a task */
#define LABEL_LEN	48
#define TASK_BYTES	16384	/* of a task_struct, searched for its name */
#define PLACES		(1u << 19)
#define STOPS		16
#define LOST_PAUSES	300000	/* a guest is lost that executes so many PAUSE, */
#define LOST_LOOP	6	/* and fewer instructions than this for each */
#define DEVS		64
#define DEV_BYTES	4096	/* of a net_device, searched for its name */
#define SKB_DEV		16	/* offset of dev in a sk_buff */
#define SOCK_ADDR	4	/* of the own address in a socket */

/* Code addresses at which something ends. */
struct stops {
	uint64_t addr[STOPS];
	unsigned int nr;
};

struct counts {
	uint64_t level[LEVELS];
};

struct task {
	char name[LABEL_LEN];
	struct counts sum;
	uint64_t *places;	/* profile: instructions by place */
};

struct place {
	uint64_t addr;		/* 0: free */
	uint32_t level;
};

static struct qemu_plugin_scoreboard *score;	/* of struct counts */
static struct counts seen;			/* when the running task began */
static struct task tasks[TASKS] = { { .name = "?" } };
static unsigned int nr_tasks = 1, running;
static uint64_t running_addr;
static int name_offset = -1;
static struct qemu_plugin_register *rsi, *rdi, *rsp;
static struct garray *buf;
static bool in_guest;
static uint64_t vmruns;
static struct stops after_vmrun, after_section;

/* A function that is counted by whom it is called for. */
static struct {
	uint64_t receive, tsq;		/* where they are */
	uint32_t peer;			/* own address of the peer's sockets, as in the packet */
	uint64_t stack;			/* of the one that runs, after its return; 0: none runs */
	unsigned int outer;		/* who runs when it has returned */
	struct { uint64_t addr; bool peer; } devs[DEVS];
	unsigned int nr_devs;
} section;

static FILE *out, *profile;
static bool profiling;
static struct place places[PLACES];

static void settle(void)
{
	const struct counts *now = qemu_plugin_scoreboard_find(score, 0);
	unsigned int i;

	for (i = 0; i < LEVELS; i++)
		tasks[running].sum.level[i] += now->level[i] - seen.level[i];
	seen = *now;
}

static bool read_memory(uint64_t addr, size_t len)
{
	return qemu_plugin_read_memory_vaddr(addr, buf, len) && buf->len >= len;
}

/* The entry for tasks of this name; the last one is for those that are too many. */
static unsigned int task_named(const char *name)
{
	unsigned int i;

	for (i = 0; i < nr_tasks; i++)
		if (!strcmp(tasks[i].name, name))
			return i;
	if (nr_tasks == TASKS)
		return TASKS - 1;
	snprintf(tasks[nr_tasks].name, LABEL_LEN, "%s", name);
	return nr_tasks++;
}

static unsigned int task_at(uint64_t addr)
{
	char name[NAME_LEN];
	char *c;

	if (name_offset < 0 || !read_memory(addr + name_offset, NAME_LEN))
		return 0;
	memcpy(name, buf->data, NAME_LEN);
	name[NAME_LEN - 1] = 0;
	for (c = name; *c; c++)
		if (*c <= ' ')
			*c = '_';
	return task_named(name);
}

static uint64_t read_reg(struct qemu_plugin_register *reg)
{
	uint64_t value = 0;

	buf->len = 0;
	if (reg && qemu_plugin_read_register(reg, buf) == 8)
		memcpy(&value, buf->data, 8);
	return value;
}

static uint64_t read_word(uint64_t addr)
{
	uint64_t value = 0;

	if (read_memory(addr, 8))
		memcpy(&value, buf->data, 8);
	return value;
}

static bool stops_at(const struct stops *stops, uint64_t addr)
{
	unsigned int i;

	for (i = 0; i < stops->nr; i++)
		if (stops->addr[i] == addr)
			return true;
	return false;
}

static void add_stop(struct stops *stops, uint64_t addr)
{
	if (!stops_at(stops, addr) && stops->nr < STOPS)
		stops->addr[stops->nr++] = addr;
}

static void on_switch(unsigned int vcpu, void *arg)
{
	uint64_t next = in_guest ? 0 : read_reg(rsi);

	if (!next)
		return;
	settle();
	section.stack = 0;
	running_addr = next;
	running = task_at(next);
}

/* ---- functions by whom they are called for ---- */

static bool has_peer_name(uint64_t dev)
{
	unsigned int i;

	if (!read_memory(dev, DEV_BYTES))
		return false;
	for (i = 0; i + sizeof(MARK_PEER_DEV) <= DEV_BYTES; i++)
		if (!memcmp((char *)buf->data + i, MARK_PEER_DEV, sizeof(MARK_PEER_DEV) - 1))
			return true;
	return false;
}

static bool is_peer_dev(uint64_t dev)
{
	unsigned int i;

	for (i = 0; i < section.nr_devs; i++)
		if (section.devs[i].addr == dev)
			return section.devs[i].peer;
	if (section.nr_devs == DEVS)
		return false;
	section.devs[section.nr_devs].addr = dev;
	section.devs[section.nr_devs].peer = has_peer_name(dev);
	return section.devs[section.nr_devs++].peer;
}

static void enter(const char *name)
{
	uint64_t stack = read_reg(rsp);
	char label[LABEL_LEN];

	/* Its return is translated after this, so that leave() is called there. */
	add_stop(&after_section, read_word(stack));
	if (section.stack || name_offset < 0)
		return;
	settle();
	section.stack = stack + 8;
	section.outer = running;
	snprintf(label, sizeof(label), "%s/%s", name, tasks[running].name);
	running = task_named(label);
}

static void on_receive(unsigned int vcpu, void *arg)
{
	enter(is_peer_dev(read_word(read_reg(rdi) + SKB_DEV)) ? "peer-receive" : "receive");
}

static void on_tsq(unsigned int vcpu, void *arg)
{
	enter((uint32_t)read_word(read_reg(rdi) + SOCK_ADDR) == section.peer ? "peer-send" : "send");
}

static void leave(unsigned int vcpu, void *arg)
{
	if (!section.stack || read_reg(rsp) != section.stack)
		return;
	settle();
	section.stack = 0;
	running = section.outer;
}

/* ---- marks ---- */

static void find_name(void)
{
	unsigned int i;

	if (name_offset >= 0 || in_guest || !running_addr || !read_memory(running_addr, TASK_BYTES))
		return;
	for (i = 0; i + NAME_LEN <= TASK_BYTES; i++)
		if (!memcmp((char *)buf->data + i, MARK_NAME, sizeof(MARK_NAME)))
			name_offset = i;
	section.nr_devs = 0;
	fprintf(out, "names %d\n", name_offset);
}

static void on_vmrun(unsigned int vcpu, void *arg)
{
	in_guest = true;
	vmruns++;
}

static void on_vmexit(unsigned int vcpu, void *arg)
{
	in_guest = false;
}

/*
 * QEMU (10.0) delivers an interrupt that VMRUN injects a second time, interrupts enabled or not,
 * if the CPU is to leave its loop before the guest exits: helper_vmrun() leaves the vector in
 * exception_index. Where that hits the handler while it holds the interrupt's lock, a guest with
 * one CPU waits for it for ever. It takes the emulator's time, and hardly any of the machine's,
 * since PAUSE ends a turn of the emulated CPU; so nothing inside would notice.
 */
static void on_pause(unsigned int vcpu, void *arg)
{
	static uint64_t begin, pauses;
	const struct counts *now;
	uint64_t executed;

	if (!in_guest || ++pauses % LOST_PAUSES)
		return;
	now = qemu_plugin_scoreboard_find(score, 0);
	executed = now->level[LEVEL_GUEST] + now->level[LEVEL_GUEST + 1];
	if (begin && executed - begin < LOST_PAUSES * LOST_LOOP) {
		fprintf(stderr, "insncount: the guest waits for a lock and will not get it\n");
		_exit(1);
	}
	begin = executed;
}

static void show_profile(void)
{
	unsigned int i, k;

	for (i = 0; i < nr_tasks; i++) {
		if (!tasks[i].places)
			continue;
		for (k = 0; k < PLACES; k++)
			if (tasks[i].places[k])
				fprintf(profile, "at %s %u %llx %llu\n", tasks[i].name, places[k].level,
					(unsigned long long)places[k].addr,
					(unsigned long long)tasks[i].places[k]);
	}
	fflush(profile);
}

static void on_mark(unsigned int vcpu, void *arg)
{
	unsigned int id = (uintptr_t)arg, i;

	if (id == MARK_NAMES) {
		find_name();
		return;
	}
	settle();
	if (id == MARK_END)
		profiling = false;
	fprintf(out, "mark %u vmruns %llu\n", id, (unsigned long long)vmruns);
	for (i = 0; i < nr_tasks; i++) {
		const uint64_t *n = tasks[i].sum.level;

		fprintf(out, "task %s %llu %llu %llu %llu\n", tasks[i].name, (unsigned long long)n[0],
			(unsigned long long)n[1], (unsigned long long)n[2], (unsigned long long)n[3]);
	}
	fflush(out);
	if (id == MARK_BEGIN)
		profiling = profile;
	if (id == MARK_LAST && profile)
		show_profile();
}

/* ---- translation ---- */

/* arg: place and, above it, how many instructions. */
static void on_place(unsigned int vcpu, void *arg)
{
	struct task *task = &tasks[running];

	if (!profiling)
		return;
	if (!task->places)
		task->places = calloc(PLACES, sizeof(*task->places));
	if (task->places)
		task->places[(uintptr_t)arg % PLACES] += (uintptr_t)arg / PLACES;
}

static unsigned int place_of(uint64_t addr, unsigned int level)
{
	unsigned int i = (addr * 0x9e3779b97f4a7c15ull >> 40) % PLACES, n;

	for (n = 0; n < PLACES; n++, i = (i + 1) % PLACES) {
		if (places[i].addr == addr && places[i].level == level)
			return i;
		if (places[i].addr)
			continue;
		places[i] = (struct place){ addr, level };
		return i;
	}
	return 0;
}

static void translate_insn(struct qemu_plugin_insn *insn)
{
	static const uint8_t vmrun[] = { 0x0f, 0x01, 0xd8 };
	static const uint8_t switch_stack[] = { 0x48, 0x8b, 0xa6 };
	static const uint8_t mark[] = { MARK_NOP };
	static const uint8_t pause[] = { 0xf3, 0x90 };
	uint64_t addr = qemu_plugin_insn_vaddr(insn);
	size_t len = qemu_plugin_insn_size(insn);
	uint8_t d[16];

	if ((len != 2 && len != 3 && len != 7 && len != 8) || qemu_plugin_insn_data(insn, d, len) != len)
		return;
	if (len == 3 && !memcmp(d, vmrun, 3)) {
		add_stop(&after_vmrun, addr + 3);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_vmrun, CB_NO_REGS, NULL);
	} else if (len == 2 && addr >> 63 && !memcmp(d, pause, 2)) {
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_pause, CB_NO_REGS, NULL);
	} else if (len == 7 && addr >> 63 && !in_guest && !memcmp(d, switch_stack, 3)) {
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_switch, CB_READ_REGS, NULL);
	} else if (len == 8 && !memcmp(d, mark, 4) && !memcmp(d + 5, MARK_TAG, 3)) {
		qemu_plugin_register_vcpu_insn_exec_cb(insn, on_mark, CB_READ_REGS,
						       (void *)(uintptr_t)d[4]);
	}
}

/* Code is translated as it runs; that of guests is kept apart by QEMU, even at equal addresses. */
static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb), i;
	uint64_t addr = qemu_plugin_tb_vaddr(tb);
	bool vmexit = stops_at(&after_vmrun, addr), guest = in_guest && !vmexit;
	unsigned int level = (guest ? LEVEL_GUEST : 0) + (addr >> 63);
	struct qemu_plugin_u64 count = { score, offsetof(struct counts, level) + level * sizeof(uint64_t) };

	if (vmexit)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_vmexit, CB_NO_REGS, NULL);
	if (!guest && stops_at(&after_section, addr))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, leave, CB_READ_REGS, NULL);
	if (!guest && addr == section.receive)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_receive, CB_READ_REGS, NULL);
	if (!guest && addr == section.tsq)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_tsq, CB_READ_REGS, NULL);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, INLINE_ADD, count, n);
	if (profile)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_place, CB_NO_REGS,
						     (void *)(n * PLACES + place_of(addr, level)));
	for (i = 0; i < n; i++)
		translate_insn(qemu_plugin_tb_get_insn(tb, i));
}

static void on_vcpu(uint64_t id, unsigned int vcpu)
{
	struct garray *regs = qemu_plugin_get_registers();
	struct reg_desc *desc = regs->data;
	unsigned int i;

	for (i = 0; i < regs->len; i++) {
		if (!strcmp(desc[i].name, "rsi"))
			rsi = desc[i].handle;
		else if (!strcmp(desc[i].name, "rdi"))
			rdi = desc[i].handle;
		else if (!strcmp(desc[i].name, "rsp"))
			rsp = desc[i].handle;
	}
}

EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		else if (!strncmp(argv[i], "profile=", 8))
			profile = fopen(argv[i] + 8, "w");
		else if (!strncmp(argv[i], "receive=", 8))
			section.receive = strtoull(argv[i] + 8, NULL, 16);
		else if (!strncmp(argv[i], "tsq=", 4))
			section.tsq = strtoull(argv[i] + 4, NULL, 16);
		else if (!strncmp(argv[i], "peer=", 5))
			section.peer = inet_addr(argv[i] + 5);
	}
	if (!out) {
		fprintf(stderr, "insncount: out=FILE is missing, or cannot be written\n");
		return 1;
	}
	score = qemu_plugin_scoreboard_new(sizeof(struct counts));
	buf = g_byte_array_new();
	qemu_plugin_register_vcpu_init_cb(id, on_vcpu);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	return 0;
}
