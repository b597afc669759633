#include "hw_targets/compiler/compile.h"

#include <cmath>
#include <utility>

#include "core/error.h"
#include "graph/union.h"

namespace automask::compiler {
namespace {

using graph::Op;

[[noreturn]] void fail(const std::string& place, const std::string& problem) {
  throw core::Error(core::ExitCode::steps_failed, "checkpoint: " + place, problem,
                    "train it again; the checkpoint disagrees with itself");
}

// The dense network and which of its channels are stored.
struct Dense {
  const models::Checkpoint& checkpoint;
  graph::ChannelGroups groups;
  graph::Mask united;
};

Dense survey(const models::Checkpoint& checkpoint) {
  const std::size_t count = checkpoint.conditions.size();
  if (count == 0 || checkpoint.masks.size() != count || checkpoint.normalisation.size() != count)
    fail("conditions", "there are " + std::to_string(count) + " names, " + std::to_string(checkpoint.masks.size()) +
                           " masks and " + std::to_string(checkpoint.normalisation.size()) + " normalisations");
  Dense dense{checkpoint, graph::channel_groups(checkpoint.graph), {}};
  for (std::size_t k = 0; k < count; ++k) {
    try {
      graph::shrink(checkpoint.graph, checkpoint.masks[k]);  // checks the mask
    } catch (const graph::GraphError& e) {
      fail("condition " + checkpoint.conditions[k], e.what());
    }
  }
  dense.united = graph::united(checkpoint.masks);
  return dense;
}

const std::vector<float>& values(const graph::TensorMap& tensors, const std::string& name, std::size_t channels,
                                 const std::string& place) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) fail(place, "tensor " + name + " is missing");
  if (found->second.data.size() != channels)
    fail(place, "tensor " + name + " has " + std::to_string(found->second.data.size()) + " values for " +
                    std::to_string(channels) + " channels");
  return found->second.data;
}

// y = (x - mean) / sqrt(var + eps) * weight + bias as scale and bias per channel of the union; 0 where this condition's
// mask drops the channel.
void fold_normalisation(const Dense& dense, std::size_t k, std::size_t node_index, std::size_t channels,
                        package::Condition& condition) {
  const graph::Node& node = dense.checkpoint.graph.nodes[node_index];
  const bool norm = node.op == Op::batch_norm;
  // A checkpoint may hold an affine node's tensors once, for all conditions.
  const bool once = !norm && dense.checkpoint.normalisation[k].count(node.name + ".weight") == 0;
  const graph::TensorMap& tensors = once ? dense.checkpoint.weights : dense.checkpoint.normalisation[k];
  const std::string place = "condition " + condition.name;
  const auto& weight = values(tensors, node.name + ".weight", channels, place);
  const auto& bias = values(tensors, node.name + ".bias", channels, place);
  const auto* mean = norm ? &values(tensors, node.name + ".running_mean", channels, place) : nullptr;
  const auto* variance = norm ? &values(tensors, node.name + ".running_var", channels, place) : nullptr;
  const auto stored = graph::channel_mask(dense.groups, static_cast<int>(node_index), dense.united);
  const auto kept = graph::channel_mask(dense.groups, static_cast<int>(node_index), dense.checkpoint.masks[k]);
  std::vector<float>&scales = condition.scale[node.name], &biases = condition.bias[node.name];
  for (std::size_t c = 0; c < channels; ++c) {
    if (!stored[c]) continue;
    double scale = weight[c], offset = bias[c];
    if (norm) {
      const double spread = (*variance)[c] + node.attributes.eps;
      if (!(spread > 0)) fail(place, "the running variance of node " + node.name + " is not above 0");
      scale /= std::sqrt(spread);
      offset -= (*mean)[c] * scale;
    }
    scales.push_back(kept[c] ? static_cast<float>(scale) : 0.0F);
    biases.push_back(kept[c] ? static_cast<float>(offset) : 0.0F);
  }
}

