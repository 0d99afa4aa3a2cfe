import platform
import subprocess
import sys

import pytest


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has mallopt")
def test_large_blocks_are_reused_instead_of_mapped_anew():
    program = (
        "import ctypes, resource, sys\n"
        "from trivet.cli.terminal import keep_freed_memory\n"
        "if sys.argv[1] == 'keep': assert keep_freed_memory()\n"
        "libc = ctypes.CDLL('libc.so.6')\n"
        "libc.malloc.restype = ctypes.c_void_p\n"
        "faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "before = faults()\n"
        "for _ in range(50):\n"
        "    blocks = [ctypes.c_void_p(libc.malloc(8 << 20)) for _ in range(4)]\n"
        "    for block in blocks: ctypes.memset(block, 1, 8 << 20)\n"
        "    for block in blocks: libc.free(block)\n"
        "print(faults() - before)\n"
    )

    def faults(mode):
        done = subprocess.run(
            [sys.executable, "-c", program, mode], capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert faults("keep") < faults("default") / 5
