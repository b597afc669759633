#pragma once
// What every method yields: a dense graph, its weights, and per condition a mask and a normalisation. No LibTorch here.
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "graph/graph.h"

namespace automask::models {

// The key of the safetensors metadata that holds a checkpoint's structure: what tells one from other safetensors files.
constexpr const char* checkpoint_key = "automask.checkpoint";

// How a u8 picture becomes the network's input: (x / 255 - mean[c]) / deviation[c], FP32.
struct InputScaling {
  std::vector<float> mean, deviation;
};

// How a photograph gets the network's input size before that: its short side is resized to `resize` pixels (0: to the
// input's), antialiased, then the centre is cut out.
enum class Interpolation { bilinear, bicubic };
struct Resizing {
  int resize = 0;
  Interpolation interpolation = Interpolation::bilinear;
};

struct Checkpoint {
  graph::Graph graph;  // dense: masks are not applied yet
  // All of parameter_shapes(graph); batch_norm and affine tensors and a private stem's are those of condition 0.
  graph::TensorMap weights;
  // One ("*") when all share mask and normalisation, else one per condition, canonical names; "*" last: the general
  // set.
  std::vector<std::string> conditions;
  std::vector<graph::Mask> masks;  // per condition
  // What each condition has for itself: weight, bias, running_mean, running_var of every batch_norm node, weight and
  // bias of every affine; and where the stem is private, the weight of each of graph::stem_nodes().
  std::vector<graph::TensorMap> normalisation;
  // Where the weights were trained for INT8, per condition: the range of each value that an INT8 package's networks
  // hold, by node; else empty.
  std::vector<std::map<std::string, double>> ranges;
  InputScaling input;
  Resizing resizing;
  std::vector<std::string> classes;
  core::Json estimator;  // of the condition, where there are several and it was trained: package::to_json(Estimator)
  core::Json training;   // method, options, seed, steps, losses: for the record
};

bool has_private_stem(const Checkpoint& checkpoint);

// A checkpoint's dense weights, with what its network has for `clean` pictures for itself, else for its first
// condition.
graph::TensorMap dense_weights(const Checkpoint& checkpoint);

// A network nothing is masked in, for every condition alike: its weights (all of parameter_shapes(graph)) as the only
// set of normalisation. Input scaling, resizing and classes are left to the caller.
Checkpoint unmasked_checkpoint(graph::Graph graph, graph::TensorMap weights);

// One safetensors file with the structure as JSON in its metadata; atomic. Reading checks shapes and sizes;
// Error(corrupt) names file and fault.
void save_checkpoint(const Checkpoint& checkpoint, const std::filesystem::path& path);
Checkpoint load_checkpoint(const std::filesystem::path& path);
// The structure alone, unchecked, by the file's header; nothing where the file is no checkpoint. Error(corrupt)
// likewise, Error(usage) where it cannot be opened.
std::optional<core::Json> checkpoint_structure(const std::filesystem::path& path);
// Where a fault of the structure is, in front of its JSON pointer.
std::string structure_place(const std::filesystem::path& path);

}  // namespace automask::models
