// SPDX-License-Identifier: GPL-2.0
/*
 * The two ends of the integration tests' connections.
 *
 * A client names in a header how many bytes go each way and how the connection
 * is to end; both ends make the bytes from a seed and compare every one of them
 * on receipt. All sockets of a process are driven by one epoll loop, level- or
 * edge-triggered; -B makes the client's sockets blocking instead.
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
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PEER_MAGIC	0x56495254u	/* "VIRT" */
#define PEER_BUF	65536
#define PEER_EVENTS	64
#define NR(array)	(sizeof(array) / sizeof((array)[0]))

/* How a connection is to end; part of the header. */
enum peer_flags {
	PEER_HALF_CLOSE		= 1 << 0, /* client: shutdown(SHUT_WR) after its last byte */
	PEER_SERVER_RESET	= 1 << 1, /* server: RST once all bytes went both ways */
	PEER_SERVER_UNREAD	= 1 << 2, /* server: close right after the header, data unread */
	PEER_CLIENT_RESET	= 1 << 3, /* client: RST after its last byte */
	PEER_CLIENT_UNREAD	= 1 << 4, /* client: close when data waits, unread */
	PEER_HOLD		= 1 << 5, /* both: stay open until the client's end */
	PEER_NODELAY		= 1 << 6, /* both: TCP_NODELAY */
};

struct peer_header {
	uint32_t magic;
	uint32_t flags;
	uint64_t seed;
	uint64_t up;		/* bytes, client to server */
	uint64_t down;		/* bytes, server to client */
};

struct conn {
	int fd;
	int id;
	bool server;
	bool counted;		/* client: all that is to arrive before the end is there */
	struct peer_header hdr;
	size_t hdr_done;	/* bytes of the header sent or received */
	uint64_t tx_done;
	uint64_t rx_done;
	bool verdict_done;	/* server: sent; client: received */
	bool shut;
	bool eof;
	uint64_t rng;
	const char *bad;	/* what went wrong with the data, if anything */
};

static struct {
	const char *bind_addr;
	uint64_t up, down, seed;
	unsigned int flags, conns, repeats, write_size, seconds, backlog;
	bool edge, blocking, paused;
} opt = { .seed = 1, .conns = 1, .repeats = 1, .seconds = 300, .backlog = 1024 };

static uint8_t data[PEER_BUF + 8], want[PEER_BUF + 8];
static bool stop;

