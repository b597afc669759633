#include <algorithm>
#include <cmath>

#include "hw_targets/package/layout.h"
#include "hw_targets/package/sha256.h"

namespace automask {
namespace package {
namespace {

std::string text(const std::vector<std::int64_t>& shape) {
  std::string out;
  for (std::size_t i = 0; i < shape.size(); ++i) out.append(i == 0 ? "" : ",").append(std::to_string(shape[i]));
  return out;
}

void check_mask(const graph::Mask& mask, const graph::ChannelGroups& groups, const std::string& file,
                const std::string& place) {
  if (mask.size() != groups.groups.size())
    fail(file, place,
         "the mask covers " + std::to_string(mask.size()) + " channel groups, the graph has " +
             std::to_string(groups.groups.size()));
  for (std::size_t g = 0; g < mask.size(); ++g) {
    const graph::ChannelGroup& group = groups.groups[g];
    if (static_cast<int>(mask[g].size()) != group.channels)
      fail(file, place,
           "the mask of group " + group.name + " has " + std::to_string(mask[g].size()) + " channels, the group " +
               std::to_string(group.channels));
    const auto dropped = std::count(mask[g].begin(), mask[g].end(), 0);
    if (dropped == group.channels) fail(file, place, "the mask keeps no channel of group " + group.name);
    if (dropped > 0 && !group.maskable)
      fail(file, place, "the mask drops channels of group " + group.name + ", which cannot be masked");
  }
}

void check_affine(const std::map<std::string, std::vector<float>>& values, const Package& package,
                  const std::vector<graph::Shape>& shapes, const std::string& file, const std::string& place) {
  const std::vector<int> nodes = affine_nodes(package.graph);
  for (const int i : nodes) {
    const std::string& name = package.graph.nodes[i].name;
    const auto found = values.find(name);
    if (found == values.end()) fail(file, place, "node " + name + " has no values");
    if (static_cast<int>(found->second.size()) != shapes[i].channels)
      fail(file, place,
           "node " + name + " has " + std::to_string(found->second.size()) + " values for " +
               std::to_string(shapes[i].channels) + " channels");
  }
  if (values.size() != nodes.size()) fail(file, place, "has values for nodes that are no affine");
}

}  // namespace

std::vector<int> affine_nodes(const graph::Graph& graph) {
  std::vector<int> nodes;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    if (graph.nodes[i].op == graph::Op::affine) nodes.push_back(static_cast<int>(i));
  return nodes;
}

PrivateStem private_stem(const Package& package) {
  PrivateStem stem;
  if (!package.private_stem) return stem;
  for (const int node : graph::stem_nodes(package.graph))
    stem[package.graph.nodes[static_cast<std::size_t>(node)].name] = {};
  for (auto& parameter : graph::parameter_shapes(package.graph)) {
    const auto own = stem.find(parameter.first.substr(0, parameter.first.rfind('.')));
    if (own != stem.end() && parameter.first == own->first + ".weight") own->second = std::move(parameter.second);
  }
  return stem;
}

std::vector<std::pair<std::string, std::vector<std::int64_t>>> stored_weights(const Package& package) {
  std::set<std::string> per_condition;
  for (const auto& own : private_stem(package)) per_condition.insert(own.first + ".weight");
  for (const graph::Node& node : package.graph.nodes) {
    if (node.op == graph::Op::affine) per_condition.insert(node.name + ".weight");
    if (node.op == graph::Op::affine || package.format == Format::int8) per_condition.insert(node.name + ".bias");
  }
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> list;
  for (auto& parameter : graph::parameter_shapes(package.graph))
    if (per_condition.count(parameter.first) == 0) list.push_back(std::move(parameter));
  return list;
}

std::vector<int> folded_into(const graph::Graph& graph) {
  std::vector<int> readers(graph.nodes.size(), 0), layer(graph.nodes.size(), -1);
  for (const graph::Node& node : graph.nodes)
    for (const int input : node.inputs) ++readers[static_cast<std::size_t>(input)];
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].op != graph::Op::affine) continue;
    const std::size_t input = static_cast<std::size_t>(graph.nodes[i].inputs[0]);
    const graph::Op op = graph.nodes[input].op;
    if (readers[input] != 1) continue;
    // A chain of affines folds one after the other.
    layer[i] = op == graph::Op::conv2d || op == graph::Op::linear ? static_cast<int>(input) : layer[input];
  }
  return layer;
}

