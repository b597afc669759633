// models_tool NETWORK WEIGHTS INPUTS: executes a network of the zoo with a state dict, for comparison with its origin.
// WEIGHTS: safetensors, FP32. INPUTS: FP32 [N, C, H, W] of the network's published input, scaled, as raw bytes. The
// logits go to stdout, FP32 [N, classes] as raw bytes.
#include <torch/utils.h>

#include <cstring>
#include <iostream>

#include "core/atomic_file.h"
#include "models/network.h"
#include "models/safetensors.h"
#include "models/zoo.h"

namespace {

using namespace automask;

std::vector<std::string> numbered(int classes) {
  std::vector<std::string> names;
  for (int i = 0; i < classes; ++i) names.push_back(std::to_string(i));
  return names;
}

int run(const std::string& name, const std::string& weights, const std::string& inputs) {
  const models::ZooEntry* entry = models::find_in_zoo(name);
  if (entry == nullptr) throw std::runtime_error("the zoo has no " + name);
  const torch::NoGradGuard no_grad;
  models::Network network(models::published_checkpoint(
      *entry, models::decode_safetensors(core::read_file(weights), weights).tensors, numbered(entry->classes)));
  network.eval();
  const graph::Shape in = entry->preprocessing.input;
  const std::string bytes = core::read_file(inputs);
  const std::int64_t picture = std::int64_t{in.channels} * in.height * in.width;
  const std::int64_t count = static_cast<std::int64_t>(bytes.size() / sizeof(float)) / picture;
  torch::Tensor x = torch::empty({count, in.channels, in.height, in.width});
  std::memcpy(x.data_ptr<float>(), bytes.data(), static_cast<std::size_t>(count * picture) * sizeof(float));
  const graph::Tensor logits = models::to_plain(network.forward(x));
  std::cout.write(reinterpret_cast<const char*>(logits.data.data()),
                  static_cast<std::streamsize>(logits.data.size() * sizeof(float)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw std::runtime_error("usage: models_tool NETWORK WEIGHTS INPUTS");
    return run(argv[1], argv[2], argv[3]);
  } catch (const std::exception& error) {
    std::cerr << "models_tool: " << error.what() << "\n";
    return 1;
  }
}
