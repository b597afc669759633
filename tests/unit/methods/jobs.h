#pragma once
// Small trainings on Fashion-MNIST, for the tests of methods.
#include "methods/method.h"
#include "methods/prerequisites.h"
#include "models/zoo.h"

namespace automask::methods {

// `method` as in a manifest; three conditions, seed 3.
inline TrainJob small_job(const core::Json& method, const core::Json& model, const datasets::PictureSet& train) {
  TrainJob job;
  job.spec = MethodSpec::from_json({method, "test"}, method.at("method"), nullptr);
  job.graph = models::build_model({model, "test"}, {1, 28, 28}, 10);
  for (const char* condition : {"clean", "gaussian_noise:3", "jpeg:q10"})
    job.conditions.push_back(corruptions::Condition::parse(condition));
  job.train = &train;
  job.seed = 3;
  return job;
}

// The job with the trainings it builds on, as the harness gives them.
inline TrainJob with_prerequisites(TrainJob job) {
  for (const Prerequisite& wanted : prerequisites(job.spec)) {
    TrainJob before = job;
    before.spec = wanted.spec;
    before.seed = wanted.seed.value_or(job.seed);
    before.work_folder.clear();
    job.prerequisites[wanted.role] = std::make_shared<const models::Checkpoint>(train(before));
  }
  return job;
}

}  // namespace automask::methods
