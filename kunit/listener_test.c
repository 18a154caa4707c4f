// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of listeners and addresses of a guest.
 *
 * Copyright (c) 2026 the Virtuoso authors
 */
#include "../host/listener.h"
#include "host_fake.h"

#define VHO_TEST_ADDR	0x0a000001
#define VHO_TEST_ADDR2	0x0a000009

static struct vho_flow_key vho_test_key(u32 laddr, u16 lport)
{
	return (struct vho_flow_key) {
		.laddr = vho_fake_addr(laddr),
		.raddr = vho_fake_addr(0x0a000002),
		.lport = htons(lport),
		.rport = htons(1234),
		.port_index = 7,
	};
}

static bool vho_test_wants(struct vho_fake *f, u32 laddr, u16 lport)
{
	struct vho_flow_key key = vho_test_key(laddr, lport);
	bool wants;

	rcu_read_lock();
	wants = vho_listener_wants(f->port, &key);
	rcu_read_unlock();
	return wants;
}

static u32 vho_test_listen(struct vho_fake *f, u32 addr, u16 lport, u32 backlog)
{
	struct in6_addr a = vho_fake_addr(addr);

	return vho_listener_add(f->port, &a, htons(lport), backlog, 0);
}

static u32 vho_test_unlisten(struct vho_fake *f, u32 addr, u16 lport)
{
	struct in6_addr a = vho_fake_addr(addr);

	return vho_listener_del(f->port, &a, htons(lport));
}

static u32 vho_test_addr_add(struct vho_fake *f, u32 addr)
{
	struct in6_addr a = vho_fake_addr(addr);

	return vho_addr_add(f->port, &a);
}

static int vho_listener_test_init(struct kunit *test)
{
	vho_fake_init(test);
	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_addr_add(test->priv, VHO_TEST_ADDR));
	return 0;
}

static void vho_listener_test_exit(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	vho_listeners_flush(f->port);
	vho_fake_exit(test);
}

static void vho_listener_wants__exact(struct kunit *test)
{
	struct vho_fake *f = test->priv;

	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_listen(f, VHO_TEST_ADDR, 80, 1));
	KUNIT_EXPECT_TRUE(test, vho_test_wants(f, VHO_TEST_ADDR, 80));
	KUNIT_EXPECT_FALSE(test, vho_test_wants(f, VHO_TEST_ADDR, 81));
	KUNIT_EXPECT_FALSE(test, vho_test_wants(f, VHO_TEST_ADDR2, 80));
	/* Another guest's listeners are another guest's. */
	f->port->index++;
	KUNIT_EXPECT_FALSE(test, vho_test_wants(f, VHO_TEST_ADDR, 80));
	f->port->index--;
}

static void vho_listener_wants__wildcard(struct kunit *test)
{
	static const struct in6_addr any = { };
	struct vho_fake *f = test->priv;

	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_listener_add(f->port, &any, htons(80), 1, 0));
	KUNIT_EXPECT_TRUE(test, vho_test_wants(f, VHO_TEST_ADDR, 80));
	/* Only for addresses that are the guest's. */
	KUNIT_EXPECT_FALSE(test, vho_test_wants(f, VHO_TEST_ADDR2, 80));
	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_addr_add(f, VHO_TEST_ADDR2));
	KUNIT_EXPECT_TRUE(test, vho_test_wants(f, VHO_TEST_ADDR2, 80));
	/* ::ffff:0.0.0.0 is the same. */
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_unlisten(f, 0, 80));
	KUNIT_EXPECT_FALSE(test, vho_test_wants(f, VHO_TEST_ADDR, 80));
}

static void vho_listener_wants__address_gone(struct kunit *test)
{
	struct in6_addr addr = vho_fake_addr(VHO_TEST_ADDR);
	struct vho_fake *f = test->priv;

	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_listen(f, VHO_TEST_ADDR, 80, 1));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_addr_del(f->port, &addr));
	KUNIT_EXPECT_FALSE(test, vho_test_wants(f, VHO_TEST_ADDR, 80));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOENT, vho_addr_del(f->port, &addr));
}

static void vho_addr_add__arguments(struct kunit *test)
{
	static const struct in6_addr any = { }, multicast = { { { 0xff, 2 } } };
	struct vho_fake *f = test->priv;
	u32 i;

	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_EXIST, vho_test_addr_add(f, VHO_TEST_ADDR));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_INVAL, vho_addr_add(f->port, &any));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_INVAL, vho_test_addr_add(f, 0));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_INVAL, vho_addr_add(f->port, &multicast));
	for (i = 1; i < VHO_ADDRS_MAX; i++)
		KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_addr_add(f, VHO_TEST_ADDR + i));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOMEM, vho_test_addr_add(f, VHO_TEST_ADDR + i));
}

