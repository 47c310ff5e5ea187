#!/usr/bin/python3
"""hungfs.py DIRECTORY: mounts a file system there that knows its root directory
and never answers for anything in it, as one whose server is gone.  Needs root."""
import ctypes
import os
import struct
import sys

LOOKUP, GETATTR, STATFS, INIT, ENOSYS = 1, 3, 17, 26, 38
PARALLEL_DIROPS = 1 << 18


def body_of(opcode):
    """What linux/fuse.h wants in the answer about the root; None: not known."""
    if opcode == INIT:
        return struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, PARALLEL_DIROPS, 12, 10, 4096, 1, 0, 0, 0)
    if opcode == GETATTR:
        return struct.pack("<QII6Q10I", 1 << 30, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40777, 2, 0, 0, 0, 4096, 0)
    if opcode == STATFS:
        return bytes(80)
    return None


def main():
    fd = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    if libc.mount(b"hung", os.fsencode(sys.argv[1]), b"fuse", 0, options) != 0:
        sys.exit(f"hungfs: mount: {os.strerror(ctypes.get_errno())}")
    while True:
        try:
            request = os.read(fd, 1 << 17)
        except OSError:
            return
        _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
        if opcode == LOOKUP or node > 1:
            continue
        body = body_of(opcode)
        answer = struct.pack("<IiQ", 16 + len(body or b""), 0 if body is not None else -ENOSYS, unique)
        try:
            os.write(fd, answer + (body or b""))
        except OSError:
            pass  # nobody waits for it


if __name__ == "__main__":
    main()
