"""A package's network as an ONNX model: activations stay [1, channels, height, width], a linear layer is a 1 x 1 convolution
over features. Needs numpy and onnx."""
import os

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import automask_package
from automask_protocol import OUT_OF_MEMORY, UNSUPPORTED, Refusal

SIMPLE = {"relu": "Relu", "global_avg_pool": "GlobalAveragePool", "add": "Sum", "dropout": "Identity"}


def pool_pads(node, size, out):
    """Padding at the ends that gives `out` without ceil_mode, which onnxruntime rounds in its own way."""
    (top, left, *ends), kernel, stride = node.get("pad", [0] * 4), node["kernel"], node.get("stride", [1, 1])
    if node.get("ceil_mode"):
        ends = [max((out[a] - 1) * stride[a] + kernel[a] - size[a] - (top, left)[a], 0) for a in (0, 1)]
    return [top, left, *ends]


def require_memory(package):
    """Refuses a network whose activations are more than this machine holds, before anything is allocated for it."""
    size = sum(4 * c * h * w for c, h, w in automask_package.infer_shapes(package.nodes, package.picture))
    if size > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
        raise Refusal(OUT_OF_MEMORY, "activations of %d bytes are more than this machine's memory" % size)


def model(package, k, of_bytes=True):
    """Condition k's network, serialised. `of_bytes`: its input is the picture, u8 [1, height, width, channels], scaled inside;
    else "/planes", float [1, channels, height, width] of 0 to 255: not every program takes bytes."""
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
    if of_bytes:
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
    planes = helper.make_tensor_value_info("/planes", TensorProto.FLOAT, [1, channels, height, width])
    logits = helper.make_tensor_value_info(nodes[-1]["name"], TensorProto.FLOAT, [1, len(package.classes), 1, 1])
    graph = helper.make_graph(made, "package", [picture if of_bytes else planes], [logits], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
