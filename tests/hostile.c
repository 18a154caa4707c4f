// SPDX-License-Identifier: GPL-2.0
/*
 * A VMM with bad manners: drives the mediated device of a port through VFIO by hand, with
 * accesses and requests that no real VMM would make.
 *
 * usage: hostile UUID SECONDS LOCAL-ADDRESS PEER-ADDRESS PEER-MAC
 *
 * Prints one line per check and exits with 0 if all were as they should be. That the host
 * survives, without a warning in its log, is for the caller to see. SECONDS is how long
 * each of the two tests that have no natural end lasts; see hostile.h for the rest.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/vfio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <net/ethernet.h>
#include <netinet/ether.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hostile.h"

#define CFG_BYTES	256
#define BAR_BYTES	0x8000
#define CAP_PCI_CFG	0x84

static int container, group, device, failed, checks;
uint64_t cfg_at, bar_at;
uint8_t *mem;
static atomic_bool stop;

void check(bool ok, const char *what)
{
	checks++;
	if (!ok)
		failed++;
	printf("%s %s\n", ok ? "ok  " : "FAIL", what);
	fflush(stdout);
}

void die(const char *what)
{
	perror(what);
	exit(2);
}

/* ---- access to the function ---- */

uint64_t get(uint64_t at, unsigned int off, unsigned int len)
{
	uint64_t value = 0;

	if (pread(device, &value, len, at + off) != (ssize_t)len)
		die("pread");
	return value;
}

void put(uint64_t at, unsigned int off, unsigned int len, uint64_t value)
{
	if (pwrite(device, &value, len, at + off) != (ssize_t)len)
		die("pwrite");
}

uint8_t status(void)
{
	return get(bar_at, VIRTIO_PCI_COMMON_STATUS, 1);
}

void set_status(uint8_t value)
{
	put(bar_at, VIRTIO_PCI_COMMON_STATUS, 1, value);
}

static int map(void)
{
	struct vfio_iommu_type1_dma_map dma = {
		.argsz = sizeof(dma),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)mem, .iova = IOVA, .size = MEM_BYTES,
	};

	return ioctl(container, VFIO_IOMMU_MAP_DMA, &dma);
}

static int unmap(void)
{
	struct vfio_iommu_type1_dma_unmap dma = {
		.argsz = sizeof(dma), .iova = IOVA, .size = MEM_BYTES,
	};

	return ioctl(container, VFIO_IOMMU_UNMAP_DMA, &dma);
}

static void open_device(const char *uuid)
{
	struct vfio_group_status gs = { .argsz = sizeof(gs) };
	struct vfio_region_info region = { .argsz = sizeof(region) };
	char path[PATH_MAX], link[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/mdev/devices/%s/iommu_group", uuid);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		die(path);
	link[n] = 0;
	snprintf(path, sizeof(path), "/dev/vfio/%s", basename(link));
	container = open("/dev/vfio/vfio", O_RDWR);
	group = open(path, O_RDWR);
	if (container < 0 || group < 0)
		die(path);
	if (ioctl(group, VFIO_GROUP_GET_STATUS, &gs) || !(gs.flags & VFIO_GROUP_FLAGS_VIABLE) ||
	    ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) ||
	    ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		die("container");
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, uuid);
	if (device < 0)
		die("device");
	region.index = VFIO_PCI_CONFIG_REGION_INDEX;
	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region))
		die("config region");
	cfg_at = region.offset;
	region.index = VFIO_PCI_BAR0_REGION_INDEX;
	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &region))
		die("BAR 0");
	bar_at = region.offset;
	check(region.size == BAR_BYTES, "BAR 0 has the expected size");
}

/* ---- a driver by hand ---- */

struct ring_addrs {
	uint64_t desc, avail, used;
};

