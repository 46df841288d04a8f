"""Leaves out of ONNX Runtime's CUDA provider what other GPUs need: python3 trim_provider.py SOURCE TARGET 90

The library holds each kernel once for every architecture, in containers of the CUDA compiler ("fatbins": a header, then an entry with
a header of its own for each architecture). The bytes of the others become zeros, which pack to nothing; offsets and headers stay, and
the driver never looks at entries of other architectures. 90 is Hopper (H100, H200), 80 is Ampere (A100), 89 is Ada (L4).
"""

import struct
import sys

MAGIC = struct.pack("<I", 0xBA55ED50)

source, target, architecture = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(source, "rb") as file:
    data = bytearray(file.read())

at = kept = zeroed = 0
while (at := data.find(MAGIC, at)) >= 0:
    version, header, size = struct.unpack_from("<HHQ", data, at + 4)
    if (version, header) != (1, 16):
        at += len(MAGIC)
        continue
    entry, end = at + header, at + header + size
    while entry < end:
        entry_header, payload = struct.unpack_from("<IQ", data, entry + 4)
        if struct.unpack_from("<I", data, entry + 28)[0] == architecture:
            kept += payload
        else:
            data[entry + entry_header:entry + entry_header + payload] = bytes(payload)
            zeroed += payload
        entry += entry_header + payload
    at = end

if kept == 0:
    sys.exit(f"{source} has nothing for architecture {architecture}")
with open(target, "wb") as file:
    file.write(data)
print(f"kept {kept >> 20} MiB, left out {zeroed >> 20} MiB")
