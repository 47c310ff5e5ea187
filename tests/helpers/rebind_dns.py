#!/usr/bin/python3
"""A name server that changes its mind: `rebind_dns.py ADDRESS PORT`.

    A TOKEN.THEN.rebind.test   the first time 203.0.113.10, from then on THEN:
                               loopback 127.0.0.1, metadata 169.254.169.254,
                               own 203.0.113.1; TTL 0
    AAAA, others               no such record
"""
import socket
import struct
import sys

THEN = {"loopback": "127.0.0.1", "metadata": "169.254.169.254", "own": "203.0.113.1"}
FIRST = "203.0.113.10"


def question(message):
    """(the name's labels, the type, where the question ends)"""
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("ascii").lower())
        at += 1 + message[at]
    return labels, struct.unpack_from(">H", message, at + 1)[0], at + 5


def answer(message, asked):
    labels, kind, end = question(message)
    head = message[:2] + struct.pack(">HHHHH", 0x8580, 1, 0, 0, 0) + message[12:end]
    if kind != 1 or len(labels) != 4 or labels[1] not in THEN:
        return head
    name = ".".join(labels)
    address = THEN[labels[1]] if name in asked else FIRST
    asked.add(name)
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 0, 4) + socket.inet_aton(address)
    return head[:6] + struct.pack(">H", 1) + head[8:] + record


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((sys.argv[1], int(sys.argv[2])))
    asked = set()
    while True:
        message, sender = s.recvfrom(4096)
        s.sendto(answer(message, asked), sender)


if __name__ == "__main__":
    main()
