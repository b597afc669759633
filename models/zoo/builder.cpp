#include "models/zoo/builder.h"

namespace automask::models {

int Builder::pool_to(const std::string& name, int from, int side, const std::string& fitting) {
  const graph::Shape in = graph::infer_shapes(graph_)[static_cast<std::size_t>(from)];
  if (in.height == side && in.width == side) return from;
  if (in.height % side != 0 || in.width % side != 0)
    throw graph::GraphError("node " + name + ": " + std::to_string(in.height) + "x" + std::to_string(in.width) +
                            " cannot be pooled to " + std::to_string(side) + "x" + std::to_string(side) +
                            " by equal windows; " + fitting);
  graph::Attributes a;
  a.kernel_h = a.stride_h = in.height / side;
  a.kernel_w = a.stride_w = in.width / side;
  return node(name, graph::Op::avg_pool, {from}, a);
}

}  // namespace automask::models
