#pragma once
// The network that several masks share: shrunk to the union of what they keep, with the masks as masks of that, and the
// way back. C++14.
#include <vector>

#include "graph/graph.h"

namespace automask {
namespace graph {

// The members that at least one mask keeps. One mask at least, all of the same graph.
Mask united(const std::vector<Mask>& masks);

// With more members of each maskable group, the first that are not there, until their number is a multiple of
// `multiple` or the group is whole.
Mask rounded_up(const Mask& mask, const ChannelGroups& groups, int multiple);

// The masks of `graph` as masks over the channel groups of shrink(graph, kept), which must keep all that they keep.
// Those groups refine the graph's: a grouped convolution of which one group is left ties nothing, so a group can fall
// apart.
std::vector<Mask> masks_within(const Graph& graph, const Mask& kept, const std::vector<Mask>& masks);

// Undoes shrink_weights(): the tensors of shrink(graph, kept) (all of parameter_shapes(), or some) in the shapes that
// `graph` gives them, with 0 where `kept` keeps nothing, but 1 in running variances.
TensorMap expand_weights(const Graph& graph, const Mask& kept, const TensorMap& weights);

}  // namespace graph
}  // namespace automask
