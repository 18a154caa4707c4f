#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""A VMM that only holds a port's mediated device: opens it, says "open", and gives it back when
it is asked to, unless it is told to be stubborn.

usage: vmm.py UUID [stubborn]"""

import fcntl
import os
import signal
import struct
import sys


def vfio(number):
    return ord(';') << 8 | 100 + number


SET_IOMMU, GROUP_SET_CONTAINER, GROUP_GET_DEVICE_FD, DEVICE_SET_IRQS = map(vfio, (2, 4, 6, 10))
TYPE1V2 = 3
REQ_IRQ_INDEX = 4
DATA_EVENTFD, ACTION_TRIGGER = 1 << 2, 1 << 5


def main():
    uuid, stubborn = sys.argv[1], sys.argv[2:] == ['stubborn']
    group_nr = os.path.basename(os.readlink(f'/sys/bus/mdev/devices/{uuid}/iommu_group'))
    container = os.open('/dev/vfio/vfio', os.O_RDWR)
    group = os.open(f'/dev/vfio/{group_nr}', os.O_RDWR)
    fcntl.ioctl(group, GROUP_SET_CONTAINER, struct.pack('i', container))
    fcntl.ioctl(container, SET_IOMMU, TYPE1V2)
    device = fcntl.ioctl(group, GROUP_GET_DEVICE_FD, bytearray(uuid.encode() + b'\0'), True)
    asked = os.eventfd(0)
    fcntl.ioctl(device, DEVICE_SET_IRQS,
                struct.pack('5Ii', 24, DATA_EVENTFD | ACTION_TRIGGER, REQ_IRQ_INDEX, 0, 1, asked))
    print('open', flush=True)
    os.eventfd_read(asked)
    print('asked', flush=True)
    if stubborn:
        signal.pause()
    os.close(device)
    os.close(group)
    os.close(container)


main()
