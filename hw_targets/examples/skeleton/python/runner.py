#!/usr/bin/env python3
"""The runner @NAME@: fill in what stands beside TODO, then `automask runners check -- ./runner.py`."""
import os
import sys

import automask_package
from automask_protocol import BAD_PACKAGE, INVALID_PARAMS, OUT_OF_MEMORY, UNSUPPORTED, Refusal, serve

MEMORY_BYTES = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")  # TODO: the device's


class Device:
    package, networks, current = None, [], None

    def describe(self):
        # TODO: what your device is; evidence is measured, rtl_simulated or modelled.
        return {"name": "@NAME@", "serial": "", "toolchain": "Python " + sys.version.split()[0], "evidence": "measured",
                "formats": ["fp32"]}

    def load(self, data):
        try:
            self.package = automask_package.read(data)
        except automask_package.PackageError as e:
            raise Refusal(BAD_PACKAGE, str(e)) from e
        return automask_package.loaded_answer(self.package)

    def prepare(self, options):
        for name in options:
            if name not in ("threads", "format"):
                raise Refusal(INVALID_PARAMS, "no option " + name)
        if options.get("format", "fp32") != "fp32":
            raise Refusal(UNSUPPORTED, "fp32 only, not %s" % options["format"])
        shapes = automask_package.infer_shapes(self.package.nodes, self.package.picture)
        size = sum(4 * c * h * w for c, h, w in shapes)
        if size > MEMORY_BYTES:
            raise Refusal(OUT_OF_MEMORY, "activations of %d bytes are more than the device's memory" % size)
        # TODO: bring every condition's network onto the device. (nodes, tensors, shapes) of each, masks applied:
        self.networks = [self.package.network(k) for k in range(len(self.package.conditions))]
        return {"threads": options.get("threads", 0) or 1, "format": "fp32"}

    def select_condition(self, index):
        self.current = self.networks[index]  # TODO: without loading anything anew

    def infer(self, picture):
        # TODO: execute self.current on the u8 [height, width, channels] picture and return its logits, no softmax.
        # (x / 255 - package.mean[c]) / package.deviation[c] is the network's input. The time of this call is the latency.
        return [0.0] * len(self.package.classes)

    def state(self):
        return {"throttled": False}  # TODO: ask the device; add its power mode, clocks, temperature


if __name__ == "__main__":
    sys.exit(serve(Device()))
