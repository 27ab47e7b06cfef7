"""Runs a program and lets one of its file-system calls fail, be cut short, be its last, or be the moment of a signal.

Input: one JSON object a line, {"argv", "root"} and at most one of the faults below. Only calls count that name a path or a
descriptor at or below the directory "root", which has to be real; they are numbered over all threads, from 0, within a class.
Output: one JSON object a line, {"exit", "signal", "stdout", "stderr", "hit", "unsynced"}; "hit" is the call that was meant.

  {}                                    no fault; the answer also has "calls": for each class the calls that belong to it
  {"do": "kill", "class", "at"}         SIGKILL as the call is entered: it does not take effect
  {"do": "signal", "class", "at", "number"}   that signal to the process, and the call goes on
  {"do": "fail", "class", "at"}         the call does nothing and returns the error that the class is named after
  {"do": "fail", ..., "sticky": true}   so do all later ones of the class
  {"do": "short", "class", "at"}        a write takes half of its bytes; "sticky": what a full disk refuses fails from then on
  {"do": "hold", "class", "at"}         the process stands still at the call: the answer {"held": pid} comes at once, and the
                                        next line of input is "go" or "kill"

Linux on x86-64 only. A seccomp filter stops the program at the calls of the class alone, once each; the stop lies before the
call, so changing the registers there replaces it. The first line of output is {"ready": true} or {"ready": false, "reason"}.
"""

import ctypes
import errno
import json
import os
import platform
import signal
import struct
import sys

SECONDS = 30

PTRACE_TRACEME, PTRACE_CONT, PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_SETOPTIONS = 0, 7, 12, 13, 0x4200
OPTION_CLONE, OPTION_EXEC, OPTION_SECCOMP, OPTION_EXITKILL = 1 << 3, 1 << 4, 1 << 7, 1 << 20
EVENT_EXEC, EVENT_SECCOMP = 4, 7
WALL = 0x40000000
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
# Where struct user_regs_struct has the arguments of a call, its result, its number, and its length if it is a write.
ARGUMENTS, RESULT, NUMBER, LENGTH = (14, 13, 12, 7, 9, 8), 10, 15, 12
AT_FDCWD = -100

# number: (name, [(argument with the directory or None, argument with the path)], argument with the descriptor or None)
CALLS = {
    2: ("open", [(None, 0)], None),
    257: ("openat", [(0, 1)], None),
    437: ("openat2", [(0, 1)], None),
    85: ("creat", [(None, 0)], None),
    4: ("stat", [(None, 0)], None),
    5: ("fstat", [], 0),
    6: ("lstat", [(None, 0)], None),
    262: ("newfstatat", [(0, 1)], None),
    332: ("statx", [(0, 1)], None),
    21: ("access", [(None, 0)], None),
    269: ("faccessat", [(0, 1)], None),
    439: ("faccessat2", [(0, 1)], None),
    89: ("readlink", [(None, 0)], None),
    267: ("readlinkat", [(0, 1)], None),
    217: ("getdents64", [], 0),
    0: ("read", [], 0),
    17: ("pread64", [], 0),
    73: ("flock", [], 0),
    1: ("write", [], 0),
    18: ("pwrite64", [], 0),
    20: ("writev", [], 0),
    296: ("pwritev", [], 0),
    328: ("pwritev2", [], 0),
    326: ("copy_file_range", [], 2),
    40: ("sendfile", [], 0),
    74: ("fsync", [], 0),
    75: ("fdatasync", [], 0),
    76: ("truncate", [(None, 0)], None),
    77: ("ftruncate", [], 0),
    285: ("fallocate", [], 0),
    91: ("fchmod", [], 0),
    90: ("chmod", [(None, 0)], None),
    268: ("fchmodat", [(0, 1)], None),
    452: ("fchmodat2", [(0, 1)], None),
    93: ("fchown", [], 0),
    92: ("chown", [(None, 0)], None),
    94: ("lchown", [(None, 0)], None),
    260: ("fchownat", [(0, 1)], None),
    83: ("mkdir", [(None, 0)], None),
    258: ("mkdirat", [(0, 1)], None),
    84: ("rmdir", [(None, 0)], None),
    87: ("unlink", [(None, 0)], None),
    263: ("unlinkat", [(0, 1)], None),
    82: ("rename", [(None, 0), (None, 1)], None),
    264: ("renameat", [(0, 1), (2, 3)], None),
    316: ("renameat2", [(0, 1), (2, 3)], None),
    86: ("link", [(None, 0), (None, 1)], None),
    265: ("linkat", [(0, 1), (2, 3)], None),
    88: ("symlink", [(None, 1)], None),
    266: ("symlinkat", [(1, 2)], None),
}
OPENS = {"open", "openat", "openat2", "creat"}
WRITES = {"write", "pwrite64", "writev", "pwritev", "pwritev2", "copy_file_range", "sendfile"}
SYNCS = {"fsync", "fdatasync"}
MOVES = {"rename", "renameat", "renameat2"}
MAKES = MOVES | {"mkdir", "mkdirat", "link", "linkat", "symlink", "symlinkat"}
REMOVES = {"unlink", "unlinkat", "rmdir"}
SETS = {"chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchown", "fchownat"}
SIZES = {"truncate", "ftruncate", "fallocate"}
# An open that makes or empties a file is called "create".
CHANGES = {"create"} | WRITES | MAKES | REMOVES | SETS | SIZES
BY_PATH = {name for name, paths, _ in CALLS.values() if paths} | {"create"}
FULL = {"create", "fallocate"} | WRITES | MAKES | SYNCS

