#pragma once
// The safetensors format (github.com/huggingface/safetensors): u64 header size, JSON header, tensors. FP32 here.
#include <filesystem>
#include <map>
#include <string>

#include "core/json.h"
#include "graph/tensor.h"

namespace automask::models {

struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  graph::TensorMap tensors;
};

// Errors are Error(corrupt) with file, tensor and fault; never reads outside the file.
std::string encode_safetensors(const SafetensorsFile& content);
SafetensorsFile decode_safetensors(std::string_view bytes, const std::string& file);

}  // namespace automask::models
