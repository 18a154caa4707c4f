// SPDX-License-Identifier: GPL-2.0
/*
 * Load of several kinds, and the latency of requests: what the isolation test and the
 * benchmark are made of. A server echoes what comes as requests and swallows what comes as
 * bulk; which of them a connection is, its first byte says.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench/mark.h"

#define RPC_BUF		65536
#define RPC_EVENTS	256
#define RPC_ECHO	'e'	/* every byte comes back */
#define RPC_SINK	's'	/* every byte is swallowed */
#define RPC_SOURCE	'b'	/* bytes come without end */

static struct {
	const char *bind_addr, *start_file;
	unsigned int conns, size, seconds, count, think_us, warm_up, rounds;
	bool mark;
} opt = { .conns = 1, .size = 64, .seconds = 10, .warm_up = 50, .rounds = 1 };

struct conn {
	int fd;
	char kind;		/* 0: not known yet */
	uint32_t pending;	/* server: bytes to echo; client: bytes of the answer awaited */
	uint64_t start_ns;	/* client: when the request was sent */
};

static char buf[RPC_BUF + 1];
static int stop;

static void fail(const char *what)
{
	fprintf(stderr, "rpc: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void on_signal(int sig)
{
	(void)sig;
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
}

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static uint64_t random_next(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static struct sockaddr_in address(const char *host, const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };

	if (!inet_aton(host, &sin.sin_addr)) {
		errno = EINVAL;
		fail(host);
	}
	return sin;
}

static void set_opt(int fd, int level, int name, int value)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		fail("setsockopt");
}

/* ---- server ---- */

static void serve_close(struct conn *c)
{
	close(c->fd);
	free(c);
}

/* Return: false when the connection has ended. */
static bool serve_source(struct conn *c)
{
	ssize_t n = send(c->fd, buf, sizeof(buf), MSG_NOSIGNAL | MSG_DONTWAIT);

	return n >= 0 || errno == EAGAIN;
}

static bool serve_conn(struct conn *c, uint32_t events)
{
	ssize_t n, sent;
	size_t skip = 0;

	if (c->kind == RPC_SOURCE && (events & EPOLLOUT) && !serve_source(c))
		return false;
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return true;
	n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);
	if (n <= 0)
		return n < 0 && errno == EAGAIN;
	if (!c->kind) {
		c->kind = buf[0];
		skip = 1;
	}
	/* An echo's answer is small: it fits, or the connection is not worth more. */
	if (c->kind == RPC_ECHO && n > (ssize_t)skip) {
		sent = send(c->fd, buf + skip, n - skip, MSG_NOSIGNAL | MSG_DONTWAIT);
		return sent == n - (ssize_t)skip;
	}
	return true;
}

static void serve_accept(int ep, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct conn *c = calloc(1, sizeof(*c));
		struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };

		if (!c)
			fail("calloc");
		c->fd = fd;
		set_opt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
		if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
			fail("epoll_ctl");
	}
}

static int do_serve(const char *port)
{
	struct sockaddr_in sin = address(opt.bind_addr ?: "0.0.0.0", port);
	int ep = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct epoll_event ev = { .events = EPOLLIN }, events[RPC_EVENTS];
	int i, n;

	set_opt(listener, SOL_SOCKET, SO_REUSEADDR, 1);
	if (bind(listener, (void *)&sin, sizeof(sin)) || listen(listener, 4096))
		fail("listen");
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
	printf("listening\n");
	fflush(stdout);
	while (!stopped()) {
		n = epoll_wait(ep, events, RPC_EVENTS, -1);
		for (i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;
			char kind = c ? c->kind : 0;

			if (!c) {
				serve_accept(ep, listener);
			} else if (!serve_conn(c, events[i].events)) {
				serve_close(c);
			} else if (c->kind == RPC_SOURCE && !kind) {
				ev.events = EPOLLIN | EPOLLOUT;
				ev.data.ptr = c;
				epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
			}
		}
	}
	return 0;
}

/* ---- clients ---- */

