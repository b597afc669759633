#pragma once
// Networks of another width: every channel group cut in the same proportion, whatever its channels are worth. No
// LibTorch here.
#include <functional>

#include "graph/graph.h"

namespace automask::methods {

// What begins the name of a package's set that is a width and no condition: "width:0.5".
constexpr const char* width_prefix = "width:";

// The first channels of each maskable group: `width` of them, rounded down to a multiple of `lanes`, but at least one
// such multiple. Groups of fewer channels stay whole. `width` in (0, 1]; 1 keeps all.
graph::Mask width_mask(const graph::ChannelGroups& groups, double width, int lanes);

// The widest such mask that costs at most `share` of the dense MACs, found by bisection; then, since one width leaves
// room where groups round down, groups grow by `lanes` channels while that fits, the proportionally smallest first.
// Error(steps_failed) names the smallest possible share.
struct Slim {
  double width = 1;  // before the growth
  graph::Mask mask;
};
Slim slim_mask(const graph::Graph& graph, const graph::ChannelGroups& groups, double share, int lanes);
// The widest that `fits` takes, too, found by bisection of the share; `fits` must take whatever is narrower than what
// it takes. Where it takes none, the narrowest.
Slim slim_mask(const graph::Graph& graph, const graph::ChannelGroups& groups, double share, int lanes,
               const std::function<bool(const graph::Mask&)>& fits);

}  // namespace automask::methods