static void set_queue(unsigned int vq, unsigned int size, const struct ring_addrs *at)
{
	put(bar_at, VIRTIO_PCI_COMMON_Q_SELECT, 2, vq);
	put(bar_at, VIRTIO_PCI_COMMON_Q_SIZE, 2, size);
	put(bar_at, VIRTIO_PCI_COMMON_Q_MSIX, 2, vq + 1);
	put(bar_at, VIRTIO_PCI_COMMON_Q_DESCLO, 8, at->desc);
	put(bar_at, VIRTIO_PCI_COMMON_Q_AVAILLO, 8, at->avail);
	put(bar_at, VIRTIO_PCI_COMMON_Q_USEDLO, 8, at->used);
	put(bar_at, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

static struct ring_addrs good_ring(unsigned int vq)
{
	uint64_t base = IOVA + vq * RING_BYTES;

	return (struct ring_addrs) { base, base + RING_AVAIL, base + RING_USED };
}

static void negotiate(void)
{
	uint64_t features;

	set_status(0);
	set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	put(bar_at, VIRTIO_PCI_COMMON_DFSELECT, 4, 0);
	features = get(bar_at, VIRTIO_PCI_COMMON_DF, 4);
	put(bar_at, VIRTIO_PCI_COMMON_DFSELECT, 4, 1);
	features |= get(bar_at, VIRTIO_PCI_COMMON_DF, 4) << 32;
	put(bar_at, VIRTIO_PCI_COMMON_GFSELECT, 4, 0);
	put(bar_at, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)features);
	put(bar_at, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	put(bar_at, VIRTIO_PCI_COMMON_GF, 4, features >> 32);
	set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
		   VIRTIO_CONFIG_S_FEATURES_OK);
}

static void drive(void)
{
	set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
		   VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK);
}

bool bring_up(void)
{
	unsigned int vq;

	negotiate();
	if (!(status() & VIRTIO_CONFIG_S_FEATURES_OK))
		return false;
	for (vq = 0; vq < NR_VQS; vq++) {
		struct ring_addrs at = good_ring(vq);

		set_queue(vq, RING_SIZE, &at);
	}
	drive();
	return !(status() & VIRTIO_CONFIG_S_NEEDS_RESET);
}

/* ---- checks ---- */

static void test_regions(void)
{
	static const unsigned int widths[] = { 1, 2, 3, 4, 7, 8, 16 };
	void *nowhere = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char buf[65536];
	unsigned int i, off;
	bool ok = true;

	for (i = 0; i < sizeof(widths) / sizeof(*widths); i++) {
		for (off = 0; off + widths[i] <= CFG_BYTES; off++)
			ok &= pread(device, buf, widths[i], cfg_at + off) == widths[i];
		for (off = 0; off + widths[i] <= BAR_BYTES; off += 61)
			ok &= pread(device, buf, widths[i], bar_at + off) == widths[i];
	}
	check(ok, "reads of any width and alignment");
	check(pread(device, buf, CFG_BYTES, cfg_at) == CFG_BYTES &&
	      pread(device, buf, BAR_BYTES, bar_at) == BAR_BYTES, "whole regions at once");
	check(pread(device, buf, 1, cfg_at + CFG_BYTES) < 0 &&
	      pread(device, buf, CFG_BYTES + 1, cfg_at) < 0 &&
	      pread(device, buf, 4, bar_at + BAR_BYTES) < 0 &&
	      pread(device, buf, 4, bar_at + BAR_BYTES - 2) < 0 &&
	      pwrite(device, buf, 4, bar_at + BAR_BYTES - 2) < 0 &&
	      pread(device, buf, sizeof(buf), bar_at) < 0, "nothing behind the end of a region");
	ok = true;
	for (i = 1; i < 64; i++)
		if (i != VFIO_PCI_CONFIG_REGION_INDEX)
			ok &= pread(device, buf, 1, (uint64_t)i << 40) < 0;
	check(ok && pread(device, buf, 1, INT64_MAX) < 0, "no other regions");
	check(pread(device, nowhere, 4, bar_at) < 0 && errno == EFAULT &&
	      pwrite(device, nowhere, 4, bar_at) < 0 && errno == EFAULT, "bad user memory");
}