static int open_conn(const struct sockaddr_in *to, char kind)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		fail("socket");
	set_opt(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (connect(fd, (const void *)to, sizeof(*to)))
		fail("connect");
	if (kind && send(fd, &kind, 1, MSG_NOSIGNAL) != 1)
		fail("send");
	return fd;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double quantile_us(const uint64_t *sorted, size_t n, double q)
{
	size_t i = n * q;

	return n ? sorted[i < n ? i : n - 1] / 1000.0 : 0;
}

static void report(uint64_t *ns, size_t n, uint64_t took_ns)
{
	qsort(ns, n, sizeof(*ns), by_value);
	printf("{\"requests\":%zu,\"seconds\":%.6f,\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n",
	       n, took_ns / 1e9, quantile_us(ns, n, .5), quantile_us(ns, n, .9),
	       quantile_us(ns, n, .99), quantile_us(ns, n, .999), quantile_us(ns, n, 1));
	fflush(stdout);
}

/* Interrupts since this kernel's start. */
static uint64_t interrupts(void)
{
	char line[64];
	uint64_t n = 0;
	FILE *f = fopen("/proc/stat", "r");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "intr %llu", (unsigned long long *)&n) == 1)
			break;
	if (f)
		fclose(f);
	return n;
}

static struct {
	uint64_t start_ns, end_ns, interrupts;
} current_round;

static void round_begin(void)
{
	current_round.interrupts = opt.mark ? interrupts() : 0;
	current_round.start_ns = now_ns();
	current_round.end_ns = current_round.start_ns + opt.seconds * 1000000000ull;
	if (opt.mark)
		mark(MARK_BEGIN);
}

/* Return: what the round took. */
static uint64_t round_end(void)
{
	uint64_t took_ns;

	if (opt.mark)
		mark(MARK_END);
	took_ns = now_ns() - current_round.start_ns;
	if (opt.mark)
		printf("{\"interrupts\":%llu}\n",
		       (unsigned long long)(interrupts() - current_round.interrupts));
	return took_ns;
}

static bool round_on(uint64_t done, uint64_t enough)
{
	return !stopped() && now_ns() < current_round.end_ns && (!enough || done < enough);
}

/* Uniform between half and one and a half of the mean: no two clients fall into step. */
static void think(void)
{
	uint64_t us = opt.think_us / 2 + random_next() % (opt.think_us + 1);
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	if (opt.think_us)
		nanosleep(&ts, NULL);
}

/* @kind: what the connection is, 0 if that has been said before. */
static void request(int fd, char kind)
{
	size_t got = 0, len = opt.size + !!kind;
	ssize_t n;

	buf[0] = kind;
	if (send(fd, buf, len, MSG_NOSIGNAL) != (ssize_t)len)
		fail("send");
	while (got < opt.size) {
		n = recv(fd, buf, opt.size - got, 0);
		if (n <= 0)
			fail("recv");
		got += n;
	}
}

/* One request at a time, with pauses: the latency that a quiet tenant sees. */
static int do_ask(const char *host, const char *port)
{
	struct sockaddr_in to = address(host, port);
	uint64_t *ns, first, start;
	int fd = open_conn(&to, RPC_ECHO);
	unsigned int i, n = 0;

	ns = calloc(opt.count ?: 1, sizeof(*ns));
	if (!ns)
		fail("calloc");
	for (i = 0; i < opt.warm_up; i++)
		request(fd, 0);
	first = now_ns();
	while (n < opt.count && !stopped()) {
		think();
		start = now_ns();
		request(fd, 0);
		ns[n++] = now_ns() - start;
	}
	report(ns, n, now_ns() - first);
	return 0;
}

static void sleep_until(uint64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) && !stopped())
		;
}

/* Waits for SIGUSR1. Return: what the file says then, the clock's time of the first burst. */
static uint64_t burst_start_ns(void)
{
	unsigned long long us;
	sigset_t set;
	FILE *f;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	printf("connected\n");
	fflush(stdout);
	sigwait(&set, &sig);
	f = opt.start_file ? fopen(opt.start_file, "r") : NULL;
	if (!f || fscanf(f, "%llu", &us) != 1)
		fail("the time to begin");
	fclose(f);
	if (now_ns() > us * 1000) {
		errno = ETIME;
		fail("begin");
	}
	return us * 1000;
}

/* Bursts of requests at moments that the clock gives: who begins at other ones has his at other times. */
static int do_bursts(const char *host, const char *port)
{
	struct sockaddr_in to = address(host, port);
	uint64_t begin, at, *ns, start, took, longest = 0;
	unsigned int i, round;
	size_t n = 0;
	int fd = open_conn(&to, RPC_ECHO);

	ns = calloc((size_t)opt.count * opt.rounds ?: 1, sizeof(*ns));
	if (!ns)
		fail("calloc");
	for (i = 0; i < opt.warm_up; i++)
		request(fd, 0);
	begin = burst_start_ns();
	at = begin;
	for (round = 0; round < opt.rounds && !stopped(); round++, at += opt.think_us * 1000ull) {
		sleep_until(at);
		for (i = 0; i < opt.count; i++) {
			start = now_ns();
			request(fd, 0);
			ns[n++] = now_ns() - start;
		}
		took = now_ns() - at;
		longest = took > longest ? took : longest;
	}
	took = now_ns() - begin;
	/* A process that ends disturbs those that go on. */
	sleep_until(at + 1000000000ull);
	printf("{\"longest_us\":%.1f}\n", longest / 1000.0);
	report(ns, n, took);
	return 0;
}

