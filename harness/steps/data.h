#pragma once
// What several stages need of the data: the spec of a step, the pictures of a split.
#include "datasets/picture_set.h"
#include "datasets/spec.h"
#include "harness/steps/run_step.h"

namespace automask::harness::steps {

// The dataset of a variant or train step: the manifest's entry with an absolute path, from the step's locations.
datasets::DatasetSpec dataset_spec(const Context& context);
datasets::PictureSet load_split(const Context& context, const datasets::DatasetSpec& spec, datasets::Split split);

}  // namespace automask::harness::steps