static void test_config(void)
{
	uint8_t before[CFG_BYTES], after[CFG_BYTES];
	unsigned int off, changed = 0;

	check(get(cfg_at, 0, 4) == 0x107f1af4 && get(cfg_at, 8, 4) >> 24 == 0xff,
	      "identity of the function");
	if (pread(device, before, CFG_BYTES, cfg_at) != CFG_BYTES)
		die("pread");
	for (off = 0; off < CFG_BYTES; off++)
		put(cfg_at, off, 1, 0xff);
	check((get(cfg_at, 0x10, 4) & ~0xfULL) == (uint32_t)-BAR_BYTES &&
	      get(cfg_at, 0x14, 4) == UINT32_MAX, "BAR 0 shows its size");
	check(get(cfg_at, 0x18, 4) == 0 && get(cfg_at, 0x30, 4) == 0, "no other BAR, no ROM");
	if (pread(device, after, CFG_BYTES, cfg_at) != CFG_BYTES)
		die("pread");
	for (off = 0; off < CFG_BYTES; off++)
		changed += before[off] != after[off];
	check(changed > 0 && changed < 28 && !memcmp(before, after, 4) &&
	      !memcmp(before + 0x2c, after + 0x2c, 16), "only writable bits are written");
	for (off = 0; off < CFG_BYTES; off++)
		put(cfg_at, off, 1, 0);
	check(ioctl(device, VFIO_DEVICE_RESET) == 0 &&
	      pread(device, after, CFG_BYTES, cfg_at) == CFG_BYTES &&
	      !memcmp(before, after, CFG_BYTES), "reset restores the configuration space");
}

static void test_window(void)
{
	put(cfg_at, CAP_PCI_CFG + 4, 1, 0);
	put(cfg_at, CAP_PCI_CFG + 8, 4, VIRTIO_PCI_COMMON_NUMQ);
	put(cfg_at, CAP_PCI_CFG + 12, 4, 2);
	check(get(cfg_at, CAP_PCI_CFG + 16, 2) == NR_VQS, "access through the configuration window");
	put(cfg_at, CAP_PCI_CFG + 8, 4, 0xfffffffe);
	get(cfg_at, CAP_PCI_CFG + 16, 2);
	put(cfg_at, CAP_PCI_CFG + 16, 2, 0xffff);
	put(cfg_at, CAP_PCI_CFG + 8, 4, BAR_BYTES);
	put(cfg_at, CAP_PCI_CFG + 16, 2, 0xffff);
	put(cfg_at, CAP_PCI_CFG + 8, 4, 1);
	put(cfg_at, CAP_PCI_CFG + 16, 2, 0xffff);
	put(cfg_at, CAP_PCI_CFG + 12, 4, 0);
	put(cfg_at, CAP_PCI_CFG + 16, 4, 0xffff);
	put(cfg_at, CAP_PCI_CFG + 12, 4, 0x40000000);
	put(cfg_at, CAP_PCI_CFG + 16, 4, 0xffff);
	put(cfg_at, CAP_PCI_CFG + 4, 1, 5);
	get(cfg_at, CAP_PCI_CFG + 16, 4);
	check(get(cfg_at, CAP_PCI_CFG + 16, 4) == 0, "the window does not leave BAR 0");
	ioctl(device, VFIO_DEVICE_RESET);
}

static int set_irqs(uint32_t argsz, uint32_t flags, uint32_t index, uint32_t start, uint32_t count,
		    const int *fds, unsigned int nr)
{
	struct vfio_irq_set *set = calloc(1, sizeof(*set) + nr * sizeof(int));
	int ret;

	set->argsz = argsz ? argsz : sizeof(*set) + nr * sizeof(int);
	set->flags = flags;
	set->index = index;
	set->start = start;
	set->count = count;
	memcpy(set->data, fds, nr * sizeof(int));
	ret = ioctl(device, VFIO_DEVICE_SET_IRQS, set);
	free(set);
	return ret;
}

