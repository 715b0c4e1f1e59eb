"""Stands in for the CUDA libraries that the wheel of PyTorch is linked to and never calls on a CPU.

Usage: torch_stubs.py FOLDER
Run it with the Python that has torch. FOLDER then holds an empty library for each that is missing,
and one with all functions that were to come from them; LD_LIBRARY_PATH has to name it. Needs gcc,
and nm and ldd, which come with it and with the C library.
"""

import re
import subprocess
import sys
import sysconfig
from pathlib import Path

# What functions of CUDA and its companions are called.
CUDA = re.compile(r"_*cu[A-Zbdfps]\w+|nccl\w+|nvrtc\w+|nvshmem\w+|nvml\w+|_ZN\w*5cudnn\w+")


def output(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout


def symbols(which, libraries):
    """Names of the functions that libraries define or miss, without their versions."""
    lines = map(str.split, output("nm", "-D", which, *map(str, libraries)).splitlines())
    return {words[-1].partition("@")[0] for words in lines if len(words) > 1}


def build(folder, name, source, *options):
    command = ["gcc", "-shared", "-fPIC", "-w", "-x", "c", "-", "-x", "none"]
    command += [f"-Wl,-soname,{name}", "-o", str(folder / name), *options]
    subprocess.run(command, input=source, text=True, check=True)


def main():
    folder = Path(sys.argv[1])
    torch = Path(sysconfig.get_paths()["purelib"]) / "torch"
    libraries = sorted(torch.glob("lib/*.so*")) + sorted(torch.glob("_C*.so"))
    needed = output("ldd", *map(str, libraries))
    missing = sorted(set(re.findall(r"^\s*(\S+) => not found", needed, re.MULTILINE)))
    if not missing:
        return
    folder.mkdir(exist_ok=True)
    wanted = symbols("--undefined-only", libraries) - symbols("--defined-only", libraries)
    wanted = sorted(name for name in wanted if CUDA.fullmatch(name))
    # All functions in a library of a name of its own: in one of a name that torch knows, the loader
    # would insist on their versions. They say that something failed.
    source = "".join(f"int {name}(void) {{ return 999; }}\n" for name in wanted)
    build(folder, "libtorch_stubs.so", source)
    for name in missing:
        build(folder, name, "", "-Wl,--no-as-needed", f"-L{folder}", "-ltorch_stubs")


main()
