#pragma once
// What encode, decode and validate share: how masks and normalisations lie in tensors, and the content hash.
// Inside this room only; docs/package.md describes it for others. C++14.
#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "hw_targets/package/container.h"
#include "hw_targets/package/package.h"

namespace automask {
namespace package {

constexpr std::size_t most_conditions = 1000;
constexpr const char* structure_key = "automask_package";
constexpr const char* hash_key = "sha256";
constexpr const char* masks_name = "masks";

inline std::string normalisation_name(std::size_t index) { return "normalisation." + std::to_string(index); }

// Affine nodes in the order of the graph, as node indices.
std::vector<int> affine_nodes(const graph::Graph& graph);
// Names and shapes of what Package::weights must hold.
std::vector<std::pair<std::string, std::vector<std::int64_t>>> stored_weights(const graph::Graph& graph);

// SHA-256 over the structure text, then per tensor in the order of the names "name dtype shape bytes\n" and its bytes.
std::string content_hash(const Container& container);

// Throw PackageError unless all of the package agrees with itself. In this order: each relies on those before it.
void check_graph(const Package& package, const std::string& file);
void check_weights(const Package& package, const std::string& file);
void check_conditions(const Package& package, const graph::ChannelGroups& groups, const std::string& file);
void check_input_and_classes(const Package& package, const std::string& file);

}  // namespace package
}  // namespace automask
