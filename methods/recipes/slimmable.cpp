// One set of weights at several widths, each with its own normalisation and trained at each step (Yu et al., "Slimmable
// Neural Networks", ICLR 2019). The package's sets are widths, which the user selects by the time there is.
#include <cstdio>

#include "methods/masks/widths.h"
#include "methods/objectives/objective.h"
#include "methods/recipes/recipes.h"

namespace automask::methods {
namespace {

class SlimmableObjective : public Objective {
 public:
  using Objective::Objective;

  // The mean over widths, so that a learning rate means what it means to other methods; the paper's code sums.
  torch::Tensor loss(models::Network& network, const Shown& part) override {
    torch::Tensor sum;
    for (int k = 0; k < network.conditions(); ++k) {
      const torch::Tensor one = classification(network.forward(part.views[0], k), part);
      sum = sum.defined() ? sum + one : one;
    }
    return sum / network.conditions();
  }
};

}  // namespace

Recipe slimmable_recipe(const TrainJob& job) {
  Recipe recipe = augment_recipe(job);
  const graph::ChannelGroups groups = graph::channel_groups(job.graph);
  for (const double width : job.spec.widths) {
    char name[32];
    std::snprintf(name, sizeof name, "%s%g", width_prefix, width);
    recipe.set_names.push_back(name);
    recipe.fixed_masks.push_back(width_mask(groups, width, job.spec.lanes));
  }
  recipe.objective = [](const TrainJob& of) { return std::make_unique<SlimmableObjective>(of.spec); };
  return recipe;
}

}  // namespace automask::methods
