#pragma once
// Which nodes of an integer network become one step: activations and an add of two disappear into the convolution or
// linear layer before them, which then limits and adds as they would, number by number.
#include <vector>

#include "hw_targets/cpu/integer_kernels.h"
#include "hw_targets/package/integer.h"

namespace automask::cpu {

struct IntegerFused {
  std::int8_t low = -127, high = 127;  // of the layer's own value
  int other = -1;                      // node that is added, or -1
  Residual residual;
};

struct IntegerFusion {
  std::vector<bool> computed;       // per node: it has a step of its own; others are absorbed, names or read by nobody
  std::vector<int> head;            // per node: the layer whose sums it is made of (itself where nothing joined)
  std::vector<int> storage_of;      // per node: the node in whose memory its value lies
  std::vector<IntegerFused> fused;  // per head
};

IntegerFusion fuse(const package::IntegerNetwork& network, const std::vector<graph::Shape>& shapes);

}  // namespace automask::cpu
