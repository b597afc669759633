#include "harness/steps/data.h"

#include <algorithm>
#include <filesystem>

#include "core/atomic_file.h"
#include "core/hash.h"
#include "core/parallel.h"
#include "datasets/dataset.h"
#include "harness/environment.h"

namespace automask::harness::steps {

datasets::DatasetSpec dataset_spec(const Context& context) {
  return datasets::DatasetSpec::from_json(context.locations().at("dataset"),
                                          context.locations().string_or("dataset_name", "dataset"));
}

std::unique_ptr<datasets::Source> open_split(const Context& context, const datasets::DatasetSpec& spec,
                                             datasets::Split split) {
  auto dataset = datasets::open(spec, split);
  context.progress("read " + std::string(to_string(split)), 0, static_cast<double>(dataset->size()));
  if (dataset->size() == 0 && split != datasets::Split::validation)
    throw core::Error(core::ExitCode::steps_failed, spec.root.string(),
                      "the " + std::string(to_string(split)) + " split of \"" + spec.name + "\" has no pictures",
                      "check the path and the limits in the manifest");
  return dataset;
}

std::uint64_t free_for_pictures() { return static_cast<std::uint64_t>(available_memory_bytes() / 4); }

datasets::PictureSet load_or_read_split(const Context& context, const datasets::DatasetSpec& spec,
                                        datasets::Split split, std::uint64_t most_bytes) {
  return datasets::load_or_read(open_split(context, spec, split), spec, context.threads(), most_bytes);
}

void check_pictures(const Context& context, const datasets::PictureSet& set, datasets::Split split) {
  if (!set.reader) return;
  core::FieldHasher hasher;
  for (const auto& [name, digest] : context.step().inputs)
    if (name == "data") hasher.add(name, digest);
  hasher.add("dataset", context.parameters().at("dataset").value().dump()).add("split", std::string(to_string(split)));
  const auto remembered = context.store() / "checked" / hasher.hex();
  if (std::filesystem::exists(remembered)) return;

  constexpr std::size_t at_once = 1000;
  for (std::size_t first = 0; first < set.size(); first += at_once) {
    context.progress("check pictures", static_cast<double>(first), static_cast<double>(set.size()));
    end_if_stopped(context);
    core::parallel_for(std::min(at_once, set.size() - first), context.threads(), [&](std::size_t i) {
      std::vector<std::uint8_t> memory;
      set.picture(first + i, memory);
    });
  }
  core::write_file_atomically(remembered, std::to_string(set.size()) + " pictures\n");
}

}  // namespace automask::harness::steps
