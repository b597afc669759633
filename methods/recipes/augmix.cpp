// AugMix: the network must name the class of a picture and answer alike to two mixtures of it. It knows no condition;
// `over: conditions` makes the pictures that are mixed `augment`'s.
#include "methods/objectives/augmix_mixture.h"

#include <ATen/ATen.h>

#include "core/hash.h"
#include "methods/objectives/consistency.h"
#include "methods/objectives/objective.h"
#include "methods/recipes/recipes.h"

namespace automask::methods {
namespace {

constexpr int mixtures = 2;

class AugmixObjective : public Objective {
 public:
  using Objective::Objective;

  // One forward pass, so that the normalisation sees pictures and mixtures as one batch, as in the paper's code.
  torch::Tensor loss(models::Network& network, const Shown& part) override {
    const std::vector<torch::Tensor> logits = answer(network, calibration(part), part).split(part.views[0].size(0));
    return classification(logits[0], part) +
           jensen_shannon(logits) * (spec().augmix.weight * part.weight / part.pictures);
  }
  torch::Tensor calibration(const Shown& part) const override { return at::cat(part.views); }
};

ExtraView mixture(const AugmixOptions& options, int number) {
  return [options, number](const ViewRequest& request, std::uint8_t* pixels) {
    const datasets::PictureSet& set = request.pictures;
    const std::string key = "augmix " + std::to_string(set.ids[request.picture]) + " " +
                            std::to_string(request.options.view) + " " + std::to_string(number);
    core::RandomStream random(request.options.seed, core::hash64(key));
    const Pixels view = augmix({request.shown, request.shown + set.picture_bytes()},
                               {set.channels, set.height, set.width}, options, random);
    std::copy(view.begin(), view.end(), pixels);
  };
}

}  // namespace

Recipe augmix_recipe(const TrainJob& job) {
  Recipe recipe = job.spec.augmix.over_conditions ? augment_recipe(job) : clean_recipe(job);
  for (int i = 0; i < mixtures; ++i) recipe.extra_views.push_back(mixture(job.spec.augmix, i));
  recipe.objective = [](const TrainJob& of) { return std::make_unique<AugmixObjective>(of.spec); };
  return recipe;
}

}  // namespace automask::methods