static void test_irqs(void)
{
	const uint32_t ev = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	const uint32_t msix = VFIO_PCI_MSIX_IRQ_INDEX;
	int fds[NR_VQS + 2], i;

	for (i = 0; i < NR_VQS + 2; i++)
		fds[i] = eventfd(0, 0);
	check(!set_irqs(0, ev, msix, 0, NR_VQS + 1, fds, NR_VQS + 1) &&
	      !set_irqs(0, ev, VFIO_PCI_REQ_IRQ_INDEX, 0, 1, fds, 1), "every vector is taken");
	check(set_irqs(0, ev, msix, 0, NR_VQS + 2, fds, NR_VQS + 2) &&
	      set_irqs(0, ev, msix, NR_VQS + 1, 1, fds, 1) &&
	      set_irqs(0, ev, msix, UINT32_MAX, 1, fds, 1) &&
	      set_irqs(0, ev, msix, 1, UINT32_MAX, fds, 1) &&
	      set_irqs(0, ev, msix, UINT32_MAX, UINT32_MAX, fds, 1), "no vector behind the last");
	check(set_irqs(4, ev, msix, 0, 1, fds, 1) &&
	      set_irqs(sizeof(struct vfio_irq_set), ev, msix, 0, 1, fds, 1) &&
	      set_irqs(0, ev, VFIO_PCI_INTX_IRQ_INDEX, 0, 1, fds, 1) &&
	      set_irqs(0, ev, 77, 0, 1, fds, 1) &&
	      set_irqs(0, ev, msix, 0, 0, fds, 0) &&
	      set_irqs(0, 0xffffffff, msix, 0, 1, fds, 1) &&
	      set_irqs(0, VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_MASK, msix, 0, 1, fds, 1) &&
	      set_irqs(0, VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER, msix, 0, 1, fds, 1),
	      "malformed requests");
	i = 0;	/* standard input is no eventfd */
	check(set_irqs(0, ev, msix, 0, 1, &i, 1), "a file that is no eventfd");
	i = 12345;
	check(set_irqs(0, ev, msix, 0, 1, &i, 1), "no file at all");
	i = -2;
	check(set_irqs(0, ev, msix, 0, 1, &i, 1), "a negative file number");
	i = -1;
	check(!set_irqs(0, ev, msix, 3, 1, &i, 1) &&
	      !set_irqs(0, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, msix, 0, 0, NULL, 0),
	      "vectors are given up");
	for (i = 0; i < NR_VQS + 2; i++)
		close(fds[i]);
}

