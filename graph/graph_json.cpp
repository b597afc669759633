#include <limits>
#include <utility>

#include "graph/graph.h"
#include "graph/structure.h"

namespace automask {
namespace graph {
namespace {

using Json = nlohmann::json;

constexpr Op all_ops[] = {Op::input, Op::conv2d, Op::linear,   Op::batch_norm, Op::affine,
                          Op::relu,  Op::relu6,  Op::max_pool, Op::avg_pool,   Op::global_avg_pool,
                          Op::add,   Op::concat, Op::flatten,  Op::dropout,    Op::softmax};

// Which attributes an operator has, and so which keys its JSON may have.
bool has_window(Op op) { return op == Op::conv2d || is_pool(op); }

[[noreturn]] void fail_at(const std::string& pointer, const std::string& fault) {
  throw GraphError((pointer.empty() ? std::string("/") : pointer) + ": " + fault);
}

int integer(const Json& value, const std::string& pointer) {
  if (!value.is_number_integer()) fail_at(pointer, "must be an integer");
  constexpr int largest = std::numeric_limits<int>::max();
  const bool fits = value.is_number_unsigned() ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(largest)
                                               : value.get<std::int64_t>() >= 0 && value.get<std::int64_t>() <= largest;
  if (!fits) fail_at(pointer, "is " + value.dump() + ", must be from 0 to 2147483647");
  return value.get<int>();
}

std::string string(const Json& value, const std::string& pointer) {
  if (!value.is_string()) fail_at(pointer, "must be a string");
  return value.get<std::string>();
}

bool boolean(const Json& value, const std::string& pointer) {
  if (!value.is_boolean()) fail_at(pointer, "must be true or false");
  return value.get<bool>();
}

double number(const Json& value, const std::string& pointer) {
  if (!value.is_number()) fail_at(pointer, "must be a number");
  return value.get<double>();
}

std::vector<int> integers(const Json& value, std::size_t count, const std::string& pointer) {
  if (!value.is_array() || value.size() != count)
    fail_at(pointer, "must be an array of " + std::to_string(count) + " integers");
  std::vector<int> result;
  for (std::size_t i = 0; i < count; ++i) result.push_back(integer(value[i], pointer + "/" + std::to_string(i)));
  return result;
}

const Json& required(const Json& object, const char* key, const std::string& pointer) {
  if (!object.is_object()) fail_at(pointer, "must be an object");
  const auto found = object.find(key);
  if (found == object.end()) fail_at(pointer, std::string("the key \"") + key + "\" is missing");
  return *found;
}

Op op_from(const Json& value, const std::string& pointer) {
  const std::string name = string(value, pointer);
  for (const Op op : all_ops)
    if (name == to_string(op)) return op;
  fail_at(pointer, "unknown operator \"" + name + "\"");
}

// Returns false when the operator has no such attribute.
bool read_attribute(const std::string& key, const Json& value, const std::string& pointer, Op op, Attributes& a) {
  if (key == "out_channels" && has_weights(op)) {
    a.out_channels = integer(value, pointer);
  } else if (key == "bias" && has_weights(op)) {
    a.bias = boolean(value, pointer);
  } else if (key == "kernel" && has_window(op)) {
    const std::vector<int> v = integers(value, 2, pointer);
    a.kernel_h = v[0], a.kernel_w = v[1];
  } else if (key == "stride" && has_window(op)) {
    const std::vector<int> v = integers(value, 2, pointer);
    a.stride_h = v[0], a.stride_w = v[1];
  } else if (key == "pad" && has_window(op)) {
    const std::vector<int> v = integers(value, 4, pointer);
    a.pad_top = v[0], a.pad_left = v[1], a.pad_bottom = v[2], a.pad_right = v[3];
  } else if (key == "dilation" && op == Op::conv2d) {
    const std::vector<int> v = integers(value, 2, pointer);
    a.dilation_h = v[0], a.dilation_w = v[1];
  } else if (key == "groups" && op == Op::conv2d) {
    a.groups = integer(value, pointer);
  } else if (key == "ceil_mode" && is_pool(op)) {
    a.ceil_mode = boolean(value, pointer);
  } else if (key == "count_include_pad" && op == Op::avg_pool) {
    a.count_include_pad = boolean(value, pointer);
  } else if (key == "eps" && op == Op::batch_norm) {
    a.eps = number(value, pointer);
  } else if (key == "probability" && op == Op::dropout) {
    a.probability = number(value, pointer);
  } else {
    return false;
  }
  return true;
}

Node node_from(const Json& json, const std::string& pointer) {
  Node node;
  node.name = string(required(json, "name", pointer), pointer + "/name");
  node.op = op_from(required(json, "op", pointer), pointer + "/op");
  for (const auto& item : json.items()) {
    const std::string place = pointer + "/" + item.key();
    if (item.key() == "name" || item.key() == "op") continue;
    if (item.key() == "inputs") {
      if (!item.value().is_array()) fail_at(place, "must be an array of node indices");
      node.inputs = integers(item.value(), item.value().size(), place);
    } else if (!read_attribute(item.key(), item.value(), place, node.op, node.attributes)) {
      fail_at(place, std::string("unknown key for ") + to_string(node.op));
    }
  }
  return node;
}

Json to_json(const Node& node) {
  const Attributes& a = node.attributes;
  const Attributes defaults;
  Json json = {{"name", node.name}, {"op", to_string(node.op)}};
  if (!node.inputs.empty()) json["inputs"] = node.inputs;
  if (has_weights(node.op)) {
    json["out_channels"] = a.out_channels;
    if (a.bias) json["bias"] = true;
  }
  if (has_window(node.op)) {
    if (a.kernel_h != 1 || a.kernel_w != 1) json["kernel"] = {a.kernel_h, a.kernel_w};
    if (a.stride_h != 1 || a.stride_w != 1) json["stride"] = {a.stride_h, a.stride_w};
    if (a.pad_top != 0 || a.pad_left != 0 || a.pad_bottom != 0 || a.pad_right != 0)
      json["pad"] = {a.pad_top, a.pad_left, a.pad_bottom, a.pad_right};
  }
  if (node.op == Op::conv2d && (a.dilation_h != 1 || a.dilation_w != 1))
    json["dilation"] = {a.dilation_h, a.dilation_w};
  if (node.op == Op::conv2d && a.groups != 1) json["groups"] = a.groups;
  if (is_pool(node.op) && a.ceil_mode) json["ceil_mode"] = true;
  if (node.op == Op::avg_pool && a.count_include_pad) json["count_include_pad"] = true;
  if (node.op == Op::batch_norm && a.eps != defaults.eps) json["eps"] = a.eps;
  if (node.op == Op::dropout && a.probability != defaults.probability) json["probability"] = a.probability;
  return json;
}

}  // namespace

Json to_json(const Graph& graph) {
  Json nodes = Json::array();
  for (const Node& node : graph.nodes) nodes.push_back(to_json(node));
  return {{"name", graph.name},
          {"input", {graph.input.channels, graph.input.height, graph.input.width}},
          {"nodes", std::move(nodes)}};
}

Graph graph_from_json(const Json& json) {
  Graph graph;
  graph.name = string(required(json, "name", ""), "/name");
  const std::vector<int> input = integers(required(json, "input", ""), 3, "/input");
  graph.input.channels = input[0];
  graph.input.height = input[1];
  graph.input.width = input[2];
  const Json& nodes = required(json, "nodes", "");
  if (!nodes.is_array()) fail_at("/nodes", "must be an array");
  for (const auto& item : json.items())
    if (item.key() != "name" && item.key() != "input" && item.key() != "nodes")
      fail_at("/" + item.key(), "unknown key for a graph");
  for (std::size_t i = 0; i < nodes.size(); ++i)
    graph.nodes.push_back(node_from(nodes[i], "/nodes/" + std::to_string(i)));
  infer_shapes(graph);
  return graph;
}

}  // namespace graph
}  // namespace automask
