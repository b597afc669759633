#!/usr/bin/env python3
"""A complete runner: packages on the processor by onnxruntime, FP32. Needs numpy, onnx and onnxruntime from PyPI.

A network becomes an ONNX model in memory; activations stay [1, channels, height, width], a linear layer is a 1 x 1
convolution over features.
"""
import os
import sys

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import automask_estimator
import automask_package
from automask_protocol import BAD_PACKAGE, INVALID_PARAMS, OUT_OF_MEMORY, UNSUPPORTED, Refusal, serve

SIMPLE = {"relu": "Relu", "global_avg_pool": "GlobalAveragePool", "add": "Sum", "dropout": "Identity"}


def pool_pads(node, size, out):
    """Padding at the ends that gives `out` without ceil_mode, which onnxruntime rounds in its own way."""
    (top, left, *ends), kernel, stride = node.get("pad", [0] * 4), node["kernel"], node.get("stride", [1, 1])
    if node.get("ceil_mode"):
        ends = [max((out[a] - 1) * stride[a] + kernel[a] - size[a] - (top, left)[a], 0) for a in (0, 1)]
    return [top, left, *ends]


def to_onnx(package, k):
    nodes, tensors, shapes = package.network(k)
    made, constants = [], []

    def constant(name, values):
        constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def tensor(name, shape):
        return constant(name, np.frombuffer(tensors[name][1], "<f4").reshape(shape))

    def make(op, inputs, output, **attributes):
        made.append(helper.make_node(op, inputs, [output], **attributes))

    def convolution(node, ins):
        weight = tensors[node["name"] + ".weight"][0]
        names = [ins[0], tensor(node["name"] + ".weight", (weight + [1, 1])[:4])]
        if node.get("bias"):
            names.append(tensor(node["name"] + ".bias", [-1]))
        make("Conv", names, node["name"], kernel_shape=(weight + [1, 1])[2:4], strides=node.get("stride", [1, 1]),
             pads=node.get("pad", [0] * 4), dilations=node.get("dilation", [1, 1]), group=node.get("groups", 1))

    mean, deviation = (np.array(v, np.float32).reshape(-1, 1, 1) for v in (package.mean, package.deviation))
    make("Cast", ["/picture"], "/as_float", to=TensorProto.FLOAT)
    make("Transpose", ["/as_float"], "/planes", perm=[0, 3, 1, 2])
    make("Mul", ["/planes", constant("/factor", np.float32(1 / 255) / deviation)], "/scaled")
    make("Sub", ["/scaled", constant("/offset", mean / deviation)], nodes[0]["name"])
    for i, node in enumerate(nodes[1:], 1):
        name, op, before = node["name"], node["op"], node["inputs"]
        ins = [nodes[j]["name"] for j in before]
        if op in ("conv2d", "linear"):
            convolution(node, ins)
        elif op == "affine":
            make("Mul", [ins[0], tensor(name + ".scale", [-1, 1, 1])], name + " scaled")
            make("Add", [name + " scaled", tensor(name + ".bias", [-1, 1, 1])], name)
        elif op == "relu6":
            make("Clip", ins + [constant(name + " low", np.float32(0)), constant(name + " high", np.float32(6))], name)
        elif op in ("max_pool", "avg_pool"):
            inside = {} if op == "max_pool" else {"count_include_pad": int(node.get("count_include_pad", False))}
            if inside.get("count_include_pad") and node.get("ceil_mode"):
                raise Refusal(UNSUPPORTED, name + ": an average over padding with ceil_mode")
            make("MaxPool" if op == "max_pool" else "AveragePool", ins, name, kernel_shape=node["kernel"],
                 strides=node.get("stride", [1, 1]), pads=pool_pads(node, shapes[before[0]][1:], shapes[i][1:]), **inside)
        elif op == "flatten":
            make("Reshape", ins + [constant(name + " shape", np.array([1, -1, 1, 1]))], name)
        elif op in ("concat", "softmax"):
            make("Concat" if op == "concat" else "Softmax", ins, name, axis=1)
        else:
            make(SIMPLE[op], ins, name)
    channels, height, width = package.picture
    picture = helper.make_tensor_value_info("/picture", TensorProto.UINT8, [1, height, width, channels])
    logits = helper.make_tensor_value_info(nodes[-1]["name"], TensorProto.FLOAT, [1, len(package.classes), 1, 1])
    graph = helper.make_graph(made, "package", [picture], [logits], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


class OnnxRuntime:
    package, sessions, current, auto, taken = None, [], None, False, 0

    def describe(self):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
        return {"name": (names or ["unknown processor"])[0], "serial": "", "evidence": "measured", "formats": ["fp32"],
                "toolchain": "onnxruntime %s, Python %s" % (onnxruntime.__version__, sys.version.split()[0])}

    def load(self, data):
        try:
            self.package = automask_package.read(data)
        except automask_package.PackageError as e:
            raise Refusal(BAD_PACKAGE, str(e)) from e
        channels, height, width = self.package.picture
        return {"conditions": [c["name"] for c in self.package.conditions], "classes": len(self.package.classes),
                "input": {"height": height, "width": width, "channels": channels}}

    def prepare(self, options):
        for name in options:
            if name not in ("threads", "format"):
                raise Refusal(INVALID_PARAMS, "no option " + name)
        if options.get("format", "fp32") != "fp32":
            raise Refusal(UNSUPPORTED, "fp32 only, not %s" % options["format"])
        size = sum(4 * c * h * w for c, h, w in automask_package.infer_shapes(self.package.nodes, self.package.picture))
        if size > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
            raise Refusal(OUT_OF_MEMORY, "activations of %d bytes are more than this machine's memory" % size)
        how = onnxruntime.SessionOptions()
        how.intra_op_num_threads = options.get("threads", 0) or len(os.sched_getaffinity(0))
        self.sessions = [onnxruntime.InferenceSession(to_onnx(self.package, k), how, providers=["CPUExecutionProvider"])
                         for k in range(len(self.package.conditions))]
        return {"threads": how.intra_op_num_threads, "format": "fp32"}

    def select_condition(self, index):
        self.current, self.auto = self.sessions[index], False

    def select_automatically(self):
        if self.package.estimator is None:
            raise Refusal(UNSUPPORTED, "the package has no estimator")
        self.auto = True

    def infer(self, picture):
        channels, height, width = self.package.picture
        array = np.frombuffer(picture, np.uint8).reshape(1, height, width, channels)
        if self.auto:
            self.taken = automask_estimator.estimate(self.package.estimator, array[0])
            self.current = self.sessions[self.taken]
        return self.current.run(None, {"/picture": array})[0].ravel()

    def state(self):
        return {"throttled": False, "load": os.getloadavg()[0]}


if __name__ == "__main__":
    sys.exit(serve(OnnxRuntime()))
