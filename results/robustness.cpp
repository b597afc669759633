#include "results/robustness.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace automask::results {
namespace {

using core::Json;

constexpr int severities = 5;
constexpr double z95 = 1.959963984540054;  // 97.5 % quantile of the standard normal distribution

const std::array<std::string, 15> benchmark = {
    "gaussian_noise",    "shot_noise", "impulse_noise",   "defocus_blur", "glass_blur", "motion_blur",
    "zoom_blur",         "snow",       "frost",           "fog",          "brightness", "contrast",
    "elastic_transform", "pixelate",   "jpeg_compression"};

const Wrongs* find(std::span<const Wrongs> conditions, const std::string& name) {
  const auto found =
      std::find_if(conditions.begin(), conditions.end(), [&](const Wrongs& w) { return w.condition == name; });
  return found == conditions.end() ? nullptr : &*found;
}

// The five severities of a corruption, or nothing.
std::vector<const Wrongs*> complete(std::span<const Wrongs> conditions, const std::string& corruption) {
  std::vector<const Wrongs*> found;
  for (int s = 1; s <= severities; ++s)
    if (const Wrongs* one = find(conditions, corruption + ":" + std::to_string(s))) found.push_back(one);
  if (found.size() != severities) found.clear();
  return found;
}

std::vector<std::string> corruptions_in(std::span<const Wrongs> conditions) {
  std::vector<std::string> names;
  for (const Wrongs& condition : conditions) {
    const std::string name = condition.condition.substr(0, condition.condition.find(':'));
    if (condition.condition.find('>') == std::string::npos &&
        std::find(names.begin(), names.end(), name) == names.end())
      names.push_back(name);
  }
  return names;
}

// Mean and interval of independent values, in percent.
Score mean_of(const std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double value : values) sum += value;
  const double mean = sum / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double half = n > 1 ? z95 * std::sqrt(squares / (n - 1) / n) : 0;
  return {100 * mean, 100 * (mean - half), 100 * (mean + half)};
}

// Each picture's share of wrong answers over some conditions.
std::vector<double> shares(const std::vector<const Wrongs*>& conditions) {
  std::vector<double> values(conditions.front()->wrong.size());
  for (const Wrongs* condition : conditions)
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] += condition->wrong[i] / static_cast<double>(conditions.size());
  return values;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

Json to_json(const Score& score) { return {{"value", score.value}, {"ci_lo", score.lo}, {"ci_hi", score.hi}}; }
Json to_json(const std::optional<Score>& score) { return score ? to_json(*score) : Json(); }

}  // namespace

std::span<const std::string> benchmark_corruptions() { return benchmark; }

const Normaliser& alexnet_normaliser() {
  static const Normaliser normaliser = {"AlexNet, published",
                                        .435,
                                        {{"gaussian_noise", .886428},
                                         {"shot_noise", .894468},
                                         {"impulse_noise", .922640},
                                         {"defocus_blur", .819880},
                                         {"glass_blur", .826268},
                                         {"motion_blur", .785948},
                                         {"zoom_blur", .798360},
                                         {"snow", .866816},
                                         {"frost", .826572},
                                         {"fog", .819324},
                                         {"brightness", .564592},
                                         {"contrast", .853204},
                                         {"elastic_transform", .646056},
                                         {"pixelate", .717840},
                                         {"jpeg_compression", .606500},
                                         {"speckle_noise", .845},
                                         {"gaussian_blur", .787},
                                         {"spatter", .718},
                                         {"saturate", .658}}};
  return normaliser;
}

