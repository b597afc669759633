"""Reads the package format of docs/package.md: checks a file and gives a condition's network. Standard library only.

    package = read(data)                  # raises PackageError with a sentence
    nodes, tensors, shapes = package.network(k)

nodes: the graph's, shrunk to condition k's mask. tensors: name -> (shape, little-endian float32 bytes); an affine node's
are NODE.scale and NODE.bias. shapes: [channels, height, width] of each node's output.
"""
import hashlib
import json
import struct

OPERATORS = {"input", "conv2d", "linear", "affine", "relu", "relu6", "max_pool", "avg_pool", "global_avg_pool", "add",
             "concat", "flatten", "dropout", "softmax"}


class PackageError(Exception):
    pass


def need(condition, sentence):
    if not condition:
        raise PackageError("package: " + sentence)


def product(values):
    result = 1
    for value in values:
        result *= value
    return result


def distinct(pairs):
    need(len({key for key, _ in pairs}) == len(pairs), "a key stands twice in an object")
    return dict(pairs)


def read_container(data):
    """Section 1: metadata, and name -> (dtype, shape, bytes)."""
    need(len(data) >= 8, "the file is truncated")
    size = struct.unpack_from("<Q", data)[0]
    need(size <= len(data) - 8 and size % 8 == 0, "the header is truncated")
    header = json.loads(data[8:8 + size].decode(), object_pairs_hook=distinct)
    body, metadata, tensors, covered = data[8 + size:], header.pop("__metadata__", {}), {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        width = {"F32": 4, "I32": 4, "F16": 2, "I16": 2, "I8": 1, "U8": 1}.get(entry["dtype"])
        need(width and begin == covered and end - begin == width * product(entry["shape"]), "tensor %s is misplaced" % name)
        tensors[name] = (entry["dtype"], entry["shape"], body[begin:end])
        covered = end
    need(covered == len(body), "the tensors do not cover the data")
    return metadata, tensors


def content_hash(structure, tensors):
    """Section 2."""
    digest = hashlib.sha256(structure.encode())
    for name in sorted(tensors, key=str.encode):
        dtype, shape, data = tensors[name]
        digest.update(("%s %s %s %d\n" % (name, dtype, ",".join(map(str, shape)), len(data))).encode() + data)
    return digest.hexdigest()


def window(size, before, after, kernel, stride, ceil_mode):
    padded = size + before + after - kernel
    count = (padded + stride - 1 if ceil_mode else padded) // stride + 1
    if ceil_mode and (count - 1) * stride >= size + before:
        count -= 1
    return count


def infer_shapes(nodes, picture):
    """Section 4: [channels, height, width] of each node's output."""
    shapes = []
    for at, node in enumerate(nodes):
        op, ins = node["op"], [shapes[i] for i in node.get("inputs", []) if i < at]
        need(op in OPERATORS and (op == "input") == (at == 0) and len(ins) == len(node.get("inputs", [])), "graph: node %d" % at)
        shape = list(ins[0]) if ins else list(picture)
        if op in ("conv2d", "max_pool", "avg_pool"):
            kernel, stride, pad = node.get("kernel", [1, 1]), node.get("stride", [1, 1]), node.get("pad", [0] * 4)
            dilation = node.get("dilation", [1, 1])
            for axis in (0, 1):
                extent = dilation[axis] * (kernel[axis] - 1) + 1
                shape[1 + axis] = window(shape[1 + axis], pad[axis], pad[2 + axis], extent, stride[axis],
                                         node.get("ceil_mode", False))
        if op in ("conv2d", "linear"):
            need(op == "conv2d" or shape[1:] == [1, 1], "graph: %s needs features" % node["name"])
            shape[0] = node["out_channels"]
        elif op == "global_avg_pool":
            shape[1:] = [1, 1]
        elif op == "flatten":
            shape = [product(shape), 1, 1]
        elif op == "concat":
            shape[0] = sum(s[0] for s in ins)
        elif op == "add":
            need(all(s == shape for s in ins), "graph: %s adds different shapes" % node["name"])
        need(min(shape) > 0, "graph: %s has an empty output" % node["name"])
        shapes.append(shape)
    return shapes


def channel_members(nodes, shapes):
    """Section 6, steps 1 and 2: the member of each output channel of each node, named by its first channel."""
    parent, of_node = [], []

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def tie(a, b):
        a, b = root(a), root(b)
        parent[max(a, b)] = min(a, b)

    for node, shape in zip(nodes, shapes):
        op, ins = node["op"], [of_node[i] for i in node.get("inputs", [])]
        if op in ("input", "conv2d", "linear"):
            out = list(range(len(parent), len(parent) + shape[0]))
            parent.extend(out)
            groups = node.get("groups", 1)
            for g in range(groups if groups > 1 else 0):
                i, o = len(ins[0]) // groups, len(out) // groups
                for channel in ins[0][g * i:(g + 1) * i] + out[g * o:(g + 1) * o]:
                    tie(channel, out[g * o])
        elif op == "concat":
            out = sum(ins, [])
        elif op == "flatten":
            out = [c for c in ins[0] for _ in range(shape[0] // len(ins[0]))]
        else:
            out = ins[0]
            for other in ins[1:]:
                for a, b in zip(out, other):
                    tie(a, b)
        of_node.append(out)
    return [[root(c) for c in channels] for channels in of_node]


def mask_bits(of_node):
    """Section 6, steps 3 to 5: the maskable groups' members, groups in order and members in order."""
    counts = {}
    for at, channels in enumerate(of_node):
        for member in channels:
            own = counts.setdefault(member, {})
            own[at] = own.get(at, 0) + 1
    fixed = {tuple(sorted(counts[m].items())) for m in of_node[0] + of_node[-1]}
    groups = {}  # in the order of the first member met, which dictionaries keep
    for channels in of_node:
        for member in channels:
            groups.setdefault(tuple(sorted(counts[member].items())), {})[member] = True
    return [list(members) for key, members in groups.items() if key not in fixed]


def rows(tensor, kept):
    shape, data = tensor
    size = len(data) // shape[0]
    return [len(kept)] + shape[1:], b"".join(data[i * size:(i + 1) * size] for i in kept)


def columns(tensor, kept):
    shape, data = tensor
    size = len(data) // (shape[0] * shape[1])
    cells = [data[(r * shape[1] + i) * size:(r * shape[1] + i + 1) * size] for r in range(shape[0]) for i in kept]
    return [shape[0], len(kept)] + shape[2:], b"".join(cells)


class Package:
    def __init__(self, structure, tensors):
        keys = {"format_version", "graph", "conditions", "input", "classes", "provenance"}
        need(keys <= set(structure) <= keys | {"estimator", "stem"}, "wrong keys")
        need(structure.get("stem", "private") == "private", "stem must be private or missing")
        self.nodes, self.picture = structure["graph"]["nodes"], structure["graph"]["input"]
        self.classes, self.conditions = structure["classes"], structure["conditions"]
        self.mean, self.deviation = structure["input"]["mean"], structure["input"]["deviation"]
        shapes = infer_shapes(self.nodes, self.picture)
        need(shapes[-1] == [len(self.classes), 1, 1], "the output is not one feature per class")
        need(len(self.mean) == len(self.deviation) == self.picture[0] and min(self.deviation) > 0, "wrong input scaling")
        self.members = channel_members(self.nodes, shapes)
        self.weights, self.stems = {}, {}
        for node, shape in zip(self.nodes, shapes):
            if node["op"] not in ("conv2d", "linear"):
                continue
            stem = node["op"] == "conv2d" and node["inputs"] == [0] and node.get("groups", 1) == 1
            wide = shapes[node["inputs"][0]][0] // node.get("groups", 1)
            wanted = [shape[0], wide] + (node.get("kernel", [1, 1]) if node["op"] == "conv2d" else [])
            own = stem and "stem" in structure  # each condition has weights of its own for it
            if own:
                self.stems[node["name"]] = wanted
            for suffix, size in ([] if own else [("weight", wanted)]) + ([("bias", shape[:1])] if node.get("bias") else []):
                self.weights["%s.%s" % (node["name"], suffix)] = self.take(tensors, "%s.%s" % (node["name"], suffix), size)
        self.read_masks(tensors)
        need("stem" not in structure or self.stems, "the stem is private, but there is none")
        self.own = [{} for _ in self.conditions]
        for k, condition in enumerate(self.conditions):
            kept = self.masks[condition["mask"]]
            for name, wanted in self.stems.items():
                at = next(i for i, node in enumerate(self.nodes) if node["name"] == name)
                size = [sum(m in kept for m in self.members[at])] + wanted[1:]
                self.own[k][name] = self.take(tensors, "private.%d.%s.weight" % (k, name), size)
        self.normalisations = {}
        for condition in self.conditions:
            name = "normalisation.%d" % condition["normalisation"]
            if name not in self.normalisations:
                self.normalisations[name] = self.take(tensors, name)[1]
            kept = self.masks[condition["mask"]]
            values = sum(2 * sum(m in kept for m in channels)
                         for node, channels in zip(self.nodes, self.members) if node["op"] == "affine")
            need(len(self.normalisations[name]) == 4 * values, "%s must have %d values" % (name, values))
        self.estimator = self.read_estimator(structure["estimator"], tensors) if "estimator" in structure else None
        need(not tensors, "a tensor that nothing uses: %s" % next(iter(tensors), ""))

    @staticmethod
    def take(tensors, name, shape=None, dtype="F32"):
        found, is_shape, data = tensors.pop(name, (None, None, b""))
        need(found == dtype and shape in (None, is_shape), "tensor %s is missing or misshapen" % name)
        return is_shape, data

    def read_estimator(self, entry, tensors):
        """Section 11: fallback, margin, and per layer the weights' rows and [(bias, multiplier, shift)]."""
        need(entry["statistics"] == 1, "its estimator needs other statistics than version 1")
        hidden, conditions = entry["hidden"], len(self.conditions)
        need(0 <= entry["fallback"] < conditions and entry["margin"] >= 0, "the estimator's fallback or margin is wrong")
        result = {"fallback": entry["fallback"], "margin": entry["margin"]}
        for part, count, inputs in (("input", 16, 0), ("hidden", hidden, 16), ("output", conditions, hidden)):
            name, numbers = "estimator." + part, []
            for what, dtype, code in (("bias", "I32", "i"), ("multiplier", "I16", "h"), ("shift", "U8", "B")):
                data = self.take(tensors, "%s.%s" % (name, what), [count], dtype)[1]
                numbers.append(struct.unpack("<%d%s" % (count, code), data))
            data = self.take(tensors, name + ".weight", [count, inputs], "I8")[1] if inputs else b""
            weights = struct.unpack("<%db" % (count * inputs), data)
            need(max(numbers[2]) <= 46, "a shift of the estimator is above 46")
            result[part] = [weights[i:i + inputs] for i in range(0, count * inputs, inputs or 1)], list(zip(*numbers))
        return result

    def read_masks(self, tensors):
        groups = mask_bits(self.members)
        bits = [member for group in groups for member in group]
        shape, data = self.take(tensors, "masks", dtype="U8")
        row = (len(bits) + 7) // 8
        need(len(shape) == 2 and shape[0] > 0 and shape[1] == row, "the masks' rows must have %d bytes" % row)
        fixed = {m for channels in self.members for m in channels} - set(bits)
        self.masks = []
        for r in range(shape[0]):
            line = data[r * row:(r + 1) * row]
            kept = {m for i, m in enumerate(bits) if line[i // 8] >> i % 8 & 1}
            need(all(any(m in kept for m in group) for group in groups), "mask %d keeps no channel of a group" % r)
            self.masks.append(kept | fixed)
        need(set(bits) <= set().union(*self.masks), "a channel that no condition keeps")
        need({c["mask"] for c in self.conditions} == set(range(shape[0])), "a mask that no condition uses, or none")

    def network(self, k):
        """Section 8."""
        condition = self.conditions[k]
        mask, data = self.masks[condition["mask"]], self.normalisations["normalisation.%d" % condition["normalisation"]]
        kept = [[i for i, member in enumerate(channels) if member in mask] for channels in self.members]
        nodes, tensors, at = [], {}, 0
        for i, node in enumerate(self.nodes):
            node, name = dict(node), node["name"]
            if node["op"] in ("conv2d", "linear"):
                weight = self.own[k].get(name) or rows(self.weights[name + ".weight"], kept[i])
                if node.get("groups", 1) > 1:
                    node["groups"] = len(kept[i]) * node["groups"] // node["out_channels"]
                else:
                    weight = columns(weight, kept[node["inputs"][0]])
                node["out_channels"] = len(kept[i])
                tensors[name + ".weight"] = weight
                if node.get("bias"):
                    tensors[name + ".bias"] = rows(self.weights[name + ".bias"], kept[i])
            elif node["op"] == "affine":
                for part in ("scale", "bias"):
                    tensors["%s.%s" % (name, part)] = ([len(kept[i])], data[at:at + 4 * len(kept[i])])
                    at += 4 * len(kept[i])
            nodes.append(node)
        return nodes, tensors, infer_shapes(nodes, self.picture)


def loaded_answer(package):
    """What a runner answers to `load`."""
    channels, height, width = package.picture
    return {"conditions": [c["name"] for c in package.conditions], "classes": len(package.classes),
            "input": {"height": height, "width": width, "channels": channels}}


def read(data):
    try:
        metadata, tensors = read_container(data)
        structure = json.loads(metadata["automask_package"], object_pairs_hook=distinct)
        need(structure["format_version"] == 1, "format version %s, this program reads 1" % structure["format_version"])
        need(content_hash(metadata["automask_package"], tensors) == metadata["sha256"], "the content hash is another")
        return Package(structure, tensors)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as e:
        raise PackageError("package: damaged (%s: %s)" % (type(e).__name__, e)) from e
