#pragma once
// Networks by name, as graphs. No LibTorch here.
#include <string>
#include <vector>

#include "core/json.h"
#include "graph/graph.h"
#include "models/checkpoint.h"

namespace automask::models {

// What published weights expect of their pictures. It belongs to the weights: checkpoints carry it on.
struct Preprocessing {
  graph::Shape input;  // cut out of the centre after resizing
  Resizing resizing;
  InputScaling scaling;
};

struct ZooEntry {
  std::string name;     // the field's name, e.g. "resnet20"
  std::string summary;  // one line, with the source of the architecture
  // Of the published weights; where none are published a usual input, and a scaling to [0, 1].
  Preprocessing preprocessing;
  bool published = false;  // there are published weights, and the preprocessing is theirs
  int classes = 1000;
  // Beginnings of the names of published tensors that the graph leaves out, e.g. "aux1.".
  std::vector<std::string> ignored;
};
const std::vector<ZooEntry>& zoo();
const ZooEntry* find_in_zoo(const std::string& name);  // nullptr where there is none

// {"name": "resnet8", "width": 16}; classes and input shape come from the data set. Unknown names and keys fail with
// the cursor's pointer and "did you mean". GraphError for some networks that the input doesn't fit; infer_shapes()
// finds the others.
graph::Graph build_model(const core::JsonCursor& cursor, graph::Shape input, int classes);
// As published: 1000 classes and its own input, or others. Without options.
graph::Graph build_published(const ZooEntry& entry, graph::Shape input, int classes);

// Published weights, nothing masked, one condition, with the entry's preprocessing. What the entry ignores is dropped;
// GraphError names a tensor that is missing, misshapen or surplus. `classes`: names of the outputs, as many as the
// network is to have.
Checkpoint published_checkpoint(const ZooEntry& entry, graph::TensorMap weights, std::vector<std::string> classes);

}  // namespace automask::models
