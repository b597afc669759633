#pragma once
// One condition's integer network, placed: weights packed for the kernels, one step per layer, memory shared by values
// that don't live at the same time. Computes docs/package.md section 10, bit for bit.
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "hw_targets/cpu/integer_fusion.h"
#include "hw_targets/cpu/integer_kernels.h"
#include "hw_targets/cpu/laps.h"
#include "hw_targets/cpu/team.h"
#include "hw_targets/package/integer.h"

namespace automask::cpu {

// INT8, batch size 1, OpenMP's number of threads at run(). Throws protocol::Refusal(unsupported) on an operator it
// cannot execute.
class IntegerNetwork {
 public:
  explicit IntegerNetwork(const package::IntegerNetwork& network, const Kernels& kernels = best_kernels());
  // Steps know where they live.
  IntegerNetwork(const IntegerNetwork&) = delete;
  IntegerNetwork& operator=(const IntegerNetwork&) = delete;

  // One picture u8 [H, W, C] -> logits.
  void run(const std::uint8_t* picture, float* logits, Laps* laps = nullptr);

  // What a lap is taken of: the input's conversion, under its node's name, then each node that has work of its own; the
  // output's conversion counts for the last.
  const std::vector<std::string>& layers() const { return layers_; }
  const nlohmann::json& placement() const { return placement_; }  // [{"name", "op", "placement"}]
  std::int64_t macs() const { return macs_; }                     // of the layers as they are placed
  std::size_t memory_bytes() const;                               // weights as packed, and activations

 private:
  using Step = std::function<void(const Member&)>;  // its share of the work; all meet afterwards

  void place(int node, const IntegerFusion& fusion, const package::IntegerNetwork& network);
  Step convolution(int node, int layer, const IntegerFused& fused, const package::IntegerNetwork& network);
  Step depthwise(int node, int layer, const IntegerFused& fused, const package::IntegerNetwork& network);
  Step linear(int node, int layer, const IntegerFused& fused, const package::IntegerNetwork& network);
  Step pool(int node, const graph::Node& layer);
  Step global_mean(int node, const package::IntegerNetwork& network);
  Step activation(int node, const package::IntegerNetwork& network);
  Step affine(int node, const package::IntegerNetwork& network);
  Step add(int node, const package::IntegerNetwork& network);
  Step concat(int node, const graph::Node& layer);
  Step flatten(int node, int source_node);

  // Per output pixel and tap of the kernel (counted by rows; -1: none): where it lies in the input, or -1 in the
  // padding.
  std::vector<std::int32_t> taps_of(int input, int node, const graph::Attributes& a,
                                    const std::vector<int>& taps) const;
  Finish finish_of(const std::string& layer, const IntegerFused& fused, const package::IntegerNetwork& network);
  // For channels from `first` on of the layer that `finish` is for.
  Finish finish_from(Finish finish, int first, int count);
  const graph::Shape& shape(int node) const { return shapes_[static_cast<std::size_t>(node)]; }
  int pixels(int node) const { return shape(node).height * shape(node).width; }
  std::size_t size(int node) const { return static_cast<std::size_t>(shape(node).channels * pixels(node)); }
  // A node's value while it lives: [H, W, C].
  std::int8_t* at(int node) {
    return slots_[static_cast<std::size_t>(slot_of_[static_cast<std::size_t>(node)])].data();
  }
  void quantise(const std::uint8_t* picture, const Member& member);
  int take_slot(std::size_t bytes);
  bool is_signed(int node) const { return signed_[static_cast<std::size_t>(node)]; }

  const Kernels& kernels_;
  std::vector<graph::Shape> shapes_;  // per node
  std::vector<int> storage_of_, slot_of_;
  std::vector<bool> signed_;  // per node: values below 0 can occur
  std::vector<std::vector<std::int8_t>> slots_;
  std::vector<bool> slot_free_;
  std::vector<std::int8_t> arranged_;  // a layer's input with its padding around it, as s16 where it has signs
  std::vector<std::int8_t> nothing_;   // zeros: what depthwise taps in the padding read
  std::vector<std::int8_t> lowest_;    // -127: what max_pool's read there
  std::vector<std::int32_t> sums_;
  std::vector<Requantisers> requantisers_;
  std::vector<std::vector<package::Requantisation>> exact_;
  std::vector<std::int8_t> input_table_;
  std::vector<std::int32_t> wide_;  // the output where it has more than 8 bits: [H, W, C]
  int output_ = 0;
  float scale_ = 1;
  std::vector<Step> steps_;
  Meeting meeting_;
  std::size_t packed_bytes_ = 0;
  std::int64_t macs_ = 0;
  std::vector<std::string> layers_;
  nlohmann::json placement_ = nlohmann::json::array();
};

}  // namespace automask::cpu