static void test_vectors(void)
{
	negotiate();
	put(bar_at, VIRTIO_PCI_COMMON_Q_SELECT, 2, 3);
	put(bar_at, VIRTIO_PCI_COMMON_Q_MSIX, 2, NR_VQS);
	check(get(bar_at, VIRTIO_PCI_COMMON_Q_MSIX, 2) == NR_VQS, "the last vector");
	put(bar_at, VIRTIO_PCI_COMMON_Q_MSIX, 2, NR_VQS + 1);
	check(get(bar_at, VIRTIO_PCI_COMMON_Q_MSIX, 2) == VIRTIO_MSI_NO_VECTOR,
	      "the vector behind it");
	put(bar_at, VIRTIO_PCI_COMMON_Q_SELECT, 2, 0xffff);
	check(get(bar_at, VIRTIO_PCI_COMMON_Q_SIZE, 2) == 0, "a queue that does not exist");
	put(bar_at, VIRTIO_PCI_COMMON_Q_MSIX, 2, 1);
	put(bar_at, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
	check(get(bar_at, VIRTIO_PCI_COMMON_Q_ENABLE, 2) == 0, "it is not enabled");
}

static bool rejected(unsigned int size, uint64_t desc, uint64_t avail, uint64_t used)
{
	struct ring_addrs at = { desc, avail, used };
	bool bad;

	negotiate();
	set_queue(0, size, &at);
	drive();
	put(bar_at, BAR_NOTIFY, 2, 0);
	bad = status() & VIRTIO_CONFIG_S_NEEDS_RESET;
	set_status(0);
	return bad && status() == 0;
}

static void test_rings(void)
{
	check(rejected(0, IOVA, IOVA + 4096, IOVA + 8192) &&
	      rejected(3, IOVA, IOVA + 4096, IOVA + 8192) &&
	      rejected(65535, IOVA, IOVA + 4096, IOVA + 8192) &&
	      rejected(32768, IOVA, IOVA + 4096, IOVA + 8192), "bad queue sizes");
	check(rejected(64, IOVA + 1, IOVA + 4096, IOVA + 8192) &&
	      rejected(64, IOVA, IOVA + 4097, IOVA + 8192) &&
	      rejected(64, IOVA, IOVA + 4096, IOVA + 8193), "misaligned rings");
	check(rejected(64, 0, 0, 0) &&
	      rejected(64, IOVA, IOVA + MEM_BYTES, IOVA + 4096) &&
	      rejected(1024, IOVA + MEM_BYTES - 4096, IOVA, IOVA + 4096) &&
	      rejected(64, UINT64_MAX - 15, IOVA, IOVA) &&
	      rejected(64, IOVA, UINT64_MAX - 1, IOVA) &&
	      rejected(1024, IOVA, IOVA, UINT64_MAX - 3), "rings outside of memory");
}

static void test_features(void)
{
	set_status(0);
	set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	put(bar_at, VIRTIO_PCI_COMMON_GFSELECT, 4, 7);
	put(bar_at, VIRTIO_PCI_COMMON_GF, 4, 0xffffffff);
	put(bar_at, VIRTIO_PCI_COMMON_DFSELECT, 4, 0xffffffff);
	check(get(bar_at, VIRTIO_PCI_COMMON_DF, 4) == 0, "features beyond the 64th");
	put(bar_at, VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
	put(bar_at, VIRTIO_PCI_COMMON_GF, 4, 0xffffffff);
	set_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
		   VIRTIO_CONFIG_S_FEATURES_OK);
	check(!(status() & VIRTIO_CONFIG_S_FEATURES_OK), "features that were not offered");
	drive();
	check(status() & VIRTIO_CONFIG_S_NEEDS_RESET, "DRIVER_OK without features");
	set_status(0);
}

static void test_unmap(void)
{
	check(bring_up(), "a device that works");
	check(!unmap() && status() & VIRTIO_CONFIG_S_NEEDS_RESET, "its memory goes away");
	put(bar_at, BAR_NOTIFY, 2, 0);
	check(!map() && bring_up(), "and comes back");
	check(!ioctl(device, VFIO_DEVICE_RESET) && status() == 0, "reset while running");
	check(bring_up(), "up again");
	put(cfg_at, 4, 2, 6);
	put(cfg_at, 4, 2, 0);
	check(status() == 0, "no bus mastering, no device");
}

/* Every word of every ring is rubbish, over and over. */
static void test_rubbish(unsigned int rounds)
{
	unsigned int i, vq;
	bool ok = true;

	for (i = 0; i < rounds; i++) {
		size_t n;

		for (n = 0; n < NR_VQS * RING_BYTES / 4; n++)
			((uint32_t *)mem)[n] = i % 3 ? (uint32_t)random() : 0;
		ok &= bring_up() || status() & VIRTIO_CONFIG_S_NEEDS_RESET;
		for (vq = 0; vq < NR_VQS; vq++) {
			struct vring_avail *avail = (void *)(mem + vq * RING_BYTES + RING_AVAIL);

			avail->idx = i % 2 ? random() : random() % RING_SIZE;
			put(bar_at, BAR_NOTIFY + 4 * vq, 2, vq);
		}
	}
	set_status(0);
	memset(mem, 0, MEM_BYTES);
	check(ok && bring_up(), "rubbish in every ring");
}

static void test_fuzz(unsigned int rounds)
{
	unsigned int i;

	for (i = 0; i < rounds; i++) {
		unsigned int len = 1 << random() % 4;

		if (random() % 8)
			put(bar_at, random() % (random() % 4 ? 64 : BAR_BYTES - 8), len, random());
		else
			put(cfg_at, random() % (CFG_BYTES - 8), len, random());
	}
	ioctl(device, VFIO_DEVICE_RESET);
	check(bring_up(), "random writes everywhere");
}

static void *race_status(void *arg)
{
	(void)arg;
	while (!stop) {
		bring_up();
		if (random() % 2)
			set_status(0);
	}
	return NULL;
}

static void *race_irqs(void *arg)
{
	const uint32_t ev = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	int fd = eventfd(0, EFD_NONBLOCK), none = -1;

	(void)arg;
	while (!stop) {
		unsigned int v = random() % (NR_VQS + 1);

		set_irqs(0, ev, VFIO_PCI_MSIX_IRQ_INDEX, v, 1, random() % 2 ? &fd : &none, 1);
		put(bar_at, BAR_NOTIFY + 4 * (random() % NR_VQS), 2, 0);
	}
	close(fd);
	return NULL;
}

/* One thread takes the memory away while others start, stop and kick the device. */
static void test_race(unsigned int seconds)
{
	time_t end = time(NULL) + seconds;
	unsigned long rounds = 0;
	pthread_t threads[3];
	bool ok = true;
	int i;

	pthread_create(&threads[0], NULL, race_status, NULL);
	pthread_create(&threads[1], NULL, race_status, NULL);
	pthread_create(&threads[2], NULL, race_irqs, NULL);
	for (; time(NULL) < end; rounds++) {
		ok &= !unmap();
		ok &= !map();
		usleep(random() % 3000);
	}
	stop = true;
	for (i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	printf("     memory was taken away %lu times\n", rounds);
	check(ok, "memory can be taken away from a running device");
	check(bring_up(), "and it runs again");
}

/* Every queue is kicked, without a pause and for nothing. */
static void storm_of_kicks(unsigned int seconds)
{
	time_t end = time(NULL) + seconds;
	unsigned long kicks = 0;
	unsigned int vq;

	if (!bring_up())
		die("the device does not run");
	while (time(NULL) < end) {
		for (vq = 0; vq < NR_VQS; vq++)
			put(bar_at, BAR_NOTIFY + 4 * vq, 2, vq);
		kicks += NR_VQS;
	}
	printf("%lu kicks\n", kicks);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: hostile UUID SECONDS LOCAL-ADDRESS PEER-ADDRESS PEER-MAC	all tests\n"
		"       hostile UUID SECONDS kicks	nothing but kicks\n"
		"       hostile UUID SECONDS bursts PERIOD_US	a queue of frames at a time\n"
		"       hostile UUID SECONDS rubbish LOCAL-ADDRESS PEER-ADDRESS PEER-MAC	bad entries\n");
	return 2;
}

int main(int argc, char **argv)
{
	bool kicks = argc == 4 && !strcmp(argv[3], "kicks");
	bool bursts = argc == 5 && !strcmp(argv[3], "bursts") && atoi(argv[4]) > 0;
	bool rubbish = argc == 7 && !strcmp(argv[3], "rubbish");
	struct ether_addr *mac = argc >= 6 ? ether_aton(argv[argc - 1]) : NULL;
	unsigned int seconds;

	if (!kicks && !bursts && !(mac && (rubbish || argc == 6)))
		return usage();
	srandom(1);
	seconds = atoi(argv[2]);
	mem = mmap(NULL, MEM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		die("mmap");
	open_device(argv[1]);
	if (map())
		die("map");
	if (kicks) {
		storm_of_kicks(seconds);
		return 0;
	}
	if (bursts) {
		burst_driver(seconds, atoi(argv[4]));
		return 0;
	}
	if (rubbish) {
		check(bring_up(), "the device runs");
		fuzz_driver(seconds, inet_addr(argv[4]), inet_addr(argv[5]), mac->ether_addr_octet);
		return failed ? 1 : 0;
	}
	test_regions();
	test_config();
	test_window();
	test_irqs();
	test_vectors();
	test_features();
	test_rings();
	test_unmap();
	test_rubbish(60);
	test_fuzz(20000);
	fuzz_driver(seconds, inet_addr(argv[3]), inet_addr(argv[4]), mac->ether_addr_octet);
	test_race(seconds);
	/* The device still runs; that is how a VMM dies. */
	printf("%d passed, %d failed\n", checks - failed, failed);
	return failed ? 1 : 0;
}
