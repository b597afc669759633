#pragma once
// Methods that give a network for each condition (Product::networks). No LibTorch in this header.
#include "methods/method.h"
#include "models/bundle.h"

namespace automask::methods {

// Trains all members and the estimator that picks among them; all conditions share the views that one network would
// see. A member that is done is kept in the work folder. Error(steps_failed) as train().
models::Bundle train_members(const TrainJob& job);

// Bits over single weights of convolutions and linear layers: what piggyback stores for each condition.
std::int64_t weight_mask_bits(const graph::Graph& graph);

// The same where the members are given: the estimator alone is trained.
void add_estimator(const TrainJob& job, models::Bundle& bundle);

// What the parts of train_members() share.
std::vector<models::Checkpoint> train_separate(const TrainJob& job);
models::Bundle train_piggyback(const TrainJob& job);
// The job of one member: its share of the epochs, its own folder below the work folder.
TrainJob member_job(const TrainJob& job, std::size_t k, double share);
// The member's checkpoint of an earlier attempt, else what `make` gives, kept.
models::Checkpoint kept(const TrainJob& job, const std::string& name, const std::function<models::Checkpoint()>& make);

}  // namespace automask::methods
