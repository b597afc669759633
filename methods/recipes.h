#pragma once
// The recipes, one file each; method.cpp holds the table.
#include "methods/trainer.h"

namespace automask::methods {

Recipe clean_recipe(const TrainJob& job);
Recipe augment_recipe(const TrainJob& job);
Recipe prune_recipe(const TrainJob& job);
Recipe automask_recipe(const TrainJob& job);

}  // namespace automask::methods
