#pragma once
// Networks by name, as graphs. No LibTorch here.
#include <string>
#include <vector>

#include "core/json.h"
#include "graph/graph.h"

namespace automask::models {

struct ZooEntry {
  std::string name;     // the field's name, e.g. "resnet20"
  std::string summary;  // one line, with the source of the architecture
};
const std::vector<ZooEntry>& zoo();

// {"name": "resnet8", "width": 16}; classes and input shape come from the data set. Unknown names and keys fail with
// the cursor's pointer and "did you mean".
graph::Graph build_model(const core::JsonCursor& cursor, graph::Shape input, int classes);

}  // namespace automask::models
