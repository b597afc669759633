#pragma once
// What `automask corrupt` is asked to do, as data. No pictures here, OpenCV is not needed.
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "corruptions/condition.h"
#include "corruptions/edition.h"

namespace automask::corruptions {

enum class Output { png, jpeg85, raw };  // raw: NumPy's .npy, u8 [H, W, C]
enum class Layout { folder, shards };    // shards: tar files in WebDataset form
enum class Preparation { none, imagenet224 };

// Names of the enumerations as users write them; parsing throws Error(usage) with "did you mean".
std::string_view to_string(Output output);
std::string_view to_string(Layout layout);
std::string_view to_string(Preparation preparation);
Output parse_output(const std::string& text);
Layout parse_layout(const std::string& text);
Preparation parse_preparation(const std::string& text);

struct WriterJob {
  std::string source;  // what datasets::open_source takes: a folder, a tar file, a pattern of shards
  std::filesystem::path class_list, ground_truth, ilsvrc_ids;  // as in datasets::SourceOptions; may be empty
  std::string subfolder;                                       // of the source
  std::filesystem::path destination;
  std::vector<Condition> conditions;
  OperatorSettings settings;
  std::uint64_t seed = 0;
  std::string split = "test";  // part of the random streams' keys, as in VariantOptions
  Output output = Output::png;
  Layout layout = Layout::folder;
  Preparation preparation = Preparation::none;
  int pictures_per_shard = 1000;
  std::filesystem::path subset;  // file with a relative path per line; empty: every picture
  int part = 1, parts = 1;       // this process writes part 1 <= part <= parts
  int threads = 1;
  bool resume = false, keep_going = false;
  std::string program_version;            // for the record; a run goes on only under the version that began it
  std::int64_t max_pixels = 178'956'970;  // larger pictures are refused before they are decoded
};
core::Json to_json(const WriterJob& job);
WriterJob writer_job_from_json(const core::Json& json);

// Where a condition's files lie under the destination: "gaussian_noise/3" as in ImageNet-C, "jpeg/q30", "clean",
// "shot_noise-3+jpeg-q30" for a chain. Different conditions have different folders.
std::string condition_folder(const Condition& condition);

// `text`: "all" (the 19 of ImageNet-C), "imagenet-c" (its 15), "extra" (its other 4) and operator names, separated by
// commas, each once; `severities`: "1-5", "1,3", "5". Throws Error(usage).
std::vector<Condition> corruption_grid(const std::string& text, const std::string& severities);

}  // namespace automask::corruptions
