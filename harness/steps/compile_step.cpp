// Stage compile: checkpoint -> package, and the proof that masked, shrunk and packaged networks are one function.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/atomic_file.h"
#include "harness/steps/data.h"
#include "hw_targets/compiler/compile.h"

namespace automask::harness::steps {

Outcome run_compile(const Context& context) {
  const auto checkpoint =
      models::load_checkpoint(context.input_folder("checkpoint", Stage::train) / "checkpoint.safetensors");
  const auto pictures = datasets::read_picture_set(context.input_folder("pictures", Stage::variant));
  const auto wanted = context.parameters().at("verify_pictures").integer_in(1, 1000000);
  const int count = static_cast<int>(std::min<std::int64_t>(wanted, static_cast<std::int64_t>(pictures.size())));

  context.progress("compile", 0, 1);
  const auto package = compiler::compile(checkpoint);
  const std::string bytes = package::encode(package);
  core::write_file_atomically(context.folder() / "package.safetensors", bytes);

  // Verify what was written, not what was meant.
  context.progress("verify", 0, 1);
  const auto read_back = package::read_package((context.folder() / "package.safetensors").string());
  const std::vector<std::uint8_t> sample(
      pictures.pixels.begin(), pictures.pixels.begin() + static_cast<std::ptrdiff_t>(count * pictures.picture_bytes()));
  const auto verification = compiler::verify(checkpoint, read_back, sample, count, context.threads());
  if (!verification.passed()) {
    std::string differences;
    for (const auto& row : verification.rows)
      differences += fmt::format(" {}: shrunk {:.2e}, package {:.2e}.", row.condition, row.shrunk_difference,
                                 row.package_difference);
    throw core::Error(core::ExitCode::steps_failed, context.step().label,
                      fmt::format("the package disagrees with the trained network beyond {:.0e}:{}",
                                  verification.tolerance, differences));
  }

  const double none = std::numeric_limits<double>::quiet_NaN();
  Outcome outcome;
  outcome.files = {{"package", "package.safetensors"}};
  const auto count_metric = [&](const std::string& name, const std::string& condition, double value) {
    outcome.metrics.push_back({name, condition, value, none, none, "counted", 1});
  };
  for (const auto& [part, size] : package::bytes_by_part(read_back))
    count_metric(part == "total" ? "package_bytes" : part + "_bytes", "", static_cast<double>(size));
  count_metric("condition_sets", "", static_cast<double>(read_back.conditions.size()));
  const graph::Cost dense = graph::cost(checkpoint.graph);
  count_metric("macs_dense", "", static_cast<double>(dense.macs));
  count_metric("parameters", "", static_cast<double>(dense.parameters));
  count_metric("dense_bytes", "", static_cast<double>(verification.dense_bytes));
  double worst = 0;
  for (const auto& row : verification.rows) {
    const std::string condition = row.condition == "*" ? "" : row.condition;
    count_metric("macs", condition, static_cast<double>(row.macs));
    count_metric("macs_share", condition, row.macs_share);
    worst = std::max({worst, row.shrunk_difference, row.package_difference});
  }
  outcome.metrics.push_back({"verify_difference", "", worst, none, none, "measured", count});
  return outcome;
}

}  // namespace automask::harness::steps
