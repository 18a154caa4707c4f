/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A VMM (hostile.c) and a guest's driver (hostile_driver.c) with bad manners.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

/* The guest's memory: rings of queue i at i * RING_BYTES, the rest is free for use. */
#define IOVA		0x10000000ULL
#define MEM_BYTES	(8UL << 20)
#define RING_BYTES	0x4000
#define RING_AVAIL	0x1000
#define RING_USED	0x2000
#define RING_SIZE	64
#define NR_VQS		20

#define BAR_DEVICE	0x2000
#define BAR_NOTIFY	0x3000

extern uint8_t *mem;
extern uint64_t cfg_at, bar_at;

void check(bool ok, const char *what);
void die(const char *what);
uint64_t get(uint64_t at, unsigned int off, unsigned int len);
void put(uint64_t at, unsigned int off, unsigned int len, uint64_t value);
uint8_t status(void);
void set_status(uint8_t value);
/* From reset to DRIVER_OK with all queues. */
bool bring_up(void);

/*
 * Records, requests and frames that are nearly right, for so long. Connections go
 * to port 5001 of the IPv4 address @peer whose MAC is @peer_mac, from @local, where
 * there is a listener on port 5002.
 */
void fuzz_driver(unsigned int seconds, uint32_t local, uint32_t peer, const uint8_t *peer_mac);

/*
 * As many frames as the queue holds, for so long, at every multiple of the period: at the same moment
 * as all others that do this. Cheap to ask for, dear to serve.
 */
void burst_driver(unsigned int seconds, unsigned int period_us);

#endif /* HOSTILE_H */
