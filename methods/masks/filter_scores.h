#pragma once
// What channels are worth by their weights alone: the classic criteria that `prune` offers beside gate gradients.
#include <string>

#include "methods/masks/budget.h"
#include "models/network.h"

namespace automask::methods {

// Sum of absolute weights of a channel's filters (Li et al., "Pruning Filters for Efficient ConvNets", ICLR 2017).
Scores l1_scores(const models::Network& network);

// Sum of a channel's distances to all other channels of its layer: the least lies nearest to their geometric median,
// where the others can stand in for it (He et al., "Filter Pruning via Geometric Median", CVPR 2019, equation 5).
Scores fpgm_scores(const models::Network& network);

// |scale| of the channel's normalisations, the mean over conditions (Liu et al., "Learning Efficient Convolutional
// Networks through Network Slimming", ICCV 2017). Error(steps_failed) names a group without any.
Scores slimming_scores(const models::Network& network);

// Sum of |scale| over the normalisations that slimming_scores() looks at, of all conditions: slimming's penalty.
torch::Tensor slimming_penalty(const models::Network& network);

// Filters of different layers are not comparable: l1_scores() and fpgm_scores() are relative to the mean of the layer,
// and all three are multiplied by the MACs that the channel costs in the dense network. So BudgetCut, which ranks by
// score per MAC, ranks by the criterion.

}  // namespace automask::methods
