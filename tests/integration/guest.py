"""A throw-away machine under QEMU (no KVM asked for) with Debian's cloud kernel: for tests of kernels laid out unlike this one."""
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
KERNEL_PACKAGE = "linux-image-cloud-amd64"


def cache_dir():
    """Where packages that tests unpack are kept between runs."""
    folder = pathlib.Path(os.environ.get("FULCRUM_TEST_CACHE", TOP / "build" / "test-cache"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run(*argv, **kwargs):
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=300, **kwargs).stdout


def kernel():
    """The unpacked kernel package: (vmlinuz, modules folder). Skips when it cannot be had."""
    try:
        package = re.search(r"Depends: (linux-image-\S+)", run("apt-cache", "depends", KERNEL_PACKAGE)).group(1)
    except (OSError, subprocess.SubprocessError, AttributeError):
        pytest.skip(f"the package {KERNEL_PACKAGE} is not known here")
    release = package.removeprefix("linux-image-")
    target = cache_dir() / package
    if not target.exists():
        work = cache_dir() / f".{package}.{os.getpid()}"
        work.mkdir()
        try:
            run("apt-get", "download", package, cwd=work)
            run("dpkg-deb", "-x", str(next(work.glob("*.deb"))), str(work / "root"))
            (work / "root").rename(target)
        except (OSError, subprocess.SubprocessError, StopIteration) as error:
            if not target.exists():  # else another run was faster
                pytest.skip(f"{package} cannot be downloaded: {error}")
        finally:
            shutil.rmtree(work, ignore_errors=True)
    modules = target / "lib/modules" / release
    if not modules.exists():
        modules = target / "usr/lib/modules" / release
    return target / "boot" / f"vmlinuz-{release}", modules


class Initramfs:
    """Writes a cpio archive in the form that the kernel unpacks ("newc")."""

    def __init__(self):
        self.data = bytearray()
        self.count = 0
        for folder in ("bin", "dev", "proc", "sys", "tmp", "modules"):
            self._entry(folder, stat.S_IFDIR | 0o755, b"")
        self._entry("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1))

    def _entry(self, name, mode, content, device=(0, 0)):
        self.count += 1
        fields = (self.count, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0)
        self.data += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        self.data += b"\0" * (-len(self.data) % 4)
        self.data += content + b"\0" * (-len(content) % 4)

    def add(self, name, content, mode=0o755):
        self._entry(name, stat.S_IFREG | mode, content)

    def link(self, name, to):
        self._entry(name, stat.S_IFLNK | 0o777, to.encode())

    def finish(self):
        self._entry("TRAILER!!!", 0, b"")
        return bytes(self.data)


def clock_parameters():
    """Without these a guest without KVM on a busy host can hang for ever while it calibrates its timers."""
    khz = int(float(re.search(r"cpu MHz\s*:\s*([\d.]+)", pathlib.Path("/proc/cpuinfo").read_text()).group(1)) * 1000)
    return f"no_timer_check tsc_early_khz={khz} lpj={khz * 4}"


def missing():
    """Why no guest can run here, or nothing."""
    for program in ("qemu-system-x86_64", "apt-get", "dpkg-deb", "busybox"):
        if shutil.which(program) is None:
            return f"{program} is missing"
    if os.uname().machine != "x86_64":
        return "the guest is for x86-64"
    return None


def boot(folder, init, files, modules=(), memory="512M", deadline=300, disk=None):
    """Boots with `init` (a shell script) and files {name: path}; returns what came over the serial line until the machine went off."""
    vmlinuz, module_dir = kernel()
    archive = Initramfs()
    archive.add("bin/busybox", pathlib.Path(shutil.which("busybox")).read_bytes())
    archive.link("bin/sh", "busybox")
    for name, path in files.items():
        archive.add(name, pathlib.Path(path).read_bytes())
    load = []
    for module in modules:
        path = next(module_dir.rglob(module + ".ko"), None)
        if path:  # else it is built in
            archive.add(f"modules/{module}.ko", path.read_bytes(), 0o644)
            load.append(f"busybox insmod /modules/{module}.ko")
    script = ["#!/bin/sh", "export PATH=/bin", "busybox mount -t proc proc /proc", "busybox mount -t sysfs sysfs /sys",
              "busybox mount -t devtmpfs dev /dev", "busybox mount -t tmpfs tmp /tmp", *load, init, "busybox reboot -f"]
    archive.add("init", "\n".join(script).encode() + b"\n")
    initramfs = folder / "initramfs.cpio"
    initramfs.write_bytes(archive.finish())
    command = ["qemu-system-x86_64", "-M", "microvm,accel=tcg", "-cpu", "max", "-smp", "2", "-m", memory, "-nodefaults", "-no-user-config",
               "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", str(vmlinuz), "-initrd", str(initramfs),
               "-append", f"console=ttyS0 panic=-1 reboot=t quiet cgroup_no_v1=all {clock_parameters()}"]
    if disk:
        command += ["-drive", f"id=disk,file={disk},format=raw,if=none", "-device", "virtio-blk-device,drive=disk"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output = process.communicate(timeout=deadline)[0]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        output = process.communicate()[0]
        raise AssertionError(f"the guest did not end within {deadline} s; it printed:\n{output.decode(errors='replace')[-8000:]}") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return output.decode(errors="replace").replace("\r", "")
