"""Runs a program at a terminal of its own, and types answers.

Arguments: a JSON list of [text to wait for, what to type], the program, its arguments. Prints a JSON object with the exit
code, the output, and whether the terminal echoes at the end. Fails unless the echo is off at each question.
"""

import fcntl
import json
import os
import subprocess
import sys
import termios

steps = json.loads(sys.argv[1])
master, slave = os.openpty()


def echoes():
    return bool(termios.tcgetattr(slave)[3] & termios.ECHO)


child = subprocess.Popen(
    sys.argv[2:],
    stdin=slave,
    stdout=slave,
    stderr=slave,
    start_new_session=True,
    preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
)
output = b""
for wait, answer in steps:
    seen = len(output)
    while wait.encode() not in output[seen:] or not output.rstrip(b" ").endswith(b":"):
        output += os.read(master, 4096)
    assert not echoes(), "the terminal echoes at a question"
    os.write(master, answer.encode())
# The terminal keeps what was printed until it is read, so a long output would block the program.
os.set_blocking(master, False)
while child.poll() is None:
    try:
        output += os.read(master, 4096)
    except BlockingIOError:
        try:
            child.wait(0.02)
        except subprocess.TimeoutExpired:
            pass
try:
    while True:
        output += os.read(master, 4096)
except BlockingIOError:
    pass
print(json.dumps({"code": child.returncode, "output": output.decode(), "echo": echoes()}))