static void fail(const char *what)
{
	fprintf(stderr, "peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ull;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

/* The bytes [off, off + len) of the stream that belongs to @seed. */
static void pattern(uint8_t *buf, uint64_t seed, uint64_t off, size_t len)
{
	uint64_t word = off / 8, v;
	size_t skip = off % 8, n;

	while (len) {
		v = mix(seed * 0x100000001b3ull + word++);
		n = 8 - skip < len ? 8 - skip : len;
		memcpy(buf, (uint8_t *)&v + skip, n);
		buf += n;
		len -= n;
		skip = 0;
	}
}

/* 1 to PEER_BUF, small and large sizes alike. */
static size_t random_size(struct conn *c)
{
	c->rng = mix(c->rng);
	return 1 + (c->rng >> 8) % (1u << (c->rng % 17));
}

static uint64_t tx_seed(const struct conn *c) { return c->hdr.seed * 2 + c->server; }
static uint64_t rx_seed(const struct conn *c) { return c->hdr.seed * 2 + !c->server; }
static uint64_t tx_total(const struct conn *c) { return c->server ? c->hdr.down : c->hdr.up; }
static uint64_t rx_total(const struct conn *c) { return c->server ? c->hdr.up : c->hdr.down; }

static void conn_say(const struct conn *c, const char *what)
{
	printf("conn %d %s up=%llu down=%llu\n", c->id, what,
	       (unsigned long long)(c->server ? c->rx_done : c->tx_done),
	       (unsigned long long)(c->server ? c->tx_done : c->rx_done));
	fflush(stdout);
}

static void set_nodelay(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void conn_reset(struct conn *c)
{
	struct linger l = { .l_onoff = 1 };

	setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

/* Each step returns 1 for progress, 0 when it must wait or has nothing to do, -errno. */

static int step_header(struct conn *c)
{
	uint8_t *p = (uint8_t *)&c->hdr + c->hdr_done;
	size_t left = sizeof(c->hdr) - c->hdr_done;
	ssize_t n;

	if (!left)
		return 0;
	n = c->server ? recv(c->fd, p, left, 0) : send(c->fd, p, left, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (!n)
		return -ENODATA;
	c->hdr_done += n;
	if (c->server && c->hdr_done == sizeof(c->hdr)) {
		if (c->hdr.magic != PEER_MAGIC)
			return -EBADMSG;
		c->rng = c->hdr.seed + 1;
		if (c->hdr.flags & PEER_NODELAY)
			set_nodelay(c->fd);
	}
	return 1;
}

static int step_tx(struct conn *c)
{
	uint64_t left = tx_total(c) - c->tx_done;
	size_t len = opt.write_size ? opt.write_size : random_size(c);
	ssize_t n;

	if (c->hdr_done < sizeof(c->hdr) || !left)
		return 0;
	if (len > left)
		len = left;
	pattern(data, tx_seed(c), c->tx_done, len);
	n = send(c->fd, data, len, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	c->tx_done += n;
	return 1;
}

static int step_rx(struct conn *c)
{
	uint64_t left = rx_total(c) - c->rx_done;
	size_t len = random_size(c);
	ssize_t n;

	if (c->hdr_done < sizeof(c->hdr) || !left || c->eof)
		return 0;
	if (len > left)
		len = left;
	n = recv(c->fd, data, len, 0);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (!n) {
		c->eof = true;
		c->bad = "the other end stopped early";
		return 1;
	}
	pattern(want, rx_seed(c), c->rx_done, n);
	if (memcmp(data, want, n))
		c->bad = "wrong data";
	c->rx_done += n;
	return 1;
}

static bool all_sent(const struct conn *c)
{
	return c->hdr_done == sizeof(c->hdr) && c->tx_done == tx_total(c);
}

static bool all_received(const struct conn *c)
{
	return c->hdr_done == sizeof(c->hdr) && c->rx_done == rx_total(c);
}

/* The server's verdict on the data is the byte after its last one. */
static int step_verdict(struct conn *c)
{
	char v = c->bad ? 'B' : 'K';
	ssize_t n;

	if (c->verdict_done || !all_sent(c) || !all_received(c))
		return 0;
	if (c->server) {
		if ((c->hdr.flags & PEER_SERVER_RESET) || ((c->hdr.flags & PEER_HALF_CLOSE) && !c->eof))
			return 0;
		n = send(c->fd, &v, 1, MSG_NOSIGNAL);
	} else {
		n = recv(c->fd, &v, 1, 0);
	}
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (!n)
		c->bad = "the server ended without a verdict";
	else if (!c->server && v != 'K')
		c->bad = "the server received wrong data";
	c->verdict_done = true;
	return 1;
}

/* After the last byte nothing but the end of the stream may come. */
static int step_eof(struct conn *c)
{
	char extra;
	ssize_t n;

	if (c->eof || !all_received(c) || (!c->server && !c->verdict_done))
		return 0;
	n = recv(c->fd, &extra, 1, 0);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (n)
		c->bad = "bytes after the end";
	c->eof = true;
	return 1;
}

static int step_shutdown(struct conn *c)
{
	bool now = c->server ? c->verdict_done && !(c->hdr.flags & PEER_HOLD) :
			       all_sent(c) && (c->hdr.flags & PEER_HALF_CLOSE);

	if (c->shut || !now)
		return 0;
	c->shut = true;
	return shutdown(c->fd, SHUT_WR) ? -errno : 1;
}

/* True if this end is the one that ends the connection now, in the way the flags say. */
static bool conn_abort(struct conn *c)
{
	if (c->server) {
		if ((c->hdr.flags & PEER_SERVER_UNREAD) && c->hdr_done == sizeof(c->hdr) &&
		    recv(c->fd, data, 1, MSG_PEEK) > 0)
			return true;
		if ((c->hdr.flags & PEER_SERVER_RESET) && all_sent(c) && all_received(c)) {
			conn_reset(c);
			return true;
		}
		return false;
	}
	if ((c->hdr.flags & PEER_CLIENT_RESET) && all_sent(c)) {
		conn_reset(c);
		return true;
	}
	return (c->hdr.flags & PEER_CLIENT_UNREAD) && all_sent(c) &&
	       recv(c->fd, data, 1, MSG_PEEK) > 0;
}

/* Returns 0 while the connection lives, 1 when it ended well, -errno otherwise. */
static int conn_step(struct conn *c)
{
	static int (*const steps[])(struct conn *c) = {
		step_header, step_tx, step_rx, step_shutdown, step_verdict, step_eof,
	};
	bool reads = !(c->hdr.flags & (c->server ? PEER_SERVER_UNREAD : PEER_CLIENT_UNREAD));
	bool progress;
	size_t i;
	int ret;

	do {
		progress = false;
		if (conn_abort(c))
			return 1;
		for (i = 0; i < NR(steps); i++) {
			if (!reads && i >= 2)
				break;
			ret = steps[i](c);
			if (ret < 0)
				return ret;
			if (c->bad)
				return -EBADMSG;
			progress |= ret;
		}
	} while (progress && !(c->eof && c->verdict_done));
	if (!c->server && (c->hdr.flags & PEER_HOLD) && c->verdict_done && !stop)
		return 0;
	if (!c->server && (c->hdr.flags & PEER_HOLD) && c->verdict_done)
		return 1;
	return c->eof && c->verdict_done;
}

static bool reset_expected(const struct conn *c)
{
	return c->hdr.flags & (c->server ? PEER_CLIENT_RESET | PEER_CLIENT_UNREAD :
					   PEER_SERVER_RESET | PEER_SERVER_UNREAD);
}

/* Says how a connection ended; true if it ended as it was to. */
static bool conn_end(struct conn *c, int ret)
{
	close(c->fd);
	if (ret >= 0) {
		conn_say(c, "ok");
		return !reset_expected(c);
	}
	conn_say(c, c->bad ? c->bad : strerrorname_np(-ret));
	return !c->bad && reset_expected(c) && (ret == -ECONNRESET || ret == -EPIPE);
}

static struct sockaddr_in inet_address(const char *host, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };

	if (host && inet_pton(AF_INET, host, &a.sin_addr) != 1) {
		fprintf(stderr, "peer: not an IPv4 address: %s\n", host);
		exit(2);
	}
	return a;
}

static void watch(int ep, int fd, void *ptr, uint32_t events)
{
	struct epoll_event ev = { .events = events | (opt.edge ? EPOLLET : 0), .data.ptr = ptr };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) && errno != EEXIST)
		fail("epoll_ctl");
}

/* With level triggering, asking for EPOLLOUT when there is nothing to send would spin. */
static void rewatch(int ep, struct conn *c)
{
	bool sends = c->hdr_done < sizeof(c->hdr) ? !c->server : !all_sent(c);
	struct epoll_event ev = { .events = EPOLLIN | (sends ? EPOLLOUT : 0), .data.ptr = c };

	if (!opt.edge)
		epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &ev);
}

/* --- server */

static int accept_one(int ep, int lfd)
{
	static int ids;
	struct conn *c;
	int fd = accept4(lfd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	c = calloc(1, sizeof(*c));
	if (!c)
		fail("calloc");
	c->fd = fd;
	c->id = ids++;
	c->server = true;
	watch(ep, fd, c, EPOLLIN | (opt.edge ? EPOLLOUT : 0));
	return 0;
}

static void wait_for_sigusr1(void)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	printf("listening\n");
	fflush(stdout);
	sigwait(&set, &sig);
}

static _Noreturn void serve(const char *port)
{
	struct sockaddr_in a = inet_address(opt.bind_addr, port);
	int lfd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0), one = 1;
	struct epoll_event ev[PEER_EVENTS];
	struct conn *c;
	int i, n, ret;

	if (lfd < 0 || ep < 0)
		fail("socket");
	setsockopt(lfd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(lfd, (struct sockaddr *)&a, sizeof(a)) || listen(lfd, opt.backlog))
		fail("listen");
	if (opt.paused)
		wait_for_sigusr1();
	printf(opt.paused ? "accepting\n" : "listening\n");
	fflush(stdout);
	watch(ep, lfd, NULL, EPOLLIN);
	for (;;) {
		n = epoll_wait(ep, ev, PEER_EVENTS, -1);
		if (n < 0 && errno != EINTR)
			fail("epoll_wait");
		for (i = 0; i < n; i++) {
			c = ev[i].data.ptr;
			if (!c) {
				while (!accept_one(ep, lfd))
					;
				continue;
			}
			ret = conn_step(c);
			if (ret) {
				conn_end(c, ret);
				free(c);
			} else {
				rewatch(ep, c);
			}
		}
	}
}

/* --- client */

static int start_connect(const char *host, const char *port)
{
	struct sockaddr_in a = inet_address(host, port), b = inet_address(opt.bind_addr, "0");
	int fd = socket(AF_INET, SOCK_STREAM | (opt.blocking ? 0 : SOCK_NONBLOCK), 0);

	if (fd < 0)
		fail("socket");
	if (opt.flags & PEER_NODELAY)
		set_nodelay(fd);
	if (opt.bind_addr && bind(fd, (struct sockaddr *)&b, sizeof(b)))
		fail("bind");
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) && errno != EINPROGRESS) {
		int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

static void conn_init(struct conn *c, int id, int fd)
{
	*c = (struct conn) { .fd = fd, .id = id };
	c->hdr = (struct peer_header) {
		.magic = PEER_MAGIC, .flags = opt.flags, .seed = opt.seed + id,
		.up = opt.up, .down = opt.down,
	};
	c->rng = c->hdr.seed;
}

/* One round of opt.conns connections at once; returns how many did not end as they were to. */
static unsigned int transfer_round(struct conn *conns, const char *host, const char *port, int first)
{
	struct epoll_event ev[PEER_EVENTS];
	unsigned int i, open = 0, bad = 0, held = 0;
	int ep = epoll_create1(0), n, ret, fd;
	struct conn *c;

	for (i = 0; i < opt.conns; i++) {
		c = &conns[i];
		fd = start_connect(host, port);
		conn_init(c, first + i, fd);
		if (fd < 0) {
			conn_say(c, strerrorname_np(-fd));
			bad++;
		} else if (opt.blocking) {
			while (!(ret = conn_step(c)))
				;
			bad += !conn_end(c, ret);
		} else {
			open++;
			watch(ep, fd, c, EPOLLIN | EPOLLOUT);
		}
	}
	while (open) {
		n = epoll_wait(ep, ev, PEER_EVENTS, -1);
		if (n < 0 && errno != EINTR)
			fail("epoll_wait");
		if (stop) {
			/* Held connections end when the process is told to. */
			close(ep);
			for (i = 0; i < opt.conns; i++) {
				if (conns[i].fd < 0)
					continue;
				ret = conn_step(&conns[i]);
				bad += !conn_end(&conns[i], ret ? ret : -EINTR);
			}
			return bad;
		}
		for (i = 0; n > 0 && i < (unsigned int)n; i++) {
			c = ev[i].data.ptr;
			ret = conn_step(c);
			if (ret) {
				bad += !conn_end(c, ret);
				c->fd = -1;
				open--;
				continue;
			}
			rewatch(ep, c);
			if ((c->hdr.flags & PEER_HOLD) && c->verdict_done && !c->counted) {
				c->counted = true;
				if (++held == opt.conns)
					printf("holding %u\n", held), fflush(stdout);
			}
		}
	}
	close(ep);
	return bad;
}

static int transfer(const char *host, const char *port)
{
	struct conn *conns = calloc(opt.conns, sizeof(*conns));
	unsigned int i, bad = 0;
	struct timespec a, b;

	if (!conns)
		fail("calloc");
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (i = 0; i < opt.repeats && !bad; i++)
		bad += transfer_round(conns, host, port, i * opt.conns);
	clock_gettime(CLOCK_MONOTONIC, &b);
	printf("%s: %u connections, %u bad, %.2f s\n", bad ? "failed" : "done", i * opt.conns, bad,
	       b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9);
	free(conns);
	return bad ? 1 : 0;
}

/* Blocking connect()s in turn, all left open; prints how each went. */
static int try_connect(const char *host, const char *port)
{
	unsigned int i;
	int fd;

	opt.blocking = true;
	for (i = 0; i < opt.conns; i++) {
		fd = start_connect(host, port);
		printf("%s\n", fd < 0 ? strerrorname_np(-fd) : "connected");
		fflush(stdout);
	}
	return 0;
}

static void on_stop(int sig)
{
	(void)sig;
	stop = true;
}

static void on_alarm(int sig)
{
	(void)sig;
	if (write(STDERR_FILENO, "peer: time limit\n", 17) < 0)
		_exit(3);
	_exit(3);
}

static int bad_usage(void)
{
	fprintf(stderr,
		"usage: peer serve PORT [-b ADDR] [-q BACKLOG] [-p] [-E]\n"
		"       peer transfer HOST PORT [-u BYTES] [-d BYTES] [-n CONNECTIONS] [-k REPEATS] [-s SEED]\n"
		"                     [-w WRITE-SIZE] [-b ADDR] [-t SECONDS] [-E | -B] [-D] [-H] [-R | -N | -r | -U | -O]\n"
		"       peer connect HOST PORT [-n TIMES] [-t SECONDS]\n"
		"-p: accept nothing before SIGUSR1; -E: edge-triggered epoll; -B: blocking sockets;\n"
		"-D: TCP_NODELAY; -H: half-close; -R: server resets; -N: server closes with data unread;\n"
		"-r: client resets; -U: client closes with data unread; -O: hold open until SIGTERM\n");
	return 2;
}

static const struct {
	char letter;
	unsigned int flag;
} flag_options[] = {
	{ 'D', PEER_NODELAY }, { 'H', PEER_HALF_CLOSE }, { 'R', PEER_SERVER_RESET },
	{ 'N', PEER_SERVER_UNREAD }, { 'r', PEER_CLIENT_RESET }, { 'U', PEER_CLIENT_UNREAD },
	{ 'O', PEER_HOLD },
};

static const struct {
	char letter;
	unsigned int *value;
} number_options[] = {
	{ 'q', &opt.backlog }, { 'n', &opt.conns }, { 'k', &opt.repeats },
	{ 'w', &opt.write_size }, { 't', &opt.seconds },
};

static const struct {
	char letter;
	uint64_t *value;
} long_options[] = {
	{ 'u', &opt.up }, { 'd', &opt.down }, { 's', &opt.seed },
};

static const struct {
	char letter;
	bool *value;
} switch_options[] = {
	{ 'p', &opt.paused }, { 'E', &opt.edge }, { 'B', &opt.blocking },
};

static bool take_option(char letter, const char *arg)
{
	size_t i;

	for (i = 0; i < NR(flag_options); i++)
		if (flag_options[i].letter == letter)
			return opt.flags |= flag_options[i].flag;
	for (i = 0; i < NR(switch_options); i++)
		if (switch_options[i].letter == letter)
			return *switch_options[i].value = true;
	for (i = 0; i < NR(long_options); i++) {
		if (long_options[i].letter != letter)
			continue;
		*long_options[i].value = strtoull(arg, NULL, 0);
		return true;
	}
	for (i = 0; i < NR(number_options); i++) {
		if (number_options[i].letter != letter)
			continue;
		*number_options[i].value = strtoul(arg, NULL, 0);
		return true;
	}
	return false;
}

static bool parse(int argc, char **argv)
{
	int o;

	while ((o = getopt(argc, argv, "b:q:pEu:d:n:k:s:w:t:BDHRNrUO")) != -1) {
		if (o == 'b')
			opt.bind_addr = optarg;
		else if (!take_option(o, optarg))
			return false;
	}
	return opt.write_size <= PEER_BUF;
}

int main(int argc, char **argv)
{
	struct sigaction stopping = { .sa_handler = on_stop };
	struct rlimit files = { 65536, 65536 };
	const char *verb = argc > 1 ? argv[1] : "";
	int args = strcmp(verb, "serve") ? 3 : 2;

	/* The options start after the port, whose place getopt() takes for the program's name. */
	if (argc <= args || !parse(argc - args, argv + args))
		return bad_usage();
	setrlimit(RLIMIT_NOFILE, &files);
	if (!strcmp(verb, "serve"))
		serve(argv[2]);
	signal(SIGALRM, on_alarm);
	alarm(opt.seconds);
	sigaction(SIGTERM, &stopping, NULL);
	if (!strcmp(verb, "transfer"))
		return transfer(argv[2], argv[3]);
	if (!strcmp(verb, "connect"))
		return try_connect(argv[2], argv[3]);
	return bad_usage();
}
