#pragma once
// Corruption error as ImageNet-C defines it (D. Hendrycks, T. Dietterich, ICLR 2019, section 4.2):
//   CE_c = sum over severities of E_{s,c} / sum over severities of the normaliser's, mCE = mean over its 15
//   corruptions, relative CE_c with the clean error subtracted above and below.
#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/json.h"

namespace automask::results {

// What errors are divided by: mean error over the severities, and the error on clean pictures; shares in (0, 1].
struct Normaliser {
  std::string name;                          // "AlexNet, published"
  std::optional<double> clean;               // absent where it was not tested: then nothing is relative to it
  std::map<std::string, double> mean_error;  // corruption -> mean over severities 1 to 5
};
// AlexNet's as published: clean error of the paper's table 1, corruptions of google-research/augmix imagenet.py (15)
// and of the paper's appendix (4 extra ones, to three digits).
const Normaliser& alexnet_normaliser();

// Which of the same pictures, in the same order, a network got wrong under a condition; 1: wrong.
struct Wrongs {
  std::string condition;  // "clean", "fog:3", canonical
  std::vector<std::uint8_t> wrong;
};

// All in percent; intervals of 95 % over the pictures. The conditions share their pictures, so the intervals come from
// each picture's own share of the score (a mean of independent values), not from the conditions' intervals.
struct Score {
  double value = 0, lo = 0, hi = 0;
};
struct Robustness {
  struct Row {
    std::string corruption;
    Score error, ce;  // mean error over the severities
    std::optional<Score> relative_ce;
  };
  std::vector<Row> rows;                   // corruptions with all five severities and a normaliser
  std::optional<Score> clean_error;        // where clean was tested
  std::optional<Score> mce, relative_mce;  // where all 15 are there
  std::vector<std::string> missing;        // of the 15
  std::string normaliser;
  std::size_t pictures = 0;
};
// Error(internal) where the conditions' numbers of pictures differ.
Robustness robustness(std::span<const Wrongs> conditions, const Normaliser& normaliser = alexnet_normaliser());

// A normaliser of one's own data: another network's errors on the same pictures. Corruptions without all five
// severities and those without any error are left out. The score's intervals take it as given.
Normaliser normaliser_from(std::span<const Wrongs> conditions, const std::string& name);
Normaliser normaliser_from_json(const core::JsonCursor& cursor);
core::Json to_json(const Normaliser& normaliser);
core::Json to_json(const Robustness& robustness);

// The 15 of the benchmark in its order.
std::span<const std::string> benchmark_corruptions();

}  // namespace automask::results
