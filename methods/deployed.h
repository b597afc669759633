#pragma once
// A condition more for a network that is deployed (Backbone::deployed): its weights, and the masks and normalisations
// of the conditions it knows, stay bit for bit; what is learnt are the sets of the others, within the channels it has,
// and the estimator. So the two packages differ in a few KiB. No LibTorch here.
#include "methods/method.h"
#include "methods/training/trainer.h"

namespace automask::methods {

// `recipe_of`: the method's. job.deployed holds what is deployed: a set per condition, of the job's network and
// classes. The result has the job's conditions in their order. Error(steps_failed) where it is another network, has one
// set for all, or knows all of the job's conditions.
models::Checkpoint extended(const TrainJob& job, Recipe (*recipe_of)(const TrainJob&));

}  // namespace automask::methods
