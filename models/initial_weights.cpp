#include "models/initial_weights.h"

#include <algorithm>
#include <map>

#include "models/model_file.h"
#include "models/weights.h"

namespace automask::models {
namespace {

const graph::Node* classifier(const graph::Graph& graph) {
  for (auto node = graph.nodes.rbegin(); node != graph.nodes.rend(); ++node)
    if (node->op == graph::Op::linear || node->op == graph::Op::conv2d) return &*node;
  return nullptr;
}

}  // namespace

InitialWeights read_initial_weights(const graph::Graph& graph, const std::filesystem::path& file,
                                    const std::vector<std::string>& ignored) {
  InitialWeights initial;
  graph::TensorMap tensors;
  if (is_checkpoint(file)) {
    const Checkpoint checkpoint = load_checkpoint(file);
    tensors = dense_weights(checkpoint);
    initial.preprocessing = Preprocessing{checkpoint.graph.input, checkpoint.resizing, checkpoint.input};
  } else {
    tensors = read_model_file(file, {}).weights;
  }
  // Another number of classes: the last layer is left out, and stands in for itself while the others are checked.
  if (const graph::Node* last = classifier(graph)) {
    const auto parameters = graph::parameter_shapes(graph);
    const std::map<std::string, std::vector<std::int64_t>> shapes(parameters.begin(), parameters.end());
    const auto weight = tensors.find(last->name + ".weight");
    const auto& wanted = shapes.at(last->name + ".weight");
    if (weight != tensors.end() && weight->second.shape.size() == wanted.size() && weight->second.shape[0] != wanted[0])
      for (const char* part : {".weight", ".bias"})
        if (const auto own = shapes.find(last->name + part); own != shapes.end()) {
          initial.fresh.push_back(own->first);
          tensors[own->first] = {own->second, {}};
        }
  }
  initial.weights = assign(graph, std::move(tensors), ignored, file.string());
  for (const std::string& name : initial.fresh) initial.weights.erase(name);
  return initial;
}

}  // namespace automask::models
