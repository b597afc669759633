#pragma once
// One condition of a package as an ONNX model, for programs that don't know packages. No LibTorch here.
#include "hw_targets/package/package.h"
#include "models/onnx.h"
#include "models/onnx_qdq.h"

namespace automask::compiler {

// FP32 and FP16 (whose weights become FP32 again): shrunk to the condition's mask, normalisation folded. Metadata: the
// preprocessing, the condition, and the classes as a JSON array.
models::OnnxModel onnx_model(const package::Package& package, int condition);

// INT8. Weight scales are those at which real arithmetic gives the requantisation's factor, |multiplier| / 2^shift;
// where the multiplier is negative the weights change their sign. What stays different from docs/package.md section 10:
// halves are rounded to even, -128 is not clamped to -127, and the output node's values are not rounded to its steps.
models::QuantisedModel onnx_qdq_model(const package::Package& package, int condition);

}  // namespace automask::compiler