# The calls that a class counts; a class that is named after an error has the calls that can give it.
CLASSES = {
    "any": lambda name: True,
    "change": lambda name: name in CHANGES,
    "write": lambda name: name in WRITES,
    "EIO": lambda name: name != "flock",
    "ENOSPC": lambda name: name in FULL,
    "EACCES": lambda name: name in BY_PATH,
    "EROFS": lambda name: name in CHANGES | SYNCS,
}

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.restype = ctypes.c_long
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
registers = (ctypes.c_ulonglong * 27)()


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]


def ptrace(request, pid, data=None):
    if libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def seccomp_program(classes):
    """Returns a filter that stops at the calls of these classes, and lets all others pass."""
    step = struct.Struct("HBBI").pack
    load, jump_equal, jump_bits, end = 0x20, 0x15, 0x45, 0x06
    fits = [CLASSES[name] for name in classes]
    numbers = sorted(number for number, (name, _, _) in CALLS.items() if any(fit(name) for fit in fits))
    opens = []
    if any(fit("create") for fit in fits) and 257 not in numbers:
        # An openat counts if its flags, the third argument, may make or empty a file.
        opens = [step(jump_equal, 0, 3, 257), step(load, 0, 0, 32)]
        numbers += [number for number, (name, _, _) in CALLS.items() if name in OPENS - {"openat"}]
        opens += [step(jump_bits, len(numbers) + 2, 0, os.O_CREAT | os.O_TRUNC), step(load, 0, 0, 0)]
    # Load the number; jump to the last step on a match.
    steps = [step(load, 0, 0, 0), *opens]
    steps += [step(jump_equal, len(numbers) - index, 0, number) for index, number in enumerate(numbers)]
    steps += [step(end, 0, 0, 0x7FFF0000), step(end, 0, 0, 0x7FF00000)]
    return len(steps), ctypes.create_string_buffer(b"".join(steps))


def start(argv, outputs, classes):
    pid = os.fork()
    if pid:
        return pid
    try:
        os.umask(0)
        os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        os.dup2(outputs[0], 1)
        os.dup2(outputs[1], 2)
        os.setsid()
        length, program = seccomp_program(classes)
        loaded = Filter(length, ctypes.addressof(program))
        ptrace(PTRACE_TRACEME, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(loaded), 0, 0):
            os._exit(126)
        os.execve(argv[0], argv, {"TZ": "UTC"})
    finally:
        os._exit(127)


