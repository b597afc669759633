#pragma once
// One condition of a package as a list of kernels: what is fused with what, which of the union's channels each layer
// reads, where its values lie. C++14.
#include <cstdint>
#include <string>
#include <vector>

#include "hw_targets/cuda/launch.h"
#include "hw_targets/package/package.h"

namespace automask {
namespace cuda {

// How a layer's weights lie in device memory: those of convolutions without groups as [in * window, out], so that
// output channels are neighbours; others as [out, in / groups * window].
struct WeightLayout {
  bool transposed = false;
  int rows = 0, columns = 0, stride = 0;  // of values; the stride is a multiple of 8 but for convolutions in groups
  int taps = 1;                           // transposed: rows for each input channel
};
// `layer`: a conv2d or linear node of `graph`.
WeightLayout layout_of(const graph::Graph& graph, int layer);
// A tensor of the package in that layout; what pads a row is 0.
std::vector<float> laid_out(const WeightLayout& layout, const graph::Tensor& tensor);

// A value's place: a part of a buffer, in values.
struct Place {
  int buffer = -1;
  std::size_t first = 0;
};

struct Step {
  KernelKey key;            // a convolution's tile, and whether it is INDEXED, are chosen later
  std::string layer, text;  // the node's name, what is fused: "conv2d + affine + add + relu"
  graph::Op op = graph::Op::input;
  Place x, residual, y;  // residual.buffer -1: none; the picture's x is the picture itself
  int weights = -1;      // node of the package's graph
  std::vector<float> scale, bias;
  std::vector<std::int32_t> in_list, out_list;  // of the union's weights; empty: all
  std::int64_t macs = 0;
  bool masked() const { return !in_list.empty() || !out_list.empty(); }
};

struct Buffer {
  std::size_t values = 0;
  int first = 0, last = 0;  // steps between which it is alive
  std::size_t offset = 0;   // in the arena, in values
};

struct Program {
  std::vector<Step> steps;
  std::vector<Buffer> buffers;
  std::size_t arena_values = 0;
  Place output;
  int classes = 0;
};

// FP32 and FP16 packages. Throws graph::GraphError, or DeviceError(unsupported) on an operator that has no kernel.
Program lower(const package::Package& package, int condition);

// Each step's layer, and "concat #2" where a node has several steps: no two alike.
std::vector<std::string> step_names(const Program& program);

// Gives buffers that live at the same time different places; returns the size of all together.
std::size_t plan_memory(std::vector<Buffer>& buffers);

}  // namespace cuda
}  // namespace automask
