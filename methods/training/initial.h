#pragma once
// A network that begins with weights from elsewhere. No LibTorch here.
#include "graph/graph.h"
#include "models/checkpoint.h"

namespace automask::models {
class Network;
}

namespace automask::methods {

struct TrainJob;

// Fills the network with `weights`, every condition's normalisation alike; tensors that are not among them stay as they
// are. Error(steps_failed) on one of another shape.
void start_from(models::Network& network, const graph::TensorMap& weights);

// The job's initial weights as a network for all conditions: what no training leaves. Error(steps_failed) where a layer
// has none.
models::Checkpoint as_given(const TrainJob& job);

}  // namespace automask::methods