std::vector<Requantised> requantised_nodes(const graph::Graph& graph) {
  const std::vector<graph::Shape> shapes = graph::infer_shapes(graph);
  const std::vector<int> folded = folded_into(graph);
  std::vector<Requantised> result;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const int node = static_cast<int>(i);
    switch (graph.nodes[i].op) {
      case graph::Op::conv2d:
      case graph::Op::linear:
        result.push_back({node, true, static_cast<std::size_t>(shapes[i].channels)});
        break;
      case graph::Op::affine:
        if (folded[i] < 0) result.push_back({node, true, static_cast<std::size_t>(shapes[i].channels)});
        break;
      case graph::Op::add:
        result.push_back({node, false, graph.nodes[i].inputs.size()});
        break;
      case graph::Op::global_avg_pool:
      case graph::Op::relu6:
        result.push_back({node, false, 1});
        break;
      default:
        break;
    }
  }
  return result;
}

std::vector<std::uint8_t> stored_entries(const Requantised& entry, const graph::ChannelGroups& groups,
                                         const graph::Mask& mask) {
  if (entry.per_channel) return graph::channel_mask(groups, entry.node, mask);
  return std::vector<std::uint8_t>(entry.count, 1);
}

std::string content_hash(const Container& container) {
  Sha256 hash;
  hash.update(container.metadata.at(structure_key));
  for (const auto& item : container.tensors) {
    const StoredTensor& tensor = item.second;
    hash.update(item.first + " " + tensor.dtype + " " + text(tensor.shape) + " " + std::to_string(tensor.bytes.size()) +
                "\n");
    hash.update(tensor.bytes);
  }
  return hash.hex();
}

void check_graph(const Package& package, const std::string& file) {
  try {
    graph::infer_shapes(package.graph);
  } catch (const graph::GraphError& e) {
    fail(file, "graph", e.what());
  }
  for (const graph::Node& node : package.graph.nodes)
    if (node.op == graph::Op::batch_norm)
      fail(file, "graph", "node " + node.name + " is a batch_norm; packages hold affine nodes instead");
  if (package.private_stem && graph::stem_nodes(package.graph).empty())
    fail(file, "stem", "is private, but no convolution without groups reads the picture");
}

namespace {

void check_size(const graph::Tensor& tensor, const std::vector<std::int64_t>& shape, const std::string& file,
                const std::string& place) {
  if (tensor.shape != shape)
    fail(file, place, "has shape [" + text(tensor.shape) + "], the graph needs [" + text(shape) + "]");
  std::int64_t values = 1;
  for (const std::int64_t n : shape) values *= n;
  if (static_cast<std::int64_t>(tensor.data.size()) != values)
    fail(file, place,
         "has " + std::to_string(tensor.data.size()) + " values, its shape needs " + std::to_string(values));
}

void check_stem(const PrivateStem& stem, const Condition& condition, const std::string& file,
                const std::string& place) {
  if (condition.weights.size() != stem.size()) fail(file, place, "must have weights for the private stem alone");
  for (const auto& own : stem) {
    const std::string name = own.first + ".weight";
    const auto found = condition.weights.find(name);
    if (found == condition.weights.end()) fail(file, place, "has no weights for node " + own.first);
    check_size(found->second, own.second, file, place + ": tensor " + name);
  }
}

}  // namespace

void check_weights(const Package& package, const std::string& file) {
  const auto expected = stored_weights(package);
  for (const auto& parameter : expected) {
    const auto found = package.weights.find(parameter.first);
    const std::string place = "tensor " + parameter.first;
    if (found == package.weights.end()) fail(file, place, "is missing");
    check_size(found->second, parameter.second, file, place);
  }
  if (package.weights.size() == expected.size()) return;
  std::set<std::string> names;
  for (const auto& parameter : expected) names.insert(parameter.first);
  for (const auto& tensor : package.weights)
    if (names.count(tensor.first) == 0) fail(file, "tensor " + tensor.first, "the graph has no such parameter");
}

std::string range_fault(const Requantisation& r) {
  if (r.shift > most_shift) return "a shift is above " + std::to_string(most_shift);
  if (r.bias > most_bias || r.bias < -most_bias) return "a bias is beyond 2^30";
  return "";
}

