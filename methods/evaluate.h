#pragma once
// Top-1 of a network on pictures.
#include <optional>
#include <vector>

#include "datasets/picture_set.h"
#include "methods/method.h"
#include "models/network.h"

namespace automask::methods {

// So many pictures go through the network together: 500, or as many fewer as its largest activation needs in order to
// take no more than 256 MiB.
std::size_t pictures_at_once(const graph::Graph& graph);

// Whether the network's first answer is each picture's label. Leaves the network in evaluation mode.
std::vector<bool> right_answers(models::Network& network, const datasets::PictureSet& pictures,
                                const models::InputScaling& scaling, int condition);

// The share of these in percent.
double top1(models::Network& network, const datasets::PictureSet& pictures, const models::InputScaling& scaling,
            int condition);

// The same on the job's validation pictures under a condition, whose set is `set`; nothing where there are none.
std::optional<double> validation_top1(models::Network& network, const TrainJob& job,
                                      const corruptions::Condition& condition, const models::InputScaling& scaling,
                                      int set);

// Validation pictures under a condition, as every training of that seed sees them; those that take more than 256 MiB
// are made when they are read. `validation` must outlive them.
datasets::PictureSet validation_pictures(const datasets::PictureSet& validation,
                                         const corruptions::Condition& condition, std::uint64_t seed, int threads);

// u8 bytes [count, H, W, C] as the network's input.
torch::Tensor input_of(const std::uint8_t* pixels, std::int64_t count, const datasets::PictureSet& shape,
                       const models::InputScaling& scaling);

}  // namespace automask::methods
