// Stage variant: the test pictures of a data set under one condition, written once for all methods.
#include <limits>
#include <numeric>

#include "corruptions/variant.h"
#include "harness/steps/data.h"

namespace automask::harness::steps {

Outcome run_variant(const Context& context) {
  const auto parameters = context.parameters();
  const auto spec = dataset_spec(context);
  const auto condition = corruptions::Condition::from_json(parameters.at("condition"));
  // Where memory does not hold them, clean pictures are read when it is their turn.
  const auto clean = load_or_read_split(context, spec, datasets::Split::test, free_for_pictures());

  corruptions::VariantOptions options;
  options.seed = static_cast<std::uint64_t>(parameters.at("seed").integer());
  options.split = parameters.at("split").string();
  options.threads = context.threads();
  const auto progress = [&](std::size_t done) {
    context.progress("corrupt", static_cast<double>(done), static_cast<double>(clean.size()));
    end_if_stopped(context);
  };
  const auto encoded_bytes = corruptions::write_variant(clean, condition, options, context.folder(), progress);
  context.progress("corrupt", static_cast<double>(clean.size()), static_cast<double>(clean.size()));

  Outcome outcome;
  outcome.files = {{"variant", "images.idx"}, {"variant", "labels.idx"}, {"variant", "index.json"}};
  outcome.details = {{"pictures", clean.size()}};
  if (!encoded_bytes.empty()) {
    const double total =
        static_cast<double>(std::accumulate(encoded_bytes.begin(), encoded_bytes.end(), std::int64_t{0}));
    const double none = std::numeric_limits<double>::quiet_NaN();
    outcome.metrics.push_back({"encoded_bytes_mean", condition.canonical(),
                               total / static_cast<double>(encoded_bytes.size()), none, none, "counted",
                               static_cast<std::int64_t>(encoded_bytes.size())});
  }
  return outcome;
}

}  // namespace automask::harness::steps