static void vho_listener_add__limit(struct kunit *test)
{
	struct vho_fake *f = test->priv;
	u32 i;

	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_INVAL, vho_test_listen(f, VHO_TEST_ADDR, 0, 1));
	for (i = 0; i < VHO_LISTENERS_MAX; i++)
		KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK,
				vho_test_listen(f, VHO_TEST_ADDR, 1 + i, 1));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOMEM, vho_test_listen(f, VHO_TEST_ADDR, 1 + i, 1));
	/* One that exists is changed all the same. */
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_listen(f, VHO_TEST_ADDR, 1, 5));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_unlisten(f, VHO_TEST_ADDR, 1));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_NOENT, vho_test_unlisten(f, VHO_TEST_ADDR, 1));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_listen(f, VHO_TEST_ADDR, 1 + i, 1));
}

static void vho_listener_reserve__backlog(struct kunit *test)
{
	struct vho_flow_key key = vho_test_key(VHO_TEST_ADDR, 80);
	struct vho_fake *f = test->priv;
	struct vho_listener *a, *b;
	bool full = true;

	KUNIT_EXPECT_NULL(test, vho_listener_reserve(f->port, &key, &full));
	KUNIT_EXPECT_FALSE(test, full);
	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_listen(f, VHO_TEST_ADDR, 80, 1));
	a = vho_listener_reserve(f->port, &key, &full);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_EXPECT_NULL(test, vho_listener_reserve(f->port, &key, &full));
	KUNIT_EXPECT_TRUE(test, full);
	/* A second LISTEN changes the backlog, for what is pending, too. */
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_listen(f, VHO_TEST_ADDR, 80, 2));
	b = vho_listener_reserve(f->port, &key, &full);
	KUNIT_EXPECT_PTR_EQ(test, b, a);
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_listen(f, VHO_TEST_ADDR, 80, 0));
	KUNIT_EXPECT_NULL(test, vho_listener_reserve(f->port, &key, &full));
	vho_listener_release(a);
	vho_listener_release(a);
	/* 0 is taken as 1. */
	a = vho_listener_reserve(f->port, &key, &full);
	KUNIT_ASSERT_NOT_NULL(test, a);
	vho_listener_release(a);
}

static void vho_listener_reserve__most_specific(struct kunit *test)
{
	struct vho_flow_key key = vho_test_key(VHO_TEST_ADDR, 80);
	struct vho_fake *f = test->priv;
	struct vho_listener *any, *exact;
	bool full;

	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_listen(f, 0, 80, 10));
	any = vho_listener_reserve(f->port, &key, &full);
	KUNIT_ASSERT_NOT_NULL(test, any);
	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_listen(f, VHO_TEST_ADDR, 80, 10));
	exact = vho_listener_reserve(f->port, &key, &full);
	KUNIT_ASSERT_NOT_NULL(test, exact);
	KUNIT_EXPECT_PTR_NE(test, any, exact);
	vho_listener_release(any);
	vho_listener_release(exact);
}

/* A listener that goes while connections are pending lives until the last of them has gone. */
static void vho_listener_del__pending(struct kunit *test)
{
	struct vho_flow_key key = vho_test_key(VHO_TEST_ADDR, 80);
	struct vho_fake *f = test->priv;
	struct vho_listener *old, *new;
	bool full;

	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_listen(f, VHO_TEST_ADDR, 80, 2));
	old = vho_listener_reserve(f->port, &key, &full);
	KUNIT_ASSERT_PTR_EQ(test, old, vho_listener_reserve(f->port, &key, &full));
	KUNIT_EXPECT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_unlisten(f, VHO_TEST_ADDR, 80));
	KUNIT_EXPECT_EQ(test, f->port->nr_listeners, 0);
	KUNIT_EXPECT_FALSE(test, vho_test_wants(f, VHO_TEST_ADDR, 80));
	KUNIT_ASSERT_EQ(test, VIRTUOSO_STATUS_OK, vho_test_listen(f, VHO_TEST_ADDR, 80, 1));
	new = vho_listener_reserve(f->port, &key, &full);
	KUNIT_ASSERT_NOT_NULL(test, new);
	KUNIT_EXPECT_PTR_NE(test, new, old);
	vho_listener_release(old);
	vho_listeners_flush(f->port);
	vho_listener_release(old);
	vho_listener_release(new);
	KUNIT_EXPECT_EQ(test, f->port->nr_listeners + f->port->nr_addrs, 0);
}

static struct kunit_case vho_listener_cases[] = {
	KUNIT_CASE(vho_listener_wants__exact),
	KUNIT_CASE(vho_listener_wants__wildcard),
	KUNIT_CASE(vho_listener_wants__address_gone),
	KUNIT_CASE(vho_addr_add__arguments),
	KUNIT_CASE(vho_listener_add__limit),
	KUNIT_CASE(vho_listener_reserve__backlog),
	KUNIT_CASE(vho_listener_reserve__most_specific),
	KUNIT_CASE(vho_listener_del__pending),
	{}
};

static struct kunit_suite vho_listener_suite = {
	.name = "virtuoso_listener",
	.init = vho_listener_test_init,
	.exit = vho_listener_test_exit,
	.test_cases = vho_listener_cases,
};
kunit_test_suite(vho_listener_suite);

MODULE_DESCRIPTION("Unit tests of Virtuoso: listeners");
MODULE_LICENSE("GPL");
