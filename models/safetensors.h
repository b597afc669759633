#pragma once
// The safetensors format (github.com/huggingface/safetensors): u64 header size, JSON header, tensors. Written in FP32;
// floating-point and integer formats up to 64 bits are read as FP32.
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
// The metadata alone, by the header.
std::map<std::string, std::string> safetensors_metadata(std::string_view bytes, const std::string& file);
// Whether a file that begins like one has `key` in its header, without reading more than that.
bool safetensors_header_names(std::string_view bytes, std::string_view key);

}  // namespace automask::models