class Process:
    """The program, at a stop before one of its calls."""

    def __init__(self, pid, root):
        self.pid, self.root, self.memory = pid, root, None

    def exec(self):
        self.memory = os.open(f"/proc/{self.pid}/mem", os.O_RDONLY)

    def close(self):
        if self.memory is not None:
            os.close(self.memory)

    def path_of(self, descriptor):
        descriptor = ctypes.c_int(descriptor & 0xFFFFFFFF).value
        link = "cwd" if descriptor == AT_FDCWD else f"fd/{descriptor}"
        try:
            return os.readlink(f"/proc/{self.pid}/{link}").removesuffix(" (deleted)")
        except OSError:
            return ""

    def text(self, address):
        try:
            return os.fsdecode(os.pread(self.memory, 4096, address).split(b"\0")[0])
        except OSError:
            return ""

    def call(self):
        """Returns the name of the call, its paths at or below the root, and whether it makes a file."""
        number = ctypes.c_long(registers[NUMBER]).value
        if number not in CALLS or self.memory is None:
            return None
        name, paths, descriptor = CALLS[number]
        arguments = [registers[index] for index in ARGUMENTS]
        found = []
        if descriptor is not None:
            found.append(self.path_of(arguments[descriptor]))
        for directory, argument in paths:
            path = self.text(arguments[argument])
            if not path.startswith("/"):
                base = self.path_of(AT_FDCWD if directory is None else arguments[directory])
                path = os.path.join(base, path) if path else base
            found.append(os.path.normpath(path))
        inside = [path for path in found if path == self.root or path.startswith(self.root + "/")]
        if not inside:
            return None
        if name in OPENS:
            flags = {"open": arguments[1], "openat": arguments[2]}.get(name, os.O_CREAT | os.O_TRUNC)
            absent = flags & os.O_CREAT and not os.path.lexists(inside[0])
            if absent or flags & (os.O_TRUNC | os.O_TMPFILE & ~os.O_DIRECTORY):
                name = "create"
        return name, inside


class Durability:
    """Which files and directories hold something that a power cut would lose, in a run in which every call succeeds."""

    def __init__(self):
        self.lost, self.early = set(), []

    def enter(self, name, paths):
        directory = os.path.dirname(paths[-1])
        if name == "create":
            self.lost |= {paths[0], directory}
        elif name in WRITES | SIZES | SETS:
            self.lost.add(paths[0])
        elif name in SYNCS:
            self.lost.discard(paths[0])
        elif name in MOVES:
            if paths[0] in self.lost and not os.path.isdir(paths[0]):
                self.early.append(f"{name} {paths[-1]} before its bytes were synced")
            self.lost.discard(paths[0])
            self.lost |= {directory, os.path.dirname(paths[0])}
        elif name in REMOVES and os.path.lexists(paths[0]):
            self.lost.discard(paths[0])
            self.lost.add(directory)
        elif name in MAKES and not os.path.lexists(paths[-1]):
            self.lost.add(directory)

    def report(self):
        return self.early + sorted(f"{path} at the exit" for path in self.lost if os.path.lexists(path))


def inject(pid, result):
    """Replaces the call by one that does nothing and has this result."""
    registers[NUMBER] = 2**64 - 1
    registers[RESULT] = (2**64 + result) % 2**64
    ptrace(PTRACE_SETREGS, pid, ctypes.addressof(registers))


