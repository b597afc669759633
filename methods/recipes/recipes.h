#pragma once
// The recipes, one file each; method.cpp holds the table.
#include "methods/training/trainer.h"

namespace automask::methods {

Recipe clean_recipe(const TrainJob& job);
Recipe augment_recipe(const TrainJob& job);
Recipe prune_recipe(const TrainJob& job);
Recipe automask_recipe(const TrainJob& job);
Recipe augmix_recipe(const TrainJob& job);
Recipe stability_recipe(const TrainJob& job);
Recipe kill_test_recipe(const TrainJob& job);
Recipe slim_recipe(const TrainJob& job);
Recipe dense_bn_k_recipe(const TrainJob& job);
Recipe denoise_recipe(const TrainJob& job);
Recipe slimmable_recipe(const TrainJob& job);

}  // namespace automask::methods
