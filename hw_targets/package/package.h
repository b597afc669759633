#pragma once
// The deployable file: union weights, masks, per-condition affine, input scaling. Runners read this and nothing else.
// C++14, nlohmann/json only; see docs/package.md.
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "hw_targets/package/estimator.h"
#include "hw_targets/package/integer.h"

namespace automask {
namespace package {

constexpr int format_version = 1;

// "PATH: <place>: <fault>": truncated, foreign, wrong version, wrong hash, masks that disagree with shapes.
class PackageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// How weights are stored and what a runner computes in.
enum class Format { fp32, fp16, int8 };
const char* to_string(Format format);

struct Condition {
  std::string name;  // canonical condition; "*", the last: whatever no other describes
  graph::Mask mask;  // over the channel groups of `graph`; every member of the union is kept by some condition
  // FP32 and FP16: per affine node of `graph`, one value per channel. Those of channels the mask drops are not stored:
  // 0 when read.
  std::map<std::string, std::vector<float>> scale, bias;
  // INT8, in their place. Per channel of the union, likewise.
  Integers integers;
  // Where the stem is private: NODE.weight of each graph::stem_nodes(), of the union's shape, as Package::weights and
  // weight_scale hold those of other nodes. What feeds channels that the mask drops is not stored: 0 when read.
  graph::TensorMap weights;
  std::map<std::string, std::vector<float>> weight_scale;
};

// NOLINTNEXTLINE(bugprone-exception-escape): moving an nlohmann::json throws nothing, the check cannot see it
struct Package {
  graph::Graph graph;  // already shrunk to the union; batch_norm nodes have become affine nodes
  Format format = Format::fp32;
  // Of conv2d and linear nodes only. FP16: numbers that FP16 holds. INT8: whole numbers in [-127, 127], no biases,
  // whose steps are worth weight_scale[NODE][output channel].
  graph::TensorMap weights;
  std::map<std::string, std::vector<float>> weight_scale;
  // Each condition has weights of its own for the stem, which `weights` then lacks (its biases stay here).
  bool private_stem = false;
  std::vector<Condition> conditions;
  std::vector<float> input_mean, input_deviation;  // (x / 255 - mean[c]) / deviation[c]
  // How a photograph gets the network's input size: its short side resized to so many pixels, antialiased, then the
  // centre cut out. 0: to the input's shorter side.
  int input_resize = 0;
  bool input_bicubic = false;            // else bilinear
  std::vector<std::int8_t> input_table;  // INT8: [channels][256], the same in steps of the input's scale
  Estimator estimator;                   // empty where nothing picks the condition
  std::vector<std::string> classes;
  nlohmann::json provenance;  // method, model, dataset, seed: for the record, never for execution
};

// One safetensors file, JSON structure in its metadata, content hash (SHA-256 of tensors and structure) included.
// The same package gives the same bytes; masks and normalisations that conditions share are stored once. Throws
// PackageError on what decode() would refuse.
std::string encode(const Package& package);
Package decode(const std::string& bytes, const std::string& file_name);  // throws PackageError
Package read_package(const std::string& path);

// The weights, or INT8's weight scales, that condition k has for a conv2d or linear node: its own or the shared ones.
const graph::Tensor& weight_of(const Package& package, std::size_t k, const std::string& node);
const std::vector<float>& weight_scale_of(const Package& package, std::size_t k, const std::string& node);

// In their order, which is that of masks and of select_condition's indices.
std::vector<std::string> condition_names(const Package& package);
// What a runner answers to `load` (docs/runner-protocol.md): "conditions", "classes", "input".
nlohmann::json loaded_answer(const Package& package);

// Bytes of the encoded file by part: "weights" (with their scales), "masks", "normalisation" (INT8: requantisation and
// scales, and the input's table), "estimator", "structure" (header, names), "total".
std::map<std::string, std::int64_t> bytes_by_part(const Package& package);

// An estimator for `conditions` conditions as JSON, for files that hold no package; reading throws PackageError.
nlohmann::json to_json(const Estimator& estimator);
Estimator estimator_from_json(const nlohmann::json& json, std::size_t conditions, const std::string& file_name);

// FP32 and FP16. Condition k as a network of its own: physically shrunk to its mask, affine folded into the convolution
// or linear layer before it (which then has a bias) wherever nothing else reads that. What a runner executes.
struct PlainNetwork {
  graph::Graph graph;
  graph::TensorMap weights;
};
PlainNetwork materialise(const Package& package, int condition);

}  // namespace package
}  // namespace automask