static void rpc_send(struct conn *c)
{
	c->pending = opt.size;
	c->start_ns = now_ns();
	if (send(c->fd, buf, opt.size, MSG_NOSIGNAL) < 0)
		fail("send");
}

/* Serves the connections until @enough answers have come. Return: how many have. */
static size_t rpc_run(int ep, uint64_t *ns, size_t max, size_t enough)
{
	struct epoll_event events[RPC_EVENTS];
	size_t done = 0;
	int n, k;

	while (round_on(done, enough)) {
		n = epoll_wait(ep, events, RPC_EVENTS, 100);
		for (k = 0; k < n; k++) {
			struct conn *c = events[k].data.ptr;
			ssize_t got = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT);

			if (got < 0 && errno == EAGAIN)
				continue;
			if (got <= 0)
				fail("recv");
			c->pending -= got;
			if (c->pending)
				continue;
			if (done < max)
				ns[done] = now_ns() - c->start_ns;
			done++;
			rpc_send(c);
		}
	}
	return done;
}

/* Many connections, each with one request under way all the time. */
static int do_rpc(const char *host, const char *port)
{
	struct sockaddr_in to = address(host, port);
	struct epoll_event ev;
	struct conn *conns = calloc(opt.conns, sizeof(*conns));
	uint64_t *ns;
	int ep = epoll_create1(0);
	size_t done, max = 1 << 20;
	unsigned int i;

	ns = calloc(max, sizeof(*ns));
	if (!conns || !ns)
		fail("calloc");
	for (i = 0; i < opt.conns; i++) {
		conns[i].fd = open_conn(&to, RPC_ECHO);
		ev = (struct epoll_event){ .events = EPOLLIN, .data.ptr = &conns[i] };
		epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &ev);
	}
	printf("connected\n");
	fflush(stdout);
	for (i = 0; i < opt.conns; i++)
		rpc_send(&conns[i]);
	if (opt.mark) {
		current_round.end_ns = UINT64_MAX;
		rpc_run(ep, ns, max, 2 * opt.conns + opt.warm_up);
	}
	for (i = 0; i < opt.rounds && !stopped(); i++) {
		round_begin();
		done = rpc_run(ep, ns, max, opt.count);
		report(ns, done < max ? done : max, round_end());
	}
	return 0;
}

/* Moves bytes until @enough have gone. Return: how many have. */
static uint64_t bulk_run(int ep, char kind, uint64_t enough)
{
	struct epoll_event events[RPC_EVENTS];
	uint64_t bytes = 0;
	int n, k;

	while (round_on(bytes, enough)) {
		n = epoll_wait(ep, events, RPC_EVENTS, 100);
		for (k = 0; k < n; k++) {
			int fd = events[k].data.fd;
			ssize_t done;

			if (kind == RPC_SINK)
				done = send(fd, buf, opt.size, MSG_NOSIGNAL | MSG_DONTWAIT);
			else
				done = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
			if (done < 0 && errno != EAGAIN)
				fail("transfer");
			bytes += done > 0 ? done : 0;
		}
	}
	return bytes;
}

/* Bytes as fast as they go, in writes of opt.size, over opt.conns connections. */
static int do_bulk(const char *host, const char *port, char kind)
{
	struct sockaddr_in to = address(host, port);
	uint64_t bytes;
	int ep = epoll_create1(0), fd;
	struct epoll_event ev;
	unsigned int i;

	for (i = 0; i < opt.conns; i++) {
		fd = open_conn(&to, kind);
		ev = (struct epoll_event){ .events = kind == RPC_SINK ? EPOLLOUT : EPOLLIN, .data.fd = fd };
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	}
	printf("connected\n");
	fflush(stdout);
	if (opt.mark) {
		/* Until windows and buffers have grown. */
		current_round.end_ns = UINT64_MAX;
		bulk_run(ep, kind, 8 << 20);
	}
	for (i = 0; i < opt.rounds && !stopped(); i++) {
		round_begin();
		bytes = bulk_run(ep, kind, opt.count * 1024ull);
		printf("{\"bytes\":%llu,\"seconds\":%.6f}\n", (unsigned long long)bytes, round_end() / 1e9);
	}
	return 0;
}

