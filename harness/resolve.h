#pragma once
// From a manifest to its cells, and the choice among them.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "harness/manifest.h"

namespace automask::harness {

// One point of the matrix: indices into the manifest's lists.
struct Cell {
  std::size_t dataset = 0, model = 0, method = 0, target = 0;
  std::int64_t seed = 0;
  int repetition = 0;
  bool operator==(const Cell&) const = default;
};

// The matrix multiplied out: seeds and repetitions innermost, included points last, excluded ones removed, none twice.
// Error(invalid_manifest) where nothing is left or a model does not fit a data set it is combined with.
std::vector<Cell> resolve_cells(const Manifest& manifest);

// "fashion_mnist resnet8 automask cpu seed 0"
std::string describe(const Manifest& manifest, const Cell& cell);

// --filter "method=automask,dataset=fashion*": all terms must match; globs; several values of one axis with "|".
class Filter {
 public:
  Filter() = default;  // matches all
  // Error(usage) on an unknown axis, with "did you mean".
  static Filter parse(const std::string& text);
  bool matches(const Manifest& manifest, const Cell& cell) const;
  bool empty() const { return terms_.empty(); }

 private:
  struct Term {
    std::string axis;
    std::vector<std::string> globs;
  };
  std::vector<Term> terms_;
};

bool glob_matches(const std::string& pattern, const std::string& text);

}  // namespace automask::harness
