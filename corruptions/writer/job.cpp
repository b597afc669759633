#include "corruptions/writer/job.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/error.h"

namespace automask::corruptions {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;

const std::vector<std::string> outputs = {"png", "jpeg85", "raw"};
const std::vector<std::string> layouts = {"folder", "shards"};
const std::vector<std::string> preparations = {"none", "imagenet224"};

// D. Hendrycks, T. Dietterich, ICLR 2019, section 4.1 (15) and appendix (4), in the order of their tables.
const std::vector<std::string> benchmark = {
    "gaussian_noise",    "shot_noise", "impulse_noise",   "defocus_blur", "glass_blur", "motion_blur",
    "zoom_blur",         "snow",       "frost",           "fog",          "brightness", "contrast",
    "elastic_transform", "pixelate",   "jpeg_compression"};
const std::vector<std::string> extra = {"speckle_noise", "gaussian_blur", "spatter", "saturate"};

template <class Enumeration>
Enumeration parse(const std::vector<std::string>& names, const std::string& option, const std::string& text) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end())
    throw Error(ExitCode::usage, option, "does not know \"" + text + "\"", core::suggestion(text, names));
  return static_cast<Enumeration>(found - names.begin());
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t start = 0; start <= text.size();) {
    const std::size_t end = std::min(text.find(separator, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

int severity_of(const std::string& text, const std::string& all) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > 5)
    throw Error(ExitCode::usage, "--severities " + all, "\"" + text + "\" is no severity", "give 1-5, 3 or 1,3,5");
  return value;
}

std::vector<int> severities_of(const std::string& text) {
  std::vector<int> severities;
  for (const std::string& part : split(text, ',')) {
    const std::size_t dash = part.find('-');
    const int low = severity_of(part.substr(0, dash), text);
    const int high = dash == std::string::npos ? low : severity_of(part.substr(dash + 1), text);
    for (int severity = low; severity <= high; ++severity)
      if (std::find(severities.begin(), severities.end(), severity) == severities.end()) severities.push_back(severity);
  }
  if (severities.empty()) throw Error(ExitCode::usage, "--severities " + text, "names none", "give 1-5, 3 or 1,3,5");
  std::sort(severities.begin(), severities.end());
  return severities;
}

}  // namespace

std::string_view to_string(Output output) { return outputs[static_cast<std::size_t>(output)]; }
std::string_view to_string(Layout layout) { return layouts[static_cast<std::size_t>(layout)]; }
std::string_view to_string(Preparation preparation) { return preparations[static_cast<std::size_t>(preparation)]; }
Output parse_output(const std::string& text) { return parse<Output>(outputs, "--output", text); }
Layout parse_layout(const std::string& text) { return parse<Layout>(layouts, "--layout", text); }
Preparation parse_preparation(const std::string& text) {
  return parse<Preparation>(preparations, "--preprocess", text);
}

Json to_json(const WriterJob& job) {
  Json conditions = Json::array();
  for (const Condition& condition : job.conditions) conditions.push_back(condition.canonical());
  return {{"source", job.source},
          {"class_list", job.class_list.string()},
          {"ground_truth", job.ground_truth.string()},
          {"ilsvrc_ids", job.ilsvrc_ids.string()},
          {"subfolder", job.subfolder},
          {"destination", job.destination.string()},
          {"conditions", conditions},
          {"variant", to_string(job.settings.edition)},
          {"frost", job.settings.frost_folder.string()},
          {"seed", job.seed},
          {"split", job.split},
          {"output", to_string(job.output)},
          {"layout", to_string(job.layout)},
          {"preprocess", to_string(job.preparation)},
          {"pictures_per_shard", job.pictures_per_shard},
          {"subset", job.subset.string()},
          {"part", job.part},
          {"parts", job.parts},
          {"threads", job.threads},
          {"resume", job.resume},
          {"keep_going", job.keep_going},
          {"program_version", job.program_version},
          {"max_pixels", job.max_pixels}};
}

WriterJob writer_job_from_json(const Json& json) {
  WriterJob job;
  job.source = json.at("source");
  job.class_list = json.at("class_list").get<std::string>();
  job.ground_truth = json.at("ground_truth").get<std::string>();
  job.ilsvrc_ids = json.at("ilsvrc_ids").get<std::string>();
  job.subfolder = json.at("subfolder");
  job.destination = json.at("destination").get<std::string>();
  for (const Json& condition : json.at("conditions"))
    job.conditions.push_back(Condition::parse(condition.get<std::string>()));
  job.settings.edition = parse_edition(json.at("variant").get<std::string>());
  job.settings.frost_folder = json.at("frost").get<std::string>();
  job.seed = json.at("seed");
  job.split = json.at("split");
  job.output = parse_output(json.at("output"));
  job.layout = parse_layout(json.at("layout"));
  job.preparation = parse_preparation(json.at("preprocess"));
  job.pictures_per_shard = json.at("pictures_per_shard");
  job.subset = json.at("subset").get<std::string>();
  job.part = json.at("part");
  job.parts = json.at("parts");
  job.threads = json.at("threads");
  job.resume = json.at("resume");
  job.keep_going = json.at("keep_going");
  job.program_version = json.at("program_version");
  job.max_pixels = json.at("max_pixels");
  return job;
}

std::string condition_folder(const Condition& condition) {
  if (condition.clean()) return "clean";
  const bool chain = condition.links().size() > 1;
  std::string folder;
  for (const Link& link : condition.links()) {
    std::string text = link.canonical();
    // Names hold no dash, so nothing else becomes the same folder.
    std::replace(text.begin(), text.end(), ',', '-');
    std::replace(text.begin(), text.end(), ':', chain ? '-' : '/');
    folder += (folder.empty() ? "" : "+") + text;
  }
  return folder;
}

std::vector<Condition> corruption_grid(const std::string& text, const std::string& severities) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  std::vector<std::string> known = {"all", "imagenet-c", "extra"};
  for (const OperatorInfo& info : operator_infos())
    if (info.kind == Kind::corruption) known.push_back(info.name);
  for (const std::string& name : split(text, ',')) {
    if (std::find(known.begin(), known.end(), name) == known.end())
      throw Error(ExitCode::usage, "--corruptions " + text, "there is no corruption \"" + name + "\"",
                  core::suggestion(name, known));
    if (name == "all" || name == "imagenet-c") std::for_each(benchmark.begin(), benchmark.end(), add);
    if (name == "all" || name == "extra") std::for_each(extra.begin(), extra.end(), add);
    if (name != "all" && name != "imagenet-c" && name != "extra") add(name);
  }
  std::vector<Condition> conditions;
  for (const std::string& name : names)
    for (const int severity : severities_of(severities))
      conditions.push_back(Condition::parse(name + ":" + std::to_string(severity)));
  return conditions;
}

}  // namespace automask::corruptions