/* Connect, one request, close with FIN, again and again. */
static size_t storm_run(const struct sockaddr_in *to, uint64_t *ns, size_t max, size_t enough)
{
	size_t n = 0;

	while (round_on(n, enough)) {
		uint64_t start = now_ns();
		int fd = open_conn(to, 0);

		request(fd, RPC_ECHO);
		close(fd);
		if (n < max)
			ns[n] = now_ns() - start;
		n++;
	}
	return n;
}

static int do_storm(const char *host, const char *port)
{
	struct sockaddr_in to = address(host, port);
	size_t n, max = 1 << 18;
	unsigned int i;
	uint64_t *ns;

	ns = calloc(max, sizeof(*ns));
	if (!ns)
		fail("calloc");
	if (opt.mark) {
		current_round.end_ns = UINT64_MAX;
		storm_run(&to, ns, max, opt.warm_up);
	}
	for (i = 0; i < opt.rounds && !stopped(); i++) {
		round_begin();
		n = storm_run(&to, ns, max, opt.count);
		report(ns, n < max ? n : max, round_end());
	}
	return 0;
}

/* For the plugin that counts: under this name, see mark.h. */
static int do_mark(const char *which)
{
	if (!strcmp(which, "names")) {
		prctl(PR_SET_NAME, MARK_NAME);
		/* Somebody else runs, and this comes back: the switch says where its task lies. */
		usleep(2000);
		mark(MARK_NAMES);
	} else {
		mark(MARK_LAST);
	}
	return 0;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: rpc serve PORT [-b ADDR]\n"
		"       rpc ask ADDR PORT [-n REQUESTS] [-s BYTES] [-p PAUSE_US]	one at a time\n"
		"       rpc bursts ADDR PORT -a FILE -p PERIOD_US -n REQUESTS -r BURSTS	SIGUSR1: read from FILE when to begin, in us\n"
		"       rpc many ADDR PORT [-c CONNS] [-s BYTES] [-t SECONDS] [-n REQUESTS]\n"
		"       rpc send|fetch ADDR PORT [-c CONNS] [-s BYTES] [-t SECONDS] [-n KIB]	bulk\n"
		"       rpc storm ADDR PORT [-t SECONDS] [-n CONNECTIONS]	connect, request, close\n"
		"       rpc mark names|last	for bench/insncount.c\n"
		"many, send, fetch, storm: -r ROUNDS of so many each; -m: warm up first, mark the rounds (bench/mark.h)\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct rlimit limit = { 1 << 17, 1 << 17 };
	const char *verb = argc > 1 ? argv[1] : "";
	int c;

	while ((c = getopt(argc, argv, "a:b:c:s:t:n:p:w:r:m")) != -1) {
		switch (c) {
		case 'a':
			opt.start_file = optarg;
			break;
		case 'b':
			opt.bind_addr = optarg;
			break;
		case 'c':
			opt.conns = atoi(optarg);
			break;
		case 's':
			opt.size = atoi(optarg);
			break;
		case 't':
			opt.seconds = atoi(optarg);
			break;
		case 'n':
			opt.count = atoi(optarg);
			break;
		case 'p':
			opt.think_us = atoi(optarg);
			break;
		case 'w':
			opt.warm_up = atoi(optarg);
			break;
		case 'r':
			opt.rounds = atoi(optarg);
			break;
		case 'm':
			opt.mark = true;
			break;
		default:
			return usage();
		}
	}
	argv += optind;
	argc -= optind;
	if (!opt.size || opt.size > RPC_BUF || !opt.conns)
		return usage();
	setrlimit(RLIMIT_NOFILE, &limit);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	if (!strcmp(verb, "serve") && argc == 2)
		return do_serve(argv[1]);
	if (!strcmp(verb, "mark") && argc == 2)
		return do_mark(argv[1]);
	if (argc != 3)
		return usage();
	if (!strcmp(verb, "ask"))
		return do_ask(argv[1], argv[2]);
	if (!strcmp(verb, "bursts"))
		return do_bursts(argv[1], argv[2]);
	if (!strcmp(verb, "many"))
		return do_rpc(argv[1], argv[2]);
	if (!strcmp(verb, "send"))
		return do_bulk(argv[1], argv[2], RPC_SINK);
	if (!strcmp(verb, "fetch"))
		return do_bulk(argv[1], argv[2], RPC_SOURCE);
	if (!strcmp(verb, "storm"))
		return do_storm(argv[1], argv[2]);
	return usage();
}
