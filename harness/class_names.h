#pragma once
// Which output of a network stands for which class of the data.
#include <cstddef>
#include <string>
#include <vector>

namespace automask::harness {

struct ClassMatch {
  std::vector<std::size_t> outputs;  // by the data's label
  std::string note;                  // a sentence where they were matched by position; else empty
};

// By name where the network knows all of the data's names, in any order. By position where it knows none of them and
// both have as many classes, or the data's names are mere numbers. Error(usage) names `where` and what doesn't fit:
// accuracies over classes that were guessed would look as good as true ones. `network`: its names, or none.
ClassMatch match_classes(const std::vector<std::string>& data, const std::vector<std::string>& network,
                         std::size_t outputs, const std::string& where);

}  // namespace automask::harness
