#include "methods/training/initial.h"

#include "core/error.h"
#include "methods/method.h"
#include "models/network.h"

namespace automask::methods {

void start_from(models::Network& network, const graph::TensorMap& weights) {
  models::Checkpoint checkpoint;
  network.store(checkpoint);
  // Tensors that nothing is given for: an affine node's, a recipe's own.
  const auto fill = [&](graph::TensorMap& tensors) {
    for (auto& [name, tensor] : tensors) {
      const auto given = weights.find(name);
      if (given == weights.end()) continue;
      if (given->second.shape != tensor.shape)
        throw core::Error(core::ExitCode::steps_failed, "initial weights", "the tensor " + name + " has another shape",
                          "give weights of the same model and classes, or start from scratch");
      tensor = given->second;
    }
  };
  fill(checkpoint.weights);
  for (graph::TensorMap& normalisation : checkpoint.normalisation) fill(normalisation);
  network.load(checkpoint);
}

models::Checkpoint as_given(const TrainJob& job) {
  const std::string where = "method " + job.spec.name;
  const graph::TensorMap none, &initial = job.initial ? *job.initial : none;
  for (const auto& parameter : graph::parameter_shapes(job.graph))
    if (initial.count(parameter.first) == 0)
      throw core::Error(core::ExitCode::steps_failed, where,
                        "the initial weights have none for " + parameter.first +
                            " of this data set's classes, and no epoch would train it",
                        "raise epochs, or use weights for these classes");
  models::Checkpoint checkpoint = models::unmasked_checkpoint(job.graph, initial);
  if (!job.preprocessing)
    throw core::Error(core::ExitCode::steps_failed, where, "the weights do not say how pictures are scaled for them",
                      "use a model with published weights, or a checkpoint");
  checkpoint.input = job.preprocessing->scaling;
  checkpoint.resizing = job.preprocessing->resizing;
  checkpoint.classes = job.train->classes;
  checkpoint.training = {{"method", job.spec.method},
                         {"options", job.spec.parameters()},
                         {"seed", job.seed},
                         {"steps", 0},
                         {"views", 0},
                         {"losses", core::Json::array()},
                         {"mac_share", {{"*", 1.0}}},
                         {"validation_top1", core::Json::object()}};
  return checkpoint;
}

}  // namespace automask::methods
