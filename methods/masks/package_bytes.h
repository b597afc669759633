#pragma once
// How many bytes the INT8 package of a network will have, known before it is trained to the end: what a budget of bytes
// is held against. No LibTorch here.
#include <string>
#include <vector>

#include "core/json.h"
#include "graph/graph.h"
#include "hw_targets/package/estimator.h"
#include "methods/catalogue.h"
#include "models/checkpoint.h"

namespace automask::methods {

struct PackagePlan {
  graph::Graph graph;                  // dense
  std::vector<std::string> set_names;  // as the checkpoint will name them
  std::vector<std::string> classes;
  models::InputScaling scaling;
  models::Resizing resizing;
  bool estimator = false;
  EstimatorOptions estimator_options;
  bool private_stem = false;
  core::Json record;  // what the package says of its training: package_record()
};

// A package of the same tensors and structure, with other numbers in it, as a file. `masks`: of the dense graph, one
// per set. Exact but for a few digits of the estimator's margin.
std::int64_t package_bytes(const PackagePlan& plan, const std::vector<graph::Mask>& masks);

// Bytes of its weights and requantisations, as a package stores them, without names; 0 of an empty one.
std::int64_t estimator_bytes(const package::Estimator& estimator);

// Of a method with a network for each condition: what its byte_budget leaves each package, after the estimator.
std::int64_t bytes_of_member(const MethodSpec& spec, std::size_t conditions);
// And what all take where each has so many.
std::int64_t bytes_of_all(const MethodSpec& spec, std::size_t conditions, std::int64_t each);

}  // namespace automask::methods
