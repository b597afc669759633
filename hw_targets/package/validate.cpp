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

std::vector<std::pair<std::string, std::vector<std::int64_t>>> stored_weights(const graph::Graph& graph) {
  std::set<std::string> per_condition;
  for (const int i : affine_nodes(graph)) {
    per_condition.insert(graph.nodes[i].name + ".weight");
    per_condition.insert(graph.nodes[i].name + ".bias");
  }
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> list;
  for (auto& parameter : graph::parameter_shapes(graph))
    if (per_condition.count(parameter.first) == 0) list.push_back(std::move(parameter));
  return list;
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
}

void check_weights(const Package& package, const std::string& file) {
  const auto expected = stored_weights(package.graph);
  for (const auto& parameter : expected) {
    const auto found = package.weights.find(parameter.first);
    const std::string place = "tensor " + parameter.first;
    if (found == package.weights.end()) fail(file, place, "is missing");
    if (found->second.shape != parameter.second)
      fail(file, place,
           "has shape [" + text(found->second.shape) + "], the graph needs [" + text(parameter.second) + "]");
    std::int64_t values = 1;
    for (const std::int64_t n : parameter.second) values *= n;
    if (static_cast<std::int64_t>(found->second.data.size()) != values)
      fail(file, place,
           "has " + std::to_string(found->second.data.size()) + " values, its shape needs " + std::to_string(values));
  }
  if (package.weights.size() == expected.size()) return;
  std::set<std::string> names;
  for (const auto& parameter : expected) names.insert(parameter.first);
  for (const auto& tensor : package.weights)
    if (names.count(tensor.first) == 0) fail(file, "tensor " + tensor.first, "the graph has no such parameter");
}

void check_conditions(const Package& package, const graph::ChannelGroups& groups, const std::string& file) {
  if (package.conditions.empty()) fail(file, "conditions", "there must be one at least");
  if (package.conditions.size() > most_conditions)
    fail(file, "conditions", "there are more than " + std::to_string(most_conditions));
  const std::vector<graph::Shape> shapes = graph::infer_shapes(package.graph);
  std::set<std::string> names;
  graph::Mask covered = package.conditions[0].mask;
  for (const Condition& condition : package.conditions) {
    const std::string place = "condition " + condition.name;
    if (condition.name.empty()) fail(file, "conditions", "a condition has no name");
    if (!names.insert(condition.name).second) fail(file, place, "the name stands twice");
    if (condition.name == "*" && package.conditions.size() > 1) fail(file, place, "* must stand alone");
    check_mask(condition.mask, groups, file, place);
    check_affine(condition.scale, package, shapes, file, place + ": scale");
    check_affine(condition.bias, package, shapes, file, place + ": bias");
    for (std::size_t g = 0; g < covered.size(); ++g)
      for (std::size_t c = 0; c < covered[g].size(); ++c) covered[g][c] |= condition.mask[g][c];
  }
  for (std::size_t g = 0; g < covered.size(); ++g)
    if (std::count(covered[g].begin(), covered[g].end(), 0) > 0)
      fail(file, "conditions",
           "no condition keeps some channels of group " + groups.groups[g].name + ", so they must not be stored");
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
