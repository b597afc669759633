#pragma once
// Named FP32 tensors, row-major: weights as plain data, so that graph, package and compiler need no LibTorch.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace automask {
namespace graph {

struct Tensor {
  std::vector<std::int64_t> shape;
  std::vector<float> data;  // product(shape) values
};
using TensorMap = std::map<std::string, Tensor>;

}  // namespace graph
}  // namespace automask
