#!/usr/bin/env python3
"""Stands in for probe-rs: the chip is QEMU's mps2-an386, and its debugger reads the buffer of RTT as a probe would."""
import ctypes, os, socket, subprocess, sys, tempfile, time

CHIP = "MPS2_AN386"


def refuse(what):
    sys.exit(f"fake probe-rs: {what}")


if sys.argv[1:3] == ["chip", "info"]:
    if sys.argv[3:] != [CHIP]:
        refuse(f"unknown chip {sys.argv[3:]}")
    print(f"{CHIP}\nCores (1):\n    - main (Armv7em)")
    print("RAM: 0x20000000..0x20400000 (4 MiB)\nNVM: 0x00000000..0x00400000 (4 MiB)")
    sys.exit()
if sys.argv[1:4] != ["run", "--chip", CHIP] or len(sys.argv) != 5:
    refuse(f"unknown arguments {sys.argv[1:]}")
image = sys.argv[4]
names = subprocess.run(["arm-none-eabi-nm", image], check=True, capture_output=True, text=True).stdout
control = next(int(line.split()[0], 16) for line in names.splitlines() if line.endswith(" _SEGGER_RTT"))
folder = tempfile.mkdtemp()
path = os.path.join(folder, "gdb")
emulator = subprocess.Popen(
    [os.environ.get("CASTIRON_QEMU") or "qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none"]
    + ["-serial", "none", "-chardev", f"socket,path={path},server=on,wait=off,id=gdb", "-gdb", "chardev:gdb"]
    + ["-kernel", image],
    stdin=subprocess.DEVNULL,
    # It ends with us, however we end.
    preexec_fn=lambda: ctypes.CDLL(None).prctl(1, 9),
)
try:
    debugger = socket.socket(socket.AF_UNIX)
    for _ in range(200):
        try:
            debugger.connect(path)
            break
        except OSError:
            time.sleep(0.05)
    stream = debugger.makefile("rwb", buffering=0)

    def send(text):
        total = sum(text.encode()) % 256
        stream.write(f"${text}#{total:02x}".encode())

    def answer():
        text = b""
        while True:
            byte = stream.read(1)
            if not byte:
                refuse("QEMU has ended")
            if byte == b"$":
                text = b""
            elif byte == b"#":
                stream.read(2)
                stream.write(b"+")
                return text.decode()
            else:
                text += byte

    def ask(text):
        send(text)
        found = answer()
        while found.startswith("T"):  # it says more than once that it has stopped
            found = answer()
        return found

    def read(address, count):
        return bytes.fromhex(ask(f"m{address:x},{count:x}")) if count else b""

    def word(address):
        return int.from_bytes(read(address, 4), "little")

    damaged = "CASTIRON_TEST_DAMAGE" in os.environ
    while True:
        send("c")
        time.sleep(0.005)
        stream.write(b"\x03")
        answer()
        if read(control, 10) != b"SEGGER RTT":
            continue
        place, size, written, done = (word(control + 24 + offset) for offset in (4, 8, 12, 16))
        while done != written:
            end = written if written > done else size
            part = read(place + done, min(end - done, 512))
            sys.stdout.buffer.write(part.replace(b"castiron:00", b"castiron:01") if damaged else part)
            done = (done + len(part)) % size
        sys.stdout.buffer.flush()
        ask(f"M{control + 24 + 16:x},4:{done.to_bytes(4, 'little').hex()}")
finally:
    emulator.kill()
    emulator.wait()
