"""Delayed wires: what the lab puts into its cables where the kernel has no netem. Run as

    python3 delayed-wire.py DELAY_MS LOSS_PERCENT SEED NEAR FAR [NEAR FAR ...]

Each NEAR and FAR are two interfaces of the namespace that it runs in. Whatever frame comes in at one goes out at the
other, DELAY_MS later and in order; LOSS_PERCENT of those from NEAR to FAR are dropped. In Python, for Node has no
packet sockets (packet(7)). Prints a line when the wires carry, and ends when its standard input does, which it does
however the lab ends.
"""

import os
import random
import select
import socket
import sys
import time
from collections import deque

# From linux/if_packet.h and linux/if_ether.h, for those that the module socket has no name for.
SOL_PACKET = 263
PACKET_VNET_HDR = 15
PACKET_IGNORE_OUTGOING = 23
ETH_P_ALL = 3

# A frame not yet cut into segments is at most 64 KiB long, with its headers before it.
FRAME_BYTES = 65536 + 256
# Of all wires together: who sends more than they carry loses it, as with netem, whose limit is 1000 for each (tc-netem(8)).
MAX_WAITING = 10_000
# So that frames of one burst wait in the kernel while we are busy. A guess.
RECEIVE_BUFFER_BYTES = 8 << 20
SO_RCVBUFFORCE = 33


def open_end(interface):
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    # Each frame comes with, and goes out by, a virtio_net_hdr that says whether its checksum is still to be filled in and
    # how it is to be cut: so nothing is lost by the interfaces' offloads, which need not be turned off.
    end.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    # What we send ourselves would come back as if it had been received.
    end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    end.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    end.setblocking(False)
    # It hears nothing before, so never what is of another interface.
    end.bind((interface, ETH_P_ALL))
    return end


def carry(delay_s, loss, chance, pairs):
    others = {near: far for near, far in pairs} | {far: near for near, far in pairs}
    nears = {near for near, _ in pairs}
    readable = [sys.stdin, *others]
    # All wait equally long, so that whoever came first is due first, on whichever wire.
    waiting = deque()
    while True:
        while waiting and waiting[0][0] <= time.monotonic():
            _, end, frame = waiting.popleft()
            send(end, frame)
        rest_s = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        for end in select.select(readable, [], [], rest_s)[0]:
            if end is sys.stdin:
                return
            frame = receive(end)
            is_lost = end in nears and chance.random() < loss
            if frame and not is_lost and len(waiting) < MAX_WAITING:
                waiting.append((time.monotonic() + delay_s, others[end], frame))


def receive(end):
    try:
        return end.recv(FRAME_BYTES)
    except OSError:
        # An interface that goes down says so once, and is read again when it is up.
        return None


def send(end, frame):
    try:
        end.send(frame)
    except OSError:
        # As a cable does whose other end is not plugged in, or is fed faster than it carries.
        pass


if __name__ == '__main__':
    delay_ms, loss_percent, seed, *interfaces = sys.argv[1:]
    ends = [open_end(interface) for interface in interfaces]
    # The kernel's own netem waits for no browser either. Measured with two cores taken by four programs: 99 of 100 frames
    # go out less than 0.3 ms late, and less than 22 ms without this.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    print('carries', flush=True)
    carry(float(delay_ms) / 1000, float(loss_percent) / 100, random.Random(int(seed)), list(zip(ends[::2], ends[1::2])))