std::string multiplier_fault(const Requantisation& r) {
  const std::int32_t magnitude = std::abs(static_cast<std::int32_t>(r.multiplier));
  const bool normalised = magnitude >= 16384 && magnitude <= 32767;
  return r.multiplier == 0 || normalised ? "" : "a multiplier must be 0 or have 15 bits";
}

void check_conditions(const Package& package, const graph::ChannelGroups& groups, const std::string& file) {
  if (package.conditions.empty()) fail(file, "conditions", "there must be one at least");
  if (package.conditions.size() > most_conditions)
    fail(file, "conditions", "there are more than " + std::to_string(most_conditions));
  const std::vector<graph::Shape> shapes = graph::infer_shapes(package.graph);
  const PrivateStem stem = private_stem(package);
  std::set<std::string> names;
  graph::Mask covered = package.conditions[0].mask;
  for (const Condition& condition : package.conditions) {
    const std::string place = "condition " + condition.name;
    if (condition.name.empty()) fail(file, "conditions", "a condition has no name");
    if (!names.insert(condition.name).second) fail(file, place, "the name stands twice");
    if (condition.name == "*" && &condition != &package.conditions.back()) fail(file, place, "* must be the last");
    check_mask(condition.mask, groups, file, place);
    check_stem(stem, condition, file, place);
    if (package.format == Format::int8) {
      if (!condition.scale.empty() || !condition.bias.empty())
        fail(file, place, "has a normalisation in real numbers, INT8 packages hold integers");
    } else {
      check_affine(condition.scale, package, shapes, file, place + ": scale");
      check_affine(condition.bias, package, shapes, file, place + ": bias");
    }
    for (std::size_t g = 0; g < covered.size(); ++g)
      for (std::size_t c = 0; c < covered[g].size(); ++c) covered[g][c] |= condition.mask[g][c];
  }
  for (std::size_t g = 0; g < covered.size(); ++g)
    if (std::count(covered[g].begin(), covered[g].end(), 0) > 0)
      fail(file, "conditions",
           "no condition keeps some channels of group " + groups.groups[g].name + ", so they must not be stored");
}

namespace {

void check_requantisation(const graph::Node& node, const std::vector<Requantisation>& values, const std::string& file,
                          const std::string& place) {
  for (const Requantisation& r : values) {
    if (!range_fault(r).empty()) fail(file, place, range_fault(r));
    if (node.op == graph::Op::relu6) {
      if (r.bias < 0 || r.bias > most_value || r.multiplier != 0 || r.shift != 0)
        fail(file, place, "the limit must be a value from 0 to 127");
    } else if (node.op == graph::Op::add) {
      // The smaller summand's multiplier may have fewer bits.
      if (r.bias != 0 || r.shift != values[0].shift || r.multiplier == -32768)
        fail(file, place, "summands must share a shift and have no bias");
    } else if (!multiplier_fault(r).empty()) {
      fail(file, place, multiplier_fault(r));
    }
    if (node.op == graph::Op::global_avg_pool && r.bias != 0) fail(file, place, "a mean has no bias");
  }
}

// Channels whose values are the input's carry its scale.
void check_scales(const graph::Graph& graph, const std::vector<float>& scale, const std::string& file,
                  const std::string& place) {
  if (scale.size() != graph.nodes.size())
    fail(file, place,
         std::to_string(scale.size()) + " scales for " + std::to_string(graph.nodes.size()) + " nodes of the graph");
  for (std::size_t i = 0; i < scale.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    if (!std::isfinite(scale[i]) || scale[i] <= 0)
      fail(file, place, "the scale of node " + node.name + " must be finite and above 0");
    if (!shares_scale(node.op)) continue;
    for (const int input : node.inputs)
      if (scale[static_cast<std::size_t>(input)] != scale[i])
        fail(file, place, "the scale of node " + node.name + " differs from its input's");
  }
}

}  // namespace

namespace {

void check_whole(const graph::TensorMap& weights, const std::string& file, const std::string& place) {
  for (const auto& item : weights)
    for (const float value : item.second.data)
      if (!(value >= -most_value && value <= most_value) || value != std::floor(value))
        fail(file, place + item.first, "must hold whole numbers from -127 to 127");
}

// `stored`: 1 per output channel whose scale is in the file.
void check_weight_scales(const std::map<std::string, std::vector<float>>& scales, const std::string& node,
                         const std::vector<std::uint8_t>& stored, const std::string& file, const std::string& place) {
  const auto found = scales.find(node);
  if (found == scales.end() || found->second.size() != stored.size())
    fail(file, place, "must have one value per output channel");
  for (std::size_t c = 0; c < stored.size(); ++c)
    if (stored[c] != 0 && (!std::isfinite(found->second[c]) || found->second[c] <= 0))
      fail(file, place, "scales must be finite and above 0");
}

}  // namespace

