#include "harness/package_tool/subject.h"

#include "core/hash.h"
#include "core/mapped_file.h"
#include "core/philox.h"
#include "models/model_file.h"
#include "models/safetensors.h"

namespace automask::harness::package_tool {
namespace {

using core::Error;
using core::ExitCode;

bool is_package(const std::string& file) {
  return models::safetensors_header_names(core::MappedFile(file).bytes(), "\"automask_package\"");
}

models::Checkpoint read_checkpoint(const std::string& file, const std::string& model) {
  models::ModelFileOptions options;
  options.model = model;
  models::Checkpoint checkpoint = models::load_network(file, options);
  // Published weights don't name their classes; packages do.
  const int outputs = graph::infer_shapes(checkpoint.graph).back().channels;
  for (int i = static_cast<int>(checkpoint.classes.size()); i < outputs; ++i)
    checkpoint.classes.push_back(std::to_string(i));
  return checkpoint;
}

}  // namespace

package::Package read_package(const std::string& file) {
  try {
    return package::read_package(file);
  } catch (const package::PackageError& error) {
    throw Error(ExitCode::corrupt, "", error.what(), "export it again");
  }
}

Subject read_subject(const core::Json& job) {
  const core::Json& source = job.at("source");
  const std::string model = job.at("model"), file = source.at("file"), beside = job.value("checkpoint", "");
  Subject subject;
  subject.name = source.at("name");
  subject.run = source.at("run");
  if (!subject.run.is_null()) {
    subject.checkpoint = read_checkpoint(source.at("checkpoint"), model);
    subject.package_file = source.at("package");
  } else if (is_package(file)) {
    if (!model.empty())
      throw Error(ExitCode::usage, "--model " + model, "belongs to weights, and " + file + " is a package",
                  "leave it out");
    subject.package_file = file;
    if (!beside.empty()) subject.checkpoint = read_checkpoint(beside, "");
  } else {
    if (!beside.empty())
      throw Error(ExitCode::usage, "--checkpoint " + beside, "stands beside a package, and " + file + " is none",
                  "leave it out");
    subject.checkpoint = read_checkpoint(file, model);
  }
  if (!subject.package_file.empty()) subject.package = read_package(subject.package_file);
  return subject;
}

std::vector<std::uint8_t> noise_pictures(const graph::Shape& input, int count) {
  core::RandomStream random(core::hash64("noise pictures"));
  std::vector<std::uint8_t> pictures(static_cast<std::size_t>(count) * static_cast<std::size_t>(input.channels) *
                                     static_cast<std::size_t>(input.height) * static_cast<std::size_t>(input.width));
  for (std::uint8_t& value : pictures) value = static_cast<std::uint8_t>(random.next() >> 24);
  return pictures;
}

}  // namespace automask::harness::package_tool
