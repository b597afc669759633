#pragma once
// Methods that adapt a trained network to the test pictures as they come: no labels, no runner. No LibTorch here.
#include <cstdint>
#include <functional>
#include <vector>

#include "datasets/picture_set.h"
#include "methods/catalogue.h"
#include "models/checkpoint.h"

namespace automask::methods {

// The order in which a method that adapts meets `count` test pictures: the same random one for every method and
// condition. Class folders lie one after the other, and a batch of one class has statistics no camera would send.
std::vector<std::uint32_t> stream_order(std::size_t count);

// 1 where the network, adapting, gave a picture its class, in the set's order. Pictures come in stream_order,
// test_batch at a time; a batch left with one picture goes with the one before. The network starts as trained: each
// condition is a stream of its own.
//
// bn_adapt: each normalisation uses (prior x trained + n x batch) / (prior + n) statistics, n pictures of the batch
//   (S. Schneider et al., "Improving robustness against common corruptions by covariate shift adaptation", NeurIPS
//   2020, equation 1); with prior 0 the batch's alone (Z. Nado et al., 2020).
// tent: statistics of the batch, and one step of Adam on scales and shifts against the mean entropy of the answers,
//   which are those from before the step (D. Wang et al., "Tent", ICLR 2021, section 3).
std::vector<std::uint8_t> adapted_answers(const MethodSpec& spec, const models::Checkpoint& checkpoint,
                                          const datasets::PictureSet& pictures, int threads,
                                          const std::function<bool()>& stop_requested = {});

// Multiply-accumulates that adapting adds to one picture's inference. bn_adapt: one per value that a variance is taken
// of. tent: those as well, and the gradient of every convolution's and linear layer's input from the first
// normalisation on, which costs what the layer does.
std::int64_t adaptation_macs(const MethodSpec& spec, const graph::Graph& graph);

}  // namespace automask::methods
