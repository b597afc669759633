#pragma once
// One condition's network, placed: primitives of oneDNN in order, weights packed into the layouts these prefer.
#include <array>
#include <cstdint>
#include <dnnl.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <unordered_map>
#include <vector>

#include "hw_targets/cpu/fusion.h"
#include "hw_targets/cpu/laps.h"
#include "hw_targets/package/package.h"

namespace automask::cpu {

struct Scaling {
  std::vector<float> mean, deviation;  // (x / 255 - mean[c]) / deviation[c]
};

// FP32, batch size 1. Throws protocol::Refusal(unsupported) on an operator it cannot execute, dnnl::error when oneDNN
// fails. The number of threads is OpenMP's at construction and must be the same in run().
class Network {
 public:
  Network(const package::PlainNetwork& plain, const Scaling& scaling, const dnnl::engine& engine);

  // One picture u8 [H, W, C] -> logits.
  void run(const std::uint8_t* picture, float* logits, Laps* laps = nullptr);

  // What a lap is taken of: the input's conversion, under its node's name, then each node that has work of its own; the
  // output's conversion counts for the last.
  const std::vector<std::string>& layers() const { return layers_; }
  const nlohmann::json& placement() const { return placement_; }  // [{"name", "op", "placement"}]
  std::int64_t macs() const { return macs_; }                     // of the layers as they are placed
  std::size_t memory_bytes() const { return memory_bytes_; }      // weights as packed, and activations

 private:
  using Arguments = std::unordered_map<int, dnnl::memory>;
  struct Step {
    dnnl::primitive primitive;
    Arguments arguments;
    std::size_t layer;  // of layers_
  };

  void place(int node, const Fusion& fusion, const package::PlainNetwork& plain);
  void place_convolution(int node, const Fused& fused, const package::PlainNetwork& plain);
  void place_linear(int node, const Fused& fused, const package::PlainNetwork& plain);
  void place_pool(int node, const graph::Graph& graph);
  dnnl::memory mend_average(const graph::Attributes& pool, const dnnl::memory& source, const dnnl::memory& averages);
  void place_activation(int node, const graph::Graph& graph);
  void place_concat(int node, const graph::Graph& graph);
  void place_softmax(int node, const graph::Graph& graph);
  void place_affine(int node, const package::PlainNetwork& plain);
  void place_add(int node, const graph::Graph& graph);
  void place_output(int last);

  dnnl::memory allocate(const dnnl::memory::desc& desc);
  // `data` in the plain layout `from`, repacked into `to`.
  dnnl::memory pack(const float* data, const dnnl::memory::desc& from, const dnnl::memory::desc& to);
  // A node's value as [1, C, H, W] of its shape: the output of a linear layer has two dimensions, a flatten its
  // input's.
  dnnl::memory picture(int value);
  dnnl::memory in_layout(const dnnl::memory& have, const dnnl::memory::desc& wanted);  // reorders when it is in another
  void add_step(const dnnl::primitive& primitive, Arguments arguments) {
    steps_.push_back({primitive, std::move(arguments), layers_.size() - 1});
  }
  void describe(const graph::Node& node, const std::string& placement);

  dnnl::engine engine_;
  dnnl::stream stream_;
  graph::Shape input_;
  std::vector<graph::Shape> shapes_;            // per node
  std::vector<std::array<float, 256>> levels_;  // scaled value of every u8 level, per channel
  std::vector<dnnl::memory> values_;            // per node
  std::vector<Step> steps_;
  dnnl::memory output_;
  std::vector<std::string> layers_;
  nlohmann::json placement_ = nlohmann::json::array();
  std::size_t memory_bytes_ = 0;
  std::int64_t macs_ = 0;
};

}  // namespace automask::cpu
