#pragma once
// What several stages need of the data: the spec of a step, the pictures of a split.
#include <memory>

#include "datasets/picture_set.h"
#include "datasets/source.h"
#include "datasets/spec.h"
#include "harness/steps/run_step.h"

namespace automask::harness::steps {

// The dataset of a variant or train step: the manifest's entry with an absolute path, from the step's locations.
datasets::DatasetSpec dataset_spec(const Context& context);
// Error(steps_failed) where it has no pictures, unless it is the validation split.
std::unique_ptr<datasets::Source> open_split(const Context& context, const datasets::DatasetSpec& spec,
                                             datasets::Split split);
// Bytes: a quarter of the memory that is free.
std::uint64_t free_for_pictures();
// As datasets::load_or_read().
datasets::PictureSet load_or_read_split(const Context& context, const datasets::DatasetSpec& spec,
                                        datasets::Split split, std::uint64_t most_bytes);

// Reads each picture of a set that is not in memory once, so that one which cannot be read is named before hours of
// training and not after. What was found sound is remembered in <store>/checked, so other trainings on it do not wait.
void check_pictures(const Context& context, const datasets::PictureSet& set, datasets::Split split);

}  // namespace automask::harness::steps
