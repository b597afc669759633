// Networks for tests/peer/compare_exports.py.
//
//   exports_tool checkpoints FOLDER       NAME.safetensors, pruned checkpoints of two conditions with random weights;
//                                         prints "NAME HEIGHT WIDTH CHANNELS" a line
//   exports_tool logits FILE PICTURES OUT of a checkpoint (masked, FP32) or a package (the integer reference) on u8
//                                         pictures, one behind the other: "logits.K" and "step.K" of condition K
#include <torch/torch.h>

#include <iostream>

#include "core/atomic_file.h"
#include "core/philox.h"
#include "hw_targets/compiler/package_reference.h"
#include "models/network.h"
#include "models/safetensors.h"
#include "models/zoo.h"
#include "tests/unit/graph/networks.h"

namespace {

using namespace automask;

std::vector<graph::Graph> graphs() {
  std::vector<graph::Graph> all;
  for (const graph::Graph& graph : networks::all())
    if (graph.input.channels != 2) all.push_back(graph);  // those that pictures can be made for
  for (const char* name : {"resnet18", "mobilenet_v2", "squeezenet1_1"})
    all.push_back(models::build_published(*models::find_in_zoo(name), {3, 64, 64}, 10));
  return all;
}

// He initialisation, normalisations and masks of their own for each condition; some scales are negative.
models::Checkpoint pruned(const graph::Graph& graph) {
  models::Checkpoint checkpoint;
  models::Network(graph, 2, 5).store(checkpoint);
  checkpoint.conditions = {"clean", "jpeg:q20"};
  core::RandomStream random(6);
  std::mt19937 masks(7);
  for (std::size_t k = 0; k < 2; ++k) {
    checkpoint.masks[k] = networks::random_mask(graph::channel_groups(graph), masks, 0.6F);
    for (auto& [name, tensor] : checkpoint.normalisation[k])
      for (float& value : tensor.data) {
        const bool centred = name.ends_with(".bias") || name.ends_with(".running_mean");
        value = (centred ? -0.2F : 0.7F) + 0.4F * random.uniform_float();
        if (name.ends_with(".weight") && random.below(8) == 0) value = -value;
      }
  }
  for (const auto& [name, tensor] : checkpoint.normalisation[0]) checkpoint.weights[name] = tensor;
  checkpoint.input.mean.assign(static_cast<std::size_t>(graph.input.channels), 0.45F);
  checkpoint.input.deviation.assign(static_cast<std::size_t>(graph.input.channels), 0.22F);
  for (int i = 0; i < graph::infer_shapes(graph).back().channels; ++i) checkpoint.classes.push_back(std::to_string(i));
  checkpoint.training = {{"method", "random"}};
  return checkpoint;
}

void write_checkpoints(const std::filesystem::path& folder) {
  for (const graph::Graph& graph : graphs()) {
    models::save_checkpoint(pruned(graph), folder / (graph.name + ".safetensors"));
    std::cout << graph.name << " " << graph.input.height << " " << graph.input.width << " " << graph.input.channels
              << "\n";
  }
}

torch::Tensor pictures_of(const std::string& file, const graph::Shape& in) {
  const std::string bytes = core::read_file(file);
  const auto count = static_cast<std::int64_t>(bytes.size()) / (in.height * in.width * in.channels);
  return torch::from_blob(const_cast<char*>(bytes.data()), {count, in.height, in.width, in.channels}, torch::kByte)
      .clone();
}

void write_logits(const std::string& file, const std::string& pictures, const std::string& out) {
  const torch::InferenceMode guard;
  models::SafetensorsFile result;
  const auto store = [&](std::size_t k, const torch::Tensor& logits, float step) {
    result.tensors["logits." + std::to_string(k)] = models::to_plain(logits);
    result.tensors["step." + std::to_string(k)] = {{1}, {step}};
  };
  if (core::read_file(file).find("automask_package") == std::string::npos) {
    const models::Checkpoint checkpoint = models::load_checkpoint(file);
    models::Network network(checkpoint);
    network.eval();
    const torch::Tensor batch = pictures_of(pictures, checkpoint.graph.input);
    for (std::size_t k = 0; k < checkpoint.conditions.size(); ++k)
      store(k, network.forward(models::to_input(batch, checkpoint.input), static_cast<int>(k)), 0);
  } else {
    const package::Package package = package::read_package(file);
    const torch::Tensor batch = pictures_of(pictures, package.graph.input);
    for (std::size_t k = 0; k < package.conditions.size(); ++k) {
      compiler::PackageReference reference(package, static_cast<int>(k));
      const auto& scales = package.conditions[k].integers.scale;
      store(k, reference.logits(batch, 2), scales.empty() ? 0 : scales[package::output_node(package.graph)]);
    }
  }
  core::write_file_atomically(out, models::encode_safetensors(result));
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() == 2 && words[0] == "checkpoints") {
      write_checkpoints(words[1]);
    } else if (words.size() == 4 && words[0] == "logits") {
      write_logits(words[1], words[2], words[3]);
    } else {
      std::cerr << "usage: exports_tool checkpoints FOLDER | logits FILE PICTURES OUT\n";
      return 2;
    }
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
