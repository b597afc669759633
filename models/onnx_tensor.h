#pragma once
// Constants of ONNX files: weights, and the small integers that say shapes and axes.
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "graph/tensor.h"

namespace automask::models {

struct OnnxConstant {
  std::vector<std::int64_t> shape;
  std::vector<float> floats;           // of floating-point types, as FP32
  std::vector<std::int64_t> integers;  // of INT32, INT64 and BOOL
  bool is_integer = false;

  std::size_t size() const { return is_integer ? integers.size() : floats.size(); }
};

// FLOAT, FLOAT16, BFLOAT16, DOUBLE, INT32, INT64 and BOOL, raw or in their own fields. Error(corrupt) under `where`.
OnnxConstant onnx_constant(const onnx::TensorProto& tensor, const std::string& where);

}  // namespace automask::models
