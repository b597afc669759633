#pragma once
// What encode, decode and validate share: how masks and normalisations lie in tensors, and the content hash.
// Inside this room only; docs/package.md describes it for others. C++14.
#include <cstddef>
#include <initializer_list>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "hw_targets/package/container.h"
#include "hw_targets/package/package.h"
#include "hw_targets/package/ranges.h"

namespace automask {
namespace package {

constexpr std::size_t most_conditions = 1000;
constexpr const char* structure_key = "automask_package";
constexpr const char* hash_key = "sha256";
constexpr const char* masks_name = "masks";

constexpr const char* input_table_name = "input_table";

inline std::string normalisation_name(std::size_t index) { return "normalisation." + std::to_string(index); }
// INT8: the requantisation's three parts and the scales of a normalisation.
inline std::string integers_name(std::size_t index, const char* part) {
  return "integers." + std::to_string(index) + "." + part;
}
inline std::string weight_scale_name(const std::string& node) { return node + ".weight_scale"; }
// What condition k has for itself of a tensor of the stem.
inline std::string private_name(std::size_t k, const std::string& tensor) {
  return "private." + std::to_string(k) + "." + tensor;
}

// Affine nodes in the order of the graph, as node indices.
std::vector<int> affine_nodes(const graph::Graph& graph);
// The nodes whose weights each condition has for itself, and these weights' shape in the union; none where the stem is
// shared.
using PrivateStem = std::map<std::string, std::vector<std::int64_t>>;
PrivateStem private_stem(const Package& package);
// Names and shapes of what Package::weights must hold.
std::vector<std::pair<std::string, std::vector<std::int64_t>>> stored_weights(const Package& package);

// The nodes that need requantisation, in the order of the graph, and whether they have one per output channel.
struct Requantised {
  int node;
  bool per_channel;
  std::size_t count;  // one per channel of the union, or what integer.h says
};
std::vector<Requantised> requantised_nodes(const graph::Graph& graph);
// One flag per entry: 1 where a condition with this mask stores it.
std::vector<std::uint8_t> stored_entries(const Requantised& entry, const graph::ChannelGroups& groups,
                                         const graph::Mask& mask);

// SHA-256 over the structure text, then per tensor in the order of the names "name dtype shape bytes\n" and its bytes.
std::string content_hash(const Container& container);

// What readers of the structure and of the tensors share.
const nlohmann::json& member(const nlohmann::json& object, const char* key, const std::string& file,
                             const std::string& place);
void only_keys(const nlohmann::json& object, std::initializer_list<const char*> keys, const std::string& file,
               const std::string& place);
// Takes a tensor out of the container, so that what remains in the end is surplus.
StoredTensor take(Container& container, const std::string& name, const char* dtype, const std::string& file);

// The estimator's tensors, by name, and its entry of the structure. take_estimator() reads both.
std::map<std::string, StoredTensor> estimator_tensors(const Estimator& estimator);
nlohmann::json estimator_structure(const Estimator& estimator);
Estimator take_estimator(const nlohmann::json& structure, Container& container, std::size_t conditions,
                         const std::string& file);

// What is wrong with a requantisation's shift or bias, and with a multiplier that has to be normalised; empty: nothing.
std::string range_fault(const Requantisation& requantisation);
std::string multiplier_fault(const Requantisation& requantisation);

// Throw PackageError unless all of the package agrees with itself. In this order: each relies on those before it.
void check_graph(const Package& package, const std::string& file);
void check_weights(const Package& package, const std::string& file);
void check_conditions(const Package& package, const graph::ChannelGroups& groups, const std::string& file);
void check_integers(const Package& package, const std::string& file);  // INT8 alone
void check_estimator(const Package& package, const std::string& file);
void check_input_and_classes(const Package& package, const std::string& file);

}  // namespace package
}  // namespace automask
