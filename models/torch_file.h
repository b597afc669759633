#pragma once
// What torch.save writes: zip archives (since PyTorch 1.6) and the pickles before. Only tensors are read, nothing is
// executed.
#include <string>
#include <string_view>

#include "graph/tensor.h"

namespace automask::models {

bool is_torch_zip(std::string_view bytes);
bool is_torch_legacy(std::string_view bytes);

// The tensors of a state dict, or of the one under "state_dict", "model_state_dict" or "model", converted to FP32 and
// laid out row-major whatever their strides in the file. Names are as in the file; entries that are no tensors are left
// out. The tensors take at most 8 times the file's bytes. Error(corrupt) names file, tensor and fault.
graph::TensorMap decode_torch(std::string_view bytes, const std::string& file);

}  // namespace automask::models
