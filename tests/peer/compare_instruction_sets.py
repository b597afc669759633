#!/usr/bin/env python3
"""How far our operators' bytes depend on the processor: compare_instruction_sets.py TOOL

The same pictures and random streams, once as this machine runs them, once with OpenCV kept to its oldest instruction set
(OPENCV_CPU_DISABLE), and, where qemu-x86_64 is installed, on an emulated processor without AVX, which also bars the
choices of our own code and of the codecs' libraries. Fails where anything outside MAY_DIFFER differs at all, and where
something in it differs by more than a level anywhere."""
import shutil
import sys

import numpy as np

import peers

OLDEST = {"OPENCV_CPU_DISABLE": "AVX512-SKX,AVX2,FMA3,FP16,AVX,SSE4.2,SSE4.1,POPCNT,SSSE3,SSE3"}
# The other editions of defocus_blur call OpenCV's filter2D, as their models do; it sums in another order with other
# instructions.
MAY_DIFFER = {("defocus_blur", "compat"), ("defocus_blur", "imagecorruptions")}


def differences(plain, other, pictures):
    """(name, edition) -> [share of values that differ, largest difference] over pictures and severities."""
    found = {}
    for name in peers.NAMES + ["low_light"]:
        for edition in ["fixed"] if name == "low_light" else ["fixed", "compat", "imagecorruptions"]:
            for number, picture in enumerate(pictures):
                for severity in range(1, 6):
                    job = (name, picture, severity, edition)
                    more = {"key": 10 * number + severity, "frost": "" if edition == "fixed" else str(peers.FROST)}
                    apart = np.abs(plain(*job, **more).astype(int) - other(*job, **more))
                    found[name, edition] = np.maximum(found.get((name, edition), [0, 0]),
                                                      [(apart > 0).mean(), apart.max()])
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
        apart = {key: row for key, row in found.items() if row[1] > 0}
        print(f"{title}: {len(found) - len(apart)} of {len(found)} corruptions and editions have the same bytes")
        for key, (share, most) in apart.items():
            print(f"  {key[0]} {key[1]}: {100 * share:.4f} % of a picture's values differ, by {most:.0f} at most")
            if key not in MAY_DIFFER or most > 1:
                faults.append(f"FAILED {title}: {key[0]} {key[1]}")
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