// What condition k has for itself of the stem, of the union's channels; 0 where its mask drops the channel. A stem that
// is shared leaves nothing.
graph::TensorMap private_stem(const Dense& dense, std::size_t k) {
  const models::Checkpoint& checkpoint = dense.checkpoint;
  graph::TensorMap stem;
  for (const int node : graph::stem_nodes(checkpoint.graph)) {
    const std::string name = checkpoint.graph.nodes[static_cast<std::size_t>(node)].name + ".weight";
    const auto own = checkpoint.normalisation[k].find(name);
    if (own == checkpoint.normalisation[k].end()) continue;
    graph::Tensor& tensor = stem[name] = {own->second.shape, {}};
    if (tensor.shape != checkpoint.weights.at(name).shape)
      fail("condition " + checkpoint.conditions[k], "tensor " + name + " has another shape than that of condition 0");
    const auto stored = graph::channel_mask(dense.groups, node, dense.united);
    const auto kept = graph::channel_mask(dense.groups, node, checkpoint.masks[k]);
    const std::size_t row = own->second.data.size() / stored.size();
    for (std::size_t c = 0; c < stored.size(); ++c) {  // the picture's channels are all kept: rows alone are dropped
      if (!stored[c]) continue;
      const auto first = own->second.data.begin() + static_cast<std::ptrdiff_t>(c * row);
      if (kept[c])
        tensor.data.insert(tensor.data.end(), first, first + static_cast<std::ptrdiff_t>(row));
      else
        tensor.data.insert(tensor.data.end(), row, 0.0F);
    }
    tensor.shape[0] = static_cast<std::int64_t>(tensor.data.size() / row);
  }
  return stem;
}

// How the network came to be, without the curves of its training: those stay in the checkpoint.
core::Json record_of(const core::Json& training) {
  core::Json record = core::Json::object();
  for (const char* key : {"method", "options", "seed", "steps", "views"})
    if (training.is_object() && training.contains(key)) record[key] = training.at(key);
  return record;
}

}  // namespace

package::Package compile(const models::Checkpoint& checkpoint) {
  const Dense dense = survey(checkpoint);
  package::Package package;
  package.graph = graph::shrink(checkpoint.graph, dense.united);
  try {
    package.weights = graph::shrink_weights(checkpoint.graph, dense.united, checkpoint.weights);
  } catch (const graph::GraphError& e) {
    fail("weights", e.what());
  }
  const std::vector<graph::Shape> shapes = graph::infer_shapes(checkpoint.graph);
  for (std::size_t k = 0; k < checkpoint.conditions.size(); ++k) {
    package::Condition condition;
    condition.name = checkpoint.conditions[k];
    for (std::size_t i = 0; i < checkpoint.graph.nodes.size(); ++i) {
      const Op op = checkpoint.graph.nodes[i].op;
      if (op == Op::batch_norm || op == Op::affine)
        fold_normalisation(dense, k, i, static_cast<std::size_t>(shapes[i].channels), condition);
    }
    condition.weights = private_stem(dense, k);
    package.conditions.push_back(std::move(condition));
  }
  package.private_stem = !package.conditions[0].weights.empty();
  for (const package::Condition& condition : package.conditions) {
    if (condition.weights.size() != package.conditions[0].weights.size())
      fail("condition " + condition.name, "some conditions have a stem of their own and others none");
    for (const auto& own : condition.weights) package.weights.erase(own.first);
  }
  for (graph::Node& node : package.graph.nodes) {
    if (node.op != Op::batch_norm && node.op != Op::affine) continue;
    node.op = Op::affine;
    node.attributes = {};
    for (const char* suffix : {".weight", ".bias", ".running_mean", ".running_var"})
      package.weights.erase(node.name + suffix);
  }
  const std::vector<graph::Mask> masks = graph::masks_within(checkpoint.graph, dense.united, checkpoint.masks);
  for (std::size_t k = 0; k < package.conditions.size(); ++k) package.conditions[k].mask = masks[k];
  package.input_mean = checkpoint.input.mean;
  package.input_deviation = checkpoint.input.deviation;
  package.input_resize = checkpoint.resizing.resize;
  package.input_bicubic = checkpoint.resizing.interpolation == models::Interpolation::bicubic;
  package.classes = checkpoint.classes;
  package.provenance = record_of(checkpoint.training);
  if (!checkpoint.estimator.is_null()) {
    try {
      package.estimator = package::estimator_from_json(checkpoint.estimator, package.conditions.size(), "checkpoint");
    } catch (const package::PackageError& e) {
      fail("estimator", e.what());
    }
  }
  return package;
}

}  // namespace automask::compiler
