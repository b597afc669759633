#pragma once
// Top-1 of a network on pictures in memory.
#include "datasets/picture_set.h"
#include "models/network.h"

namespace automask::methods {

// In percent. Leaves the network in evaluation mode.
double top1(models::Network& network, const datasets::PictureSet& pictures, const models::InputScaling& scaling,
            int condition);

// u8 bytes [count, H, W, C] as the network's input.
torch::Tensor input_of(const std::uint8_t* pixels, std::int64_t count, const datasets::PictureSet& shape,
                       const models::InputScaling& scaling);

}  // namespace automask::methods
