#include "models/fold.h"

#include <cmath>

namespace automask::models {
namespace {

using graph::Graph;
using graph::Node;
using graph::Op;
using graph::TensorMap;

// y = scale[c] x + shift[c], taken out of the weights.
struct Line {
  std::vector<double> scale, shift;
};

Line take_line(const Node& node, TensorMap& weights) {
  const auto take = [&](const char* tensor) {
    const auto found = weights.find(node.name + tensor);
    std::vector<float> data = std::move(found->second.data);
    weights.erase(found);
    return data;
  };
  const std::vector<float> weight = take(".weight"), bias = take(".bias");
  Line line{{weight.begin(), weight.end()}, {bias.begin(), bias.end()}};
  if (node.op != Op::batch_norm) return line;
  const std::vector<float> mean = take(".running_mean"), variance = take(".running_var");
  for (std::size_t c = 0; c < mean.size(); ++c) {
    line.scale[c] /= std::sqrt(variance[c] + node.attributes.eps);
    line.shift[c] -= mean[c] * line.scale[c];
  }
  return line;
}

void apply(const Line& line, Node& into, TensorMap& weights) {
  graph::Tensor& weight = weights.at(into.name + ".weight");
  graph::Tensor& bias = weights[into.name + ".bias"];
  const std::size_t channels = line.scale.size(), row = weight.data.size() / channels;
  if (!into.attributes.bias) bias = {{static_cast<std::int64_t>(channels)}, std::vector<float>(channels, 0.0F)};
  into.attributes.bias = true;
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = c * row; i < (c + 1) * row; ++i)
      weight.data[i] = static_cast<float>(weight.data[i] * line.scale[c]);
    bias.data[c] = static_cast<float>(bias.data[c] * line.scale[c] + line.shift[c]);
  }
}

}  // namespace

void fold_normalisation(Graph& graph, TensorMap& weights) {
  graph::check_weights(graph, weights);
  std::vector<int> readers(graph.nodes.size(), 0);
  for (const Node& node : graph.nodes)
    for (const int input : node.inputs) ++readers[input];

  Graph folded;
  folded.name = graph.name;
  folded.input = graph.input;
  std::vector<int> place;  // of each old node's output among the new nodes
  for (const Node& node : graph.nodes) {
    if (node.op == Op::batch_norm || node.op == Op::affine) {
      Node& before = folded.nodes[place[node.inputs[0]]];
      if ((before.op == Op::conv2d || before.op == Op::linear) && readers[node.inputs[0]] == 1) {
        apply(take_line(node, weights), before, weights);
        // A second normalisation may follow: it reads what this one gave.
        readers[node.inputs[0]] = 1;
        place.push_back(place[node.inputs[0]]);
        continue;
      }
    }
    Node copy = node;
    for (int& input : copy.inputs) input = place[input];
    folded.nodes.push_back(std::move(copy));
    place.push_back(static_cast<int>(folded.nodes.size()) - 1);
  }
  graph = std::move(folded);
}

}  // namespace automask::models
