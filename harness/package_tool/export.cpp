#include <algorithm>
#include <filesystem>

#include "core/atomic_file.h"
#include "corruptions/writer/job.h"
#include "harness/conditions.h"
#include "harness/held_out.h"
#include "harness/package_tool/jobs.h"
#include "harness/package_tool/make.h"
#include "hw_targets/compiler/exchange.h"

namespace automask::harness::package_tool {
namespace {

namespace fs = std::filesystem;
using core::Error;
using core::ExitCode;
using core::Json;

// Indices of the conditions, or widths, that are asked for: one, or all.
std::vector<int> chosen_conditions(const package::Package& package, const std::string& asked) {
  std::vector<int> all, chosen;
  const std::vector<std::string> names = package::condition_names(package);
  const std::string name = asked.empty() || asked == "all" ? ""
                           : serves_all(asked)             ? asked
                                                           : corruptions::Condition::parse(asked).canonical();
  for (std::size_t k = 0; k < names.size(); ++k) {
    all.push_back(static_cast<int>(k));
    if (names[k] == name) chosen.push_back(static_cast<int>(k));
  }
  if (name.empty()) return all;
  // The network for all conditions is every condition's; a general one serves beside those of conditions.
  if (chosen.empty() && names.back() == "*" && !serves_all(name)) chosen.push_back(set_for(names, name));
  if (chosen.empty())
    throw Error(ExitCode::usage, "--condition " + asked, "is none of the package's conditions",
                core::suggestion(name, names));
  return chosen;
}

// "jpeg-q10", "gaussian_noise-3+jpeg-q20": different conditions have different names.
std::string file_part(const std::string& condition) {
  if (condition == "*") return "others";
  std::string text =
      serves_all(condition) ? condition : corruptions::condition_folder(corruptions::Condition::parse(condition));
  std::replace(text.begin(), text.end(), '/', '-');
  std::replace(text.begin(), text.end(), ':', '-');
  return text;
}

Json written(const fs::path& file, const std::string& bytes, const Json& condition, const char* numbers) {
  core::write_file_atomically(file, bytes);
  return {{"file", file.string()}, {"condition", condition}, {"numbers", numbers}, {"bytes", bytes.size()}};
}

Json written_checkpoint(const Subject& subject, const fs::path& file) {
  if (!subject.checkpoint)
    throw Error(ExitCode::usage, subject.name, "is a package: its weights are cut to its masks and may be integers",
                "name the run that it came from");
  models::save_checkpoint(*subject.checkpoint, file);
  return {{"file", file.string()}, {"condition", nullptr}, {"numbers", "fp32"}, {"bytes", fs::file_size(file)}};
}

}  // namespace

Json export_job(const Json& job) {
  const Subject subject = read_subject(job);
  const std::string format = job.at("format"), asked = job.at("condition");
  fs::path output = job.at("output").get<std::string>();
  if (output.empty())
    output = job.at("stem").get<std::string>() +
             (format == "package" || format == "checkpoint" ? "." + format + ".safetensors" : ".onnx");
  if (format == "checkpoint") return {{"files", {written_checkpoint(subject, output)}}};
  const bool integers = format == "onnx-qdq";
  const std::string fallback = integers ? "int8" : format == "onnx" ? "fp32" : "";
  // An FP16 package's own weights are what its network is: no need to go back to FP32 ones.
  const bool half =
      format == "onnx" && subject.package && !subject.checkpoint && subject.package->format == package::Format::fp16;
  const Made made = make_package(job, subject, half ? "fp16" : fallback);
  Json files = Json::array();
  if (format == "package") {
    files.push_back(written(output, made.bytes, nullptr, to_string(made.package.format)));
    return {{"files", files}};
  }
  const std::vector<int> chosen = chosen_conditions(made.package, asked);
  for (const int k : chosen) {
    const std::string& name = made.package.conditions[static_cast<std::size_t>(k)].name;
    fs::path file = output;
    if (chosen.size() > 1)
      file.replace_filename(output.stem().string() + "-" + file_part(name) + output.extension().string());
    const std::string bytes = integers ? models::encode_onnx_qdq(compiler::onnx_qdq_model(made.package, k))
                                       : models::encode_onnx(compiler::onnx_model(made.package, k));
    files.push_back(written(file, bytes, made.package.conditions.size() == 1 && name == "*" ? Json() : Json(name),
                            integers ? "int8" : "fp32"));
  }
  return {{"files", files}};
}

}  // namespace automask::harness::package_tool
