#pragma once
// Which nodes of a plain network become one primitive: activations and add disappear into the convolution before them.
#include <vector>

#include "graph/graph.h"

namespace automask::cpu {

struct Fused {
  int activation = -1;  // relu or relu6 node that is applied to the result, or -1
  int sum = -1;         // node whose value is added before that; the result is written over it
};

struct Fusion {
  std::vector<Fused> fused;     // per node; meaningful for conv2d and linear
  std::vector<bool> absorbed;   // activation and add nodes that need no primitive of their own
  std::vector<int> storage_of;  // per node: the node whose primitive produces its value (itself when not absorbed)
};

// A node whose value is its input's under another name and shares its memory.
bool is_alias(graph::Op op);

// An activation joins the only layer it reads, when nothing else reads that. An add of two joins the later of its
// inputs, a conv2d that nothing else reads, when the other's last reader but the add comes before that conv2d runs.
Fusion fuse(const graph::Graph& graph);

}  // namespace automask::cpu
