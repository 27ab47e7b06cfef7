"""Runs a command in which the kernel refuses random bytes: getrandom fails with EPERM, as under a strict seccomp profile.

Linux on x86-64 only. Ends with 77 where seccomp filters are not permitted.
"""

import ctypes
import errno
import os
import struct
import sys

GETRANDOM, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 318, 22, 38


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]


step = struct.Struct("HBBI").pack
# Load the number of the call; refuse this one, allow the others.
program = ctypes.create_string_buffer(
    step(0x20, 0, 0, 0)
    + step(0x15, 0, 1, GETRANDOM)
    + step(0x06, 0, 0, 0x50000 | errno.EPERM)
    + step(0x06, 0, 0, 0x7FFF0000)
)
loaded = Filter(4, ctypes.addressof(program))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(loaded), 0, 0):
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
