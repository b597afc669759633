#include "datasets/spec.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/parallel.h"

namespace automask::datasets {
namespace {

namespace fs = std::filesystem;
using core::Error;
using core::ExitCode;

constexpr std::int64_t largest_side = 4096;  // far above any network's input; keeps products of sizes small

std::string how_to_get(const DatasetSpec& spec) {
  const std::string point = "point at the data with --data " + spec.name + "=DIR";
  return spec.reader == "idx" ? "install the package dataset-fashion-mnist, or " + point
                              : "put one folder of pictures per class there, or " + point;
}

void require_root(const DatasetSpec& spec) {
  if (spec.root.empty())
    throw Error(ExitCode::invalid_manifest, "data set " + spec.name, "no path is given",
                "add \"path\" to the manifest or " + how_to_get(spec));
  std::error_code error;
  if (!fs::is_directory(spec.root, error))
    throw Error(ExitCode::invalid_manifest, spec.root.string(),
                fs::exists(spec.root, error) ? "is no folder" : "the folder of data set " + spec.name + " is missing",
                how_to_get(spec));
}

fs::path idx_file(const DatasetSpec& spec, const std::string& name) {
  std::error_code error;
  for (const char* suffix : {"", ".gz"})
    if (fs::path path = spec.root / (name + suffix); fs::is_regular_file(path, error)) return path;
  throw Error(ExitCode::invalid_manifest, (spec.root / name).string(), "is missing, with and without .gz",
              how_to_get(spec));
}

bool is_picture(const fs::path& path) {
  std::string extension = path.extension().string();
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return extension == ".jpg" || extension == ".jpeg" || extension == ".png";
}

// Tiny-ImageNet keeps a class's pictures one folder deeper, so the walk goes all the way down.
void add_pictures(const fs::path& folder, std::vector<fs::path>& out) {
  try {
    for (const auto& entry : fs::recursive_directory_iterator(folder, fs::directory_options::follow_directory_symlink))
      if (is_picture(entry.path()) && entry.is_regular_file()) out.push_back(entry.path());
  } catch (const fs::filesystem_error& error) {
    throw Error(ExitCode::steps_failed, error.path1().empty() ? folder.string() : error.path1().string(),
                "cannot be listed: " + error.code().message());
  }
}

std::vector<std::string> class_folders(const fs::path& folder) {
  std::vector<std::string> names;
  try {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_directory() && name.front() != '.') names.push_back(name);
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(ExitCode::steps_failed, folder.string(), "cannot be listed: " + error.code().message());
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

std::string_view to_string(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::validation:
      return "validation";
    case Split::test:
      return "test";
  }
  return "";
}

std::vector<std::string> known_readers() { return {"idx", "image_folder"}; }

DatasetSpec DatasetSpec::from_json(const core::JsonCursor& cursor, const std::string& name) {
  cursor.only_keys({"reader", "path", "input", "validation", "limit", "classes"});
  DatasetSpec spec;
  spec.name = name;
  spec.reader = cursor.at("reader").string();
  const auto readers = known_readers();
  if (std::find(readers.begin(), readers.end(), spec.reader) == readers.end())
    cursor.at("reader").fail("unknown reader \"" + spec.reader + "\"", core::suggestion(spec.reader, readers));

  if (cursor.has("path")) {
    const std::string path = cursor.at("path").string();
    if (path.empty()) cursor.at("path").fail("is empty", "name the folder that holds the data");
    spec.root = (fs::path(cursor.file()).parent_path() / path).lexically_normal();
  }

  const auto input = cursor.at("input");
  if (!input.value().is_array() || input.size() != 3)
    input.fail("must be [channels, height, width]", "for example [1, 28, 28]");
  const std::int64_t channels = input.at(0).integer();
  if (channels != 1 && channels != 3)
    input.at(0).fail("is " + std::to_string(channels), "give 1 (gray) or 3 (RGB) channels");
  spec.channels = static_cast<int>(channels);
  spec.height = static_cast<int>(input.at(1).integer_in(1, largest_side));
  spec.width = static_cast<int>(input.at(2).integer_in(1, largest_side));

  constexpr std::int64_t most = std::int64_t{1} << 40;
  if (cursor.has("validation")) spec.validation = cursor.at("validation").integer_in(0, most);
  if (cursor.has("limit")) {
    const auto limit = cursor.at("limit");
    limit.only_keys({"train", "test"});
    if (limit.has("train")) spec.limit_train = limit.at("train").integer_in(0, most);
    if (limit.has("test")) spec.limit_test = limit.at("test").integer_in(0, most);
  }
  if (cursor.has("classes")) {
    const auto classes = cursor.at("classes");
    spec.classes = classes.strings();
    if (spec.classes.empty()) classes.fail("is empty", "name every class or leave \"classes\" out");
    std::set<std::string> seen;
    for (std::size_t i = 0; i < spec.classes.size(); ++i)
      if (!seen.insert(spec.classes[i]).second)
        classes.at(i).fail("the class \"" + spec.classes[i] + "\" stands twice", "give every class its own name");
  }
  return spec;
}

core::Json DatasetSpec::parameters() const {
  core::Json json = {{"reader", reader},
                     {"input", {channels, height, width}},
                     {"validation", validation},
                     {"limit", {{"train", limit_train}, {"test", limit_test}}}};
  if (!classes.empty()) json["classes"] = classes;
  return json;
}

fs::path split_folder(const DatasetSpec& spec, Split split) {
  require_root(spec);
  std::error_code error;
  if (split != Split::test) {
    if (fs::path folder = spec.root / "train"; fs::is_directory(folder, error)) return folder;
    throw Error(ExitCode::invalid_manifest, (spec.root / "train").string(), "is missing", how_to_get(spec));
  }
  for (const char* name : {"test", "val"})
    if (fs::path folder = spec.root / name; fs::is_directory(folder, error)) return folder;
  throw Error(ExitCode::invalid_manifest, (spec.root / "test").string(), "is missing, and so is val beside it",
              how_to_get(spec));
}

std::vector<std::string> folder_classes(const DatasetSpec& spec, Split split) {
  require_root(spec);
  std::error_code error;
  const fs::path train = spec.root / "train";
  const fs::path folder = fs::is_directory(train, error) ? train : split_folder(spec, split);
  auto names = class_folders(folder);
  if (names.empty())
    throw Error(ExitCode::invalid_manifest, folder.string(), "holds no class folders", how_to_get(spec));
  return names;
}

std::vector<fs::path> files(const DatasetSpec& spec, Split split) {
  require_root(spec);
  if (spec.reader == "idx") {
    const std::string prefix = split == Split::test ? "t10k" : "train";
    return {idx_file(spec, prefix + "-images-idx3-ubyte"), idx_file(spec, prefix + "-labels-idx1-ubyte")};
  }
  const fs::path folder = split_folder(spec, split);
  std::vector<fs::path> pictures;
  for (const std::string& name : class_folders(folder)) add_pictures(folder / name, pictures);
  if (pictures.empty())
    throw Error(ExitCode::invalid_manifest, folder.string(), "holds no .jpg, .jpeg or .png in class folders",
                how_to_get(spec));
  // By bytes of the whole path, whatever order the file system lists.
  std::sort(pictures.begin(), pictures.end(),
            [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
  return pictures;
}

std::string fingerprint(const DatasetSpec& spec, Split split) {
  const auto paths = files(spec, split);
  std::vector<std::string> digests(paths.size());
  core::parallel_for(paths.size(), static_cast<int>(std::thread::hardware_concurrency()),
                     [&](std::size_t i) { digests[i] = core::sha256_file(paths[i]); });
  core::FieldHasher hasher;
  for (std::size_t i = 0; i < paths.size(); ++i)
    hasher.add(paths[i].lexically_relative(spec.root).generic_string(), digests[i]);
  // Labels come from the train folders, so an added empty class changes them too.
  if (spec.reader == "image_folder")
    for (const std::string& name : folder_classes(spec, split)) hasher.add("class", name);
  return hasher.hex();
}

}  // namespace automask::datasets
