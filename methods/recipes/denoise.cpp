// A small denoiser in front of the classifier. It learns to undo the conditions first, from pairs of pictures, then
// both learn to classify. `mac_budget` is the whole's share of the classifier's dense MACs: what is spent on cleaning
// is saved elsewhere.
#include "methods/recipes/denoiser.h"

#include <ATen/ATen.h>

#include "methods/objectives/objective.h"
#include "methods/recipes/recipes.h"

namespace automask::methods {
namespace {

class DenoiseObjective : public Objective {
 public:
  using Objective::Objective;

  torch::Tensor loss(models::Network& network, const Shown& part) override {
    if (double(part.step) >= spec().denoiser.pretraining * double(part.steps)) return Objective::loss(network, part);
    torch::Tensor cleaned;
    const int node = network.graph().find(denoised_node);
    network.observe([&](int i, const torch::Tensor& value) {
      if (i == node) cleaned = value;
      return value;
    });
    network.forward(part.views[0], part.set);
    network.observe({});
    // The mean over values; the classifier is not asked and learns nothing.
    const double share = part.weight * double(part.labels.size(0)) / part.pictures;
    return at::mse_loss(cleaned, part.views[1]) * (spec().denoiser.restoration_weight * share);
  }
};

}  // namespace

Recipe denoise_recipe(const TrainJob& job) {
  Recipe recipe = augment_recipe(job);
  recipe.graph = with_denoiser(job.graph, job.spec.denoiser);
  recipe.masked = true;
  recipe.mac_budget = mac_share(job.spec, job.graph);
  recipe.extra_views = {clean_view};
  // Starts as the identity: a drawn last layer would first have to be unlearnt.
  const std::string last = std::string(denoiser_prefix) + "conv" + std::to_string(job.spec.denoiser.layers) + ".weight";
  for (const auto& [name, shape] : graph::parameter_shapes(*recipe.graph))
    if (name == last) {
      graph::Tensor& zeros = recipe.initial[name];
      zeros.shape = shape;
      zeros.data.assign(static_cast<std::size_t>(shape[0] * shape[1] * shape[2] * shape[3]), 0.0F);
    }
  recipe.objective = [](const TrainJob& of) { return std::make_unique<DenoiseObjective>(of.spec); };
  return recipe;
}

}  // namespace automask::methods
