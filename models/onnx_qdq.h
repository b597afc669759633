#pragma once
// A network on integers as ONNX in QuantizeLinear/DequantizeLinear form, which onnxruntime and others execute in INT8.
// No LibTorch here.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace automask::models {

// Values and weights are s8 with zero point 0; one scale per node's value, one per output channel of a layer.
struct QuantisedModel {
  graph::Graph graph;
  std::vector<float> scale;  // per node: what a step of its value is worth; above 0
  // The last values, which are real numbers in ONNX: of this node and all behind it.
  std::size_t output = 0;
  // Of conv2d and linear [out, ...] row-major, and of affine [channels], which becomes a depthwise convolution.
  // bias: in steps of weight_scale[o] * the input's scale.
  struct Layer {
    std::vector<std::int8_t> weight;
    std::vector<float> weight_scale;
    std::vector<std::int32_t> bias;
  };
  std::map<std::string, Layer> layers;
  std::map<std::string, std::int8_t> six;       // of relu6: its limit in steps
  std::map<std::string, std::string> metadata;  // free text beside the network
};

// The file's bytes: operator set 13, input FP32 [N, C, H, W] as for encode_onnx(), logits FP32 [N, classes]. Every
// conv2d, linear, add, average and affine stands between DequantizeLinear and QuantizeLinear, with weights s8 per
// channel and biases s32; relu, relu6 (as Clip), max_pool, concat and flatten act on the integers themselves. Values
// are u8 with zero point 128, which are the s8 ones moved up. Errors as encode_onnx().
std::string encode_onnx_qdq(const QuantisedModel& model);

}  // namespace automask::models