Robustness robustness(std::span<const Wrongs> conditions, const Normaliser& normaliser) {
  Robustness result;
  result.normaliser = normaliser.name;
  if (conditions.empty()) return result;
  result.pictures = conditions.front().wrong.size();
  for (const Wrongs& condition : conditions)
    if (condition.wrong.size() != result.pictures)
      throw core::Error(core::ExitCode::internal, condition.condition, "was not tested on the same pictures");
  if (result.pictures == 0) return result;

  const Wrongs* clean = find(conditions, "clean");
  std::vector<double> clean_shares;
  if (clean != nullptr) {
    clean_shares = shares({clean});
    result.clean_error = mean_of(clean_shares);
  }
  std::vector<double> mce(result.pictures), relative_mce(result.pictures);
  std::size_t counted = 0, counted_relative = 0;
  for (const std::string& corruption : corruptions_in(conditions)) {
    const auto tested = complete(conditions, corruption);
    const auto divisor = normaliser.mean_error.find(corruption);
    if (tested.empty() || divisor == normaliser.mean_error.end()) continue;
    const std::vector<double> errors = shares(tested);
    std::vector<double> ce = errors, relative = errors;
    // Without a clean error of the normaliser's nothing is relative to it, as where it loses nothing.
    const double relative_divisor = normaliser.clean ? divisor->second - *normaliser.clean : 0;
    for (std::size_t i = 0; i < ce.size(); ++i) {
      ce[i] /= divisor->second;
      if (clean != nullptr) relative[i] = (relative[i] - clean_shares[i]) / relative_divisor;
    }
    Robustness::Row row{corruption, mean_of(errors), mean_of(ce), std::nullopt};
    if (clean != nullptr && relative_divisor > 0) row.relative_ce = mean_of(relative);
    if (std::find(benchmark.begin(), benchmark.end(), corruption) != benchmark.end()) {
      ++counted;
      counted_relative += row.relative_ce ? 1 : 0;
      for (std::size_t i = 0; i < mce.size(); ++i) {
        mce[i] += ce[i] / static_cast<double>(benchmark.size());
        relative_mce[i] += relative[i] / static_cast<double>(benchmark.size());
      }
    }
    result.rows.push_back(std::move(row));
  }
  for (const std::string& corruption : benchmark)
    if (std::none_of(result.rows.begin(), result.rows.end(),
                     [&](const auto& row) { return row.corruption == corruption; }))
      result.missing.push_back(corruption);
  if (counted == benchmark.size()) result.mce = mean_of(mce);
  if (counted_relative == benchmark.size()) result.relative_mce = mean_of(relative_mce);
  return result;
}

Normaliser normaliser_from(std::span<const Wrongs> conditions, const std::string& name) {
  Normaliser normaliser{name, {}, {}};
  if (const Wrongs* clean = find(conditions, "clean")) normaliser.clean = mean(shares({clean}));
  for (const std::string& corruption : corruptions_in(conditions))
    if (const auto tested = complete(conditions, corruption); !tested.empty())
      if (const double error = mean(shares(tested)); error > 0) normaliser.mean_error[corruption] = error;
  return normaliser;
}

Normaliser normaliser_from_json(const core::JsonCursor& cursor) {
  const auto share = [](const core::JsonCursor& at, bool zero) {
    const double error = at.number();
    if (!(error <= 1 && (error > 0 || (zero && error == 0)))) at.fail("is no error", "give a share in (0, 1]");
    return error;
  };
  Normaliser normaliser{cursor.at("name").string(), {}, {}};
  if (!cursor.at("clean").value().is_null()) normaliser.clean = share(cursor.at("clean"), true);
  const core::JsonCursor errors = cursor.at("mean_error");
  for (const std::string& corruption : errors.keys())
    normaliser.mean_error[corruption] = share(errors.at(corruption), false);
  return normaliser;
}

Json to_json(const Normaliser& normaliser) {
  return {{"name", normaliser.name},
          {"clean", normaliser.clean ? Json(*normaliser.clean) : Json()},
          {"mean_error", normaliser.mean_error}};
}

Json to_json(const Robustness& robustness) {
  Json rows = Json::array();
  for (const Robustness::Row& row : robustness.rows)
    rows.push_back({{"corruption", row.corruption},
                    {"error", to_json(row.error)},
                    {"ce", to_json(row.ce)},
                    {"relative_ce", to_json(row.relative_ce)}});
  return {{"normaliser", robustness.normaliser},
          {"pictures", robustness.pictures},
          {"clean_error", to_json(robustness.clean_error)},
          {"mce", to_json(robustness.mce)},
          {"relative_mce", to_json(robustness.relative_mce)},
          {"missing", robustness.missing},
          {"corruptions", rows}};
}

}  // namespace automask::results
