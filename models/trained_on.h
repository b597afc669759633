#pragma once
// Which conditions a network has seen, as its checkpoint says. No LibTorch here.
#include <filesystem>
#include <string>
#include <vector>

#include "models/checkpoint.h"

namespace automask::models {

// Canonical names of the conditions that the network, and those it was made from, were trained on; empty where nobody
// knows. Error(corrupt) names the place where the record is damaged.
std::vector<std::string> trained_on(const Checkpoint& checkpoint);
// The same by a file's header; empty where the file is no checkpoint. `with_estimator`: what the estimator of its sets
// has learnt to tell, too (methods/best_sets.h). Errors are those of checkpoint_structure besides.
std::vector<std::string> trained_on(const std::filesystem::path& file, bool with_estimator = false);

// Makes the record of its training say so where it does not yet: of what it started from, say.
void add_trained_on(const std::vector<std::string>& conditions, Checkpoint& checkpoint);

}  // namespace automask::models
