// Networks for tests/peer/compare_networks.py: random weights as ONNX with our logits, and our logits of other files.
//
//   network_tool zoo                            names, one a line
//   network_tool export NAME FOLDER             model.onnx, folded.onnx, shrunk.onnx, and data.safetensors: "input",
//                                               "logits" and "shrunk_logits" of the masked network
//   network_tool run FILE MODEL|- DATA OUT      "logits" of a file (of MODEL's weights) on "input" of DATA
#include <torch/torch.h>

#include <iostream>

#include "core/atomic_file.h"
#include "core/philox.h"
#include "models/fold.h"
#include "models/model_file.h"
#include "models/network.h"
#include "models/safetensors.h"

namespace {

using namespace automask;
using models::OnnxModel;

models::Checkpoint checkpoint_of(const OnnxModel& model) {
  models::Checkpoint checkpoint;
  checkpoint.graph = model.graph;
  checkpoint.weights = model.weights;
  checkpoint.conditions = {"*"};
  checkpoint.masks = {graph::full_mask(graph::channel_groups(model.graph))};
  checkpoint.normalisation.resize(1);
  for (const graph::Node& node : model.graph.nodes)
    if (node.op == graph::Op::batch_norm)
      for (const char* tensor : {".weight", ".bias", ".running_mean", ".running_var"})
        checkpoint.normalisation[0][node.name + tensor] = model.weights.at(node.name + tensor);
  return checkpoint;
}

graph::Tensor logits_of(models::Network& network, const graph::Tensor& input) {
  const torch::NoGradGuard no_gradients;
  network.eval();
  return models::to_plain(network.forward(models::to_torch(input)));
}

// He initialisation, with normalisations that do something.
OnnxModel random_model(const models::ZooEntry& entry) {
  OnnxModel model;
  model.graph = models::build_published(entry, entry.preprocessing.input, entry.classes);
  models::Checkpoint checkpoint;
  models::Network(model.graph, 1, 5).store(checkpoint);
  model.weights = checkpoint.weights;
  core::RandomStream random(6);
  for (const graph::Node& node : model.graph.nodes) {
    if (node.op != graph::Op::batch_norm) continue;
    for (const char* tensor : {".weight", ".bias", ".running_mean", ".running_var"}) {
      const float low = tensor == std::string(".bias") || tensor == std::string(".running_mean") ? -0.2F : 0.7F;
      for (float& value : model.weights.at(node.name + tensor).data) value = low + 0.4F * random.uniform_float();
    }
  }
  return model;
}

graph::Mask random_mask(const graph::ChannelGroups& groups) {
  core::RandomStream random(7);
  graph::Mask mask = graph::full_mask(groups);
  for (std::size_t g = 0; g < mask.size(); ++g)
    if (groups.groups[g].maskable)
      for (std::size_t c = 1; c < mask[g].size(); ++c) mask[g][c] = random.below(2) != 0;
  return mask;
}

void export_zoo(const std::string& name, const std::filesystem::path& folder) {
  const models::ZooEntry& entry = *models::find_in_zoo(name);
  const OnnxModel model = random_model(entry);
  models::write_model_file(model, folder / "model.onnx");
  OnnxModel folded = model;
  models::fold_normalisation(folded.graph, folded.weights);
  models::write_model_file(folded, folder / "folded.onnx");

  models::SafetensorsFile data;
  const graph::Shape shape = model.graph.input;
  graph::Tensor& input = data.tensors["input"];
  input.shape = {2, shape.channels, shape.height, shape.width};
  core::RandomStream random(8);
  for (std::int64_t i = 0; i < 2LL * shape.channels * shape.height * shape.width; ++i)
    input.data.push_back(static_cast<float>(random.normal()));
  models::Network network(checkpoint_of(model));
  data.tensors["logits"] = logits_of(network, input);

  const graph::Mask mask = random_mask(network.groups());
  OnnxModel shrunk;
  shrunk.graph = graph::shrink(model.graph, mask);
  shrunk.weights = graph::shrink_weights(model.graph, mask, model.weights);
  models::write_model_file(shrunk, folder / "shrunk.onnx");
  network.set_mask(0, mask);
  data.tensors["shrunk_logits"] = logits_of(network, input);
  core::write_file_atomically(folder / "data.safetensors", models::encode_safetensors(data));
}

void run(const std::string& file, const std::string& model_name, const std::string& data, const std::string& out) {
  models::ModelFileOptions options;
  if (model_name != "-") options.model = model_name;
  models::Network network(checkpoint_of(models::read_model_file(file, options)));
  const models::SafetensorsFile given = models::decode_safetensors(core::read_file(data), data);
  models::SafetensorsFile result;
  result.tensors["logits"] = logits_of(network, given.tensors.at("input"));
  core::write_file_atomically(out, models::encode_safetensors(result));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() == 1 && words[0] == "zoo") {
      for (const models::ZooEntry& entry : models::zoo()) std::cout << entry.name << "\n";
    } else if (words.size() == 3 && words[0] == "export") {
      export_zoo(words[1], words[2]);
    } else if (words.size() == 5 && words[0] == "run") {
      run(words[1], words[2], words[3], words[4]);
    } else {
      std::cerr << "usage: network_tool zoo | export NAME FOLDER | run FILE MODEL|- DATA OUT\n";
      return 2;
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