def run(order, answer):
    outputs = [os.memfd_create("stdout"), os.memfd_create("stderr")]
    pid = start(order["argv"], outputs, [order.get("class", "any"), *(["ENOSPC"] if order.get("sticky") else [])])
    os.waitpid(pid, 0)
    ptrace(PTRACE_SETOPTIONS, pid, OPTION_CLONE | OPTION_EXEC | OPTION_SECCOMP | OPTION_EXITKILL)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(SECONDS)
    process, durability, threads, ended = Process(pid, order["root"]), Durability(), {pid}, None
    action, kind, at, sticky = order.get("do"), order.get("class"), order.get("at"), order.get("sticky")
    calls, count, hit = {name: [] for name in CLASSES}, 0, None
    ptrace(PTRACE_CONT, pid)
    while ended is None:
        thread, status = os.waitpid(-1, WALL)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            threads.discard(thread)
            ended = status if thread == pid else None
            continue
        event, deliver = status >> 16, 0
        if event == EVENT_EXEC:
            process.exec()
        elif event == EVENT_SECCOMP:
            ptrace(PTRACE_GETREGS, thread, ctypes.addressof(registers))
            call = process.call()
            if call:
                name, paths = call
                label = " -> ".join([f"{name} {os.path.relpath(path, process.root)}" for path in paths[:1]] + paths[1:])
                label = label.replace(process.root + "/", "")
                if action is None:
                    durability.enter(name, paths)
                    for known, fits in CLASSES.items():
                        if fits(name):
                            calls[known].append(label)
                else:
                    after = hit is not None
                    if CLASSES[kind](name):
                        here, count = count == at, count + 1
                        if here:
                            hit = label
                    else:
                        here = False
                    if here and action == "kill":
                        os.kill(pid, signal.SIGKILL)
                    elif here and action == "signal":
                        os.kill(pid, order["number"])
                    elif here and action == "short":
                        registers[LENGTH] = max(1, registers[LENGTH] // 2)
                        ptrace(PTRACE_SETREGS, thread, ctypes.addressof(registers))
                    elif here and action == "hold":
                        signal.alarm(0)
                        answer({"held": pid})
                        if sys.stdin.readline().strip() == "kill":
                            os.kill(pid, signal.SIGKILL)
                        signal.alarm(SECONDS)
                    elif action == "short" and after and sticky and CLASSES["ENOSPC"](name):
                        inject(thread, -errno.ENOSPC)
                    elif action == "fail" and (here or after and sticky and CLASSES[kind](name)):
                        inject(thread, -getattr(errno, kind))
        elif event == 0 and thread not in threads:
            threads.add(thread)  # the first stop of a new thread
        elif event == 0 and os.WSTOPSIG(status) != signal.SIGTRAP:
            deliver = os.WSTOPSIG(status)
        try:
            ptrace(PTRACE_CONT, thread, deliver)
        except ProcessLookupError:
            pass  # killed meanwhile
    signal.alarm(0)
    process.close()
    texts = []
    for output in outputs:
        os.lseek(output, 0, os.SEEK_SET)
        with os.fdopen(output, "rb") as file:
            texts.append(file.read().decode(errors="replace"))
    code = os.waitstatus_to_exitcode(ended)
    report = {"exit": code if code >= 0 else None, "signal": -code if code < 0 else None, "stdout": texts[0], "stderr": texts[1]}
    report |= {"hit": hit, "unsynced": []}
    if action is None:
        report |= {"calls": calls, "unsynced": [line.replace(process.root + "/", "") for line in durability.report()]}
    return report


def why_not():
    """Tries it on a program that does little, and returns what stands in the way."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return "the tracer knows the calls of Linux on x86-64 only"
    try:
        report = run({"argv": ["/bin/ls", "/dev/null"], "root": "/dev"}, None)
    except OSError as error:
        return f"ptrace or seccomp is not permitted: {error}"
    if report["exit"] != 0 or not any("null" in call for call in report["calls"]["any"]):
        return "ptrace or seccomp does not work here"
    return None


def main():
    def answer(value):
        print(json.dumps(value), flush=True)

    reason = why_not()
    answer({"ready": reason is None, "reason": reason})
    for line in sys.stdin:
        answer(run(json.loads(line), answer))


if __name__ == "__main__":
    main()
