#pragma once
// The deployable file: union weights, masks, per-condition affine, input scaling. Runners read this and nothing else.
// C++14, nlohmann/json only; see docs/package.md.
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace automask {
namespace package {

constexpr int format_version = 1;

// "PATH: <place>: <fault>": truncated, foreign, wrong version, wrong hash, masks that disagree with shapes.
class PackageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Condition {
  std::string name;  // canonical condition, or "*" when one serves all
  graph::Mask mask;  // over the channel groups of `graph`; every member of the union is kept by some condition
  // Per affine node of `graph`, one value per channel. Those of channels the mask drops are not stored: 0 when read.
  std::map<std::string, std::vector<float>> scale, bias;
};

// NOLINTNEXTLINE(bugprone-exception-escape): moving an nlohmann::json throws nothing, the check cannot see it
struct Package {
  graph::Graph graph;        // already shrunk to the union; batch_norm nodes have become affine nodes
  graph::TensorMap weights;  // of conv2d and linear nodes only
  std::vector<Condition> conditions;
  std::vector<float> input_mean, input_deviation;  // (x / 255 - mean[c]) / deviation[c]
  std::vector<std::string> classes;
  nlohmann::json provenance;  // method, model, dataset, seed: for the record, never for execution
};

// One safetensors file, JSON structure in its metadata, content hash (SHA-256 of tensors and structure) included.
// The same package gives the same bytes; masks and normalisations that conditions share are stored once. Throws
// PackageError on what decode() would refuse.
std::string encode(const Package& package);
Package decode(const std::string& bytes, const std::string& file_name);  // throws PackageError
Package read_package(const std::string& path);

// Bytes of the encoded file by part: "weights", "masks", "normalisation", "structure" (header, names), "total".
std::map<std::string, std::int64_t> bytes_by_part(const Package& package);

// Condition k as a network of its own: physically shrunk to its mask, affine folded into the convolution or linear
// layer before it (which then has a bias) wherever nothing else reads that. What a runner executes.
struct PlainNetwork {
  graph::Graph graph;
  graph::TensorMap weights;
};
PlainNetwork materialise(const Package& package, int condition);

}  // namespace package
}  // namespace automask