void check_integers(const Package& package, const std::string& file) {
  const std::vector<Requantised> nodes = requantised_nodes(package.graph);
  const graph::ChannelGroups groups = graph::channel_groups(package.graph);
  const PrivateStem stem = private_stem(package);
  check_whole(package.weights, file, "tensor ");
  for (const Condition& condition : package.conditions) {
    const std::string place = "condition " + condition.name + ": tensor ";
    check_whole(condition.weights, file, place);
    for (const auto& own : stem)
      check_weight_scales(condition.weight_scale, own.first,
                          graph::channel_mask(groups, package.graph.find(own.first), condition.mask), file,
                          place + weight_scale_name(own.first));
    if (condition.weight_scale.size() != stem.size())
      fail(file, "condition " + condition.name, "has weight scales of nodes that are not private");
  }
  std::size_t layers = 0;
  const std::vector<graph::Shape> shapes = graph::infer_shapes(package.graph);
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const graph::Node& node = package.graph.nodes[i];
    if (node.op != graph::Op::conv2d && node.op != graph::Op::linear) continue;
    if (stem.count(node.name) == 0) {
      ++layers;
      check_weight_scales(package.weight_scale, node.name,
                          std::vector<std::uint8_t>(static_cast<std::size_t>(shapes[i].channels), 1), file,
                          "tensor " + weight_scale_name(node.name));
    }
    // s32 holds accumulator and bias: 127 * 127 products below 2^30.
    const graph::Tensor& weight = weight_of(package, 0, node.name);
    if (weight.data.size() / static_cast<std::size_t>(shapes[i].channels) > 65536)
      fail(file, "node " + node.name, "sums more than 65536 products, an accumulator could overflow");
  }
  if (layers != package.weight_scale.size())
    fail(file, "weight scales", "there are some of nodes that have no weights");
  for (const Condition& condition : package.conditions) {
    const std::string place = "condition " + condition.name + ": integers";
    check_scales(package.graph, condition.integers.scale, file, place);
    for (const Requantised& entry : nodes) {
      const graph::Node& node = package.graph.nodes[static_cast<std::size_t>(entry.node)];
      const auto found = condition.integers.of_node.find(node.name);
      if (found == condition.integers.of_node.end() || found->second.size() != entry.count)
        fail(file, place, "node " + node.name + " needs " + std::to_string(entry.count) + " entries");
      check_requantisation(node, found->second, file, place + " of node " + node.name);
    }
    if (condition.integers.of_node.size() != nodes.size()) fail(file, place, "there are some of nodes that need none");
  }
  const std::size_t levels = 256 * static_cast<std::size_t>(package.graph.input.channels);
  if (package.input_table.size() != levels)
    fail(file, std::string("tensor ") + input_table_name, "must have 256 values per input channel");
  for (const std::int8_t value : package.input_table)
    if (value < -most_value) fail(file, std::string("tensor ") + input_table_name, "must hold values from -127 to 127");
}

void check_input_and_classes(const Package& package, const std::string& file) {
  const std::size_t channels = static_cast<std::size_t>(package.graph.input.channels);
  if (package.input_mean.size() != channels || package.input_deviation.size() != channels)
    fail(file, "input", "mean and deviation need one value for each of " + std::to_string(channels) + " channels");
  for (const float value : package.input_mean)
    if (!std::isfinite(value)) fail(file, "input", "mean must be finite");
  for (const float value : package.input_deviation)
    if (!std::isfinite(value) || value <= 0) fail(file, "input", "deviation must be finite and above 0");
  const graph::Shape out = graph::infer_shapes(package.graph).back();
  if (out.height != 1 || out.width != 1) fail(file, "graph", "the output must be features, not a picture");
  if (static_cast<int>(package.classes.size()) != out.channels)
    fail(file, "classes",
         "there are " + std::to_string(package.classes.size()) + " names for " + std::to_string(out.channels) +
             " outputs");
}

}  // namespace package
}  // namespace automask
