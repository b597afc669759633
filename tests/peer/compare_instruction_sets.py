#!/usr/bin/env python3
"""How far our operators' bytes depend on the processor: compare_instruction_sets.py TOOL

The same pictures and random streams, once as this machine runs them, once with OpenCV kept to its oldest instruction set
(OPENCV_CPU_DISABLE), and, where qemu-x86_64 is installed, on an emulated processor without AVX, which also bars the
choices of our own code and of the codecs' libraries. Fails where an operator outside MAY_DIFFER differs at all, and where
one in it differs by more than a level anywhere."""
import shutil
import sys

import numpy as np

import peers

OLDEST = {"OPENCV_CPU_DISABLE": "AVX512_SKX,AVX512_CLX,AVX512_CNL,AVX512_ICL,AVX512-COMMON,AVX2,FMA3,FP16,AVX,SSE4.2,"
                                "SSE4.1,POPCNT,SSSE3,SSE3"}
# OpenCV sums in another order with other instructions.
MAY_DIFFER = set()


def differences(plain, other, pictures):
    """name -> [share of values that differ, largest difference] over pictures, severities and editions."""
    found = {}
    for name in peers.NAMES + ["low_light"]:
        for number, picture in enumerate(pictures):
            for severity in range(1, 6):
                for edition in ["fixed"] if name == "low_light" else ["fixed", "compat", "imagecorruptions"]:
                    job = (name, picture, severity, edition)
                    more = {"key": 10 * number + severity, "frost": "" if edition == "fixed" else str(peers.FROST)}
                    apart = np.abs(plain(*job, **more).astype(int) - other(*job, **more))
                    found[name] = np.maximum(found.get(name, [0, 0]), [(apart > 0).mean(), apart.max()])
    return found


def main():
    photographs = list(peers.photographs().values())
    cases = [("OpenCV's oldest", [], OLDEST, photographs[:3])]
    emulator = shutil.which("qemu-x86_64")
    if emulator:
        small = [np.ascontiguousarray(photographs[0][40:137, 30:131])]
        cases.append(("an emulated Nehalem", [emulator, "-cpu", "Nehalem"], {}, small))
    else:
        print("not emulated: qemu-x86_64 is missing (package qemu-user)")
    faults = []
    for title, before, environment, pictures in cases:
        plain, other = peers.Tool(sys.argv[1]), peers.Tool(sys.argv[1], before, environment)
        found = differences(plain, other, pictures)
        plain.close(), other.close()
        apart = {name: row for name, row in found.items() if row[1] > 0}
        print(f"{title}: {len(found) - len(apart)} of {len(found)} corruptions have the same bytes")
        for name, (share, most) in apart.items():
            print(f"  {name}: {100 * share:.4f} % of the values differ, by {most:.0f} at most")
            if name not in MAY_DIFFER or most > 1:
                faults.append(f"FAILED {title}: {name}")
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
