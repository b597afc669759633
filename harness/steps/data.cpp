#include "harness/steps/data.h"

#include "datasets/dataset.h"
#include "harness/environment.h"

namespace automask::harness::steps {

datasets::DatasetSpec dataset_spec(const Context& context) {
  const auto name = context.parameters().at("dataset").string_or("name", "dataset");
  return datasets::DatasetSpec::from_json(context.locations().at("dataset"), name);
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

}  // namespace automask::harness::steps
