#pragma once
// Several networks that stand for one: each serves a condition, and an estimator picks among them. No LibTorch here.
#include <filesystem>
#include <string>
#include <vector>

#include "core/json.h"
#include "models/checkpoint.h"

namespace automask::models {

struct Bundle {
  // separate, external: a package for each member. piggyback: members are `backbone` with some weights masked each.
  std::string kind;
  std::vector<std::string> conditions;  // canonical, one per member
  std::vector<Checkpoint> members;      // of one set of masks and normalisation each
  std::vector<Checkpoint> backbone;     // piggyback: one
  core::Json estimator;                 // as Checkpoint::estimator, over `conditions`
  core::Json training;
};

// <folder>/bundle.json and a checkpoint for each member; bundle.json comes last. Names of the files, for the record.
std::vector<std::string> save_bundle(const Bundle& bundle, const std::filesystem::path& folder);
bool holds_bundle(const std::filesystem::path& folder);
// Error(corrupt) names file and fault.
Bundle load_bundle(const std::filesystem::path& folder);

}  // namespace automask::models
