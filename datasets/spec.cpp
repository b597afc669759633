#include "datasets/spec.h"

#include <algorithm>
#include <set>

#include "core/error.h"
#include "core/hash.h"
#include "core/parallel.h"
#include "datasets/imagenet.h"
#include "datasets/names.h"
#include "datasets/walk.h"

namespace automask::datasets {
namespace {

namespace fs = std::filesystem;
using core::Error;
using core::ExitCode;

bool of_test_files(Split split) { return split == Split::test || split == Split::calibration; }

constexpr std::int64_t largest_side = 4096;  // far above any network's input; keeps products of sizes small

std::string how_to_get(const DatasetSpec& spec) {
  const std::string point = "point at the data with --data " + spec.name + "=DIR";
  if (spec.reader == "idx") return "install the package dataset-fashion-mnist, or " + point;
  if (spec.reader == "cifar") return "unpack CIFAR's binary version there, or " + point;
  if (spec.reader == "image_folder") return "put one folder of pictures per class there, or " + point;
  return "put the archives there, or " + point;
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

std::vector<fs::path> cifar_files(const DatasetSpec& spec, Split split) {
  std::error_code error;
  const fs::path one = spec.root / (of_test_files(split) ? "test.bin" : "train.bin");
  if (fs::is_regular_file(one, error)) return {one};
  std::vector<fs::path> paths;
  for (const std::string& name : expand_braces(of_test_files(split) ? "test_batch.bin" : "data_batch_{1..5}.bin")) {
    paths.push_back(spec.root / name);
    if (!fs::is_regular_file(paths.back(), error))
      throw Error(ExitCode::invalid_manifest, paths.back().string(),
                  "is missing, and so is " + one.filename().string() + " of CIFAR-100", how_to_get(spec));
  }
  return paths;
}

std::vector<fs::path> archives(const DatasetSpec& spec, Split split) {
  const bool test = of_test_files(split);
  const std::string& pattern = test ? spec.test_files : spec.train_files;
  if (pattern.empty())
    throw Error(ExitCode::invalid_manifest, "data set " + spec.name,
                std::string("names no archives for the split ") + (test ? "test" : "train"),
                std::string("add \"") + (test ? "test" : "train") + "\": \"name.tar\"");
  std::vector<fs::path> paths;
  std::error_code error;
  for (const std::string& name : expand_braces(pattern)) {
    paths.push_back((spec.root / name).lexically_normal());
    if (!fs::is_regular_file(paths.back(), error))
      throw Error(ExitCode::invalid_manifest, paths.back().string(), "is missing", how_to_get(spec));
  }
  return paths;
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
    case Split::calibration:
      return "calibration";
  }
  return "";
}

Split calibration_split(const DatasetSpec& spec) { return spec.calibration > 0 ? Split::calibration : Split::train; }

std::vector<std::string> known_readers() { return {"idx", "image_folder", "imagenet", "cifar", "tar", "webdataset"}; }

DatasetSpec DatasetSpec::from_json(const core::JsonCursor& cursor, const std::string& name) {
  cursor.only_keys({"reader", "path", "input", "resize", "validation", "calibration", "limit", "classes", "train",
                    "test", "subfolder", "class_list", "ground_truth", "ilsvrc_ids"});
  DatasetSpec spec;
  spec.name = name;
  spec.reader = cursor.at("reader").string();
  const auto readers = known_readers();
  if (std::find(readers.begin(), readers.end(), spec.reader) == readers.end())
    cursor.at("reader").fail("unknown reader \"" + spec.reader + "\"", core::suggestion(spec.reader, readers));

  const std::vector<std::pair<std::string, std::vector<std::string>>> meant_for = {
      {"train", {"tar", "webdataset"}},
      {"test", {"tar", "webdataset"}},
      {"subfolder", {"tar", "webdataset"}},
      {"class_list", {"image_folder", "imagenet", "tar", "webdataset"}},
      {"ground_truth", {"tar"}},
      {"ilsvrc_ids", {"tar"}}};
  for (const auto& [key, wanted] : meant_for) {
    if (!cursor.has(key)) continue;
    if (std::find(wanted.begin(), wanted.end(), spec.reader) == wanted.end())
      cursor.at(key).fail("has no meaning for the reader \"" + spec.reader + "\"", "remove it");
    if (cursor.at(key).string().empty()) cursor.at(key).fail("is empty", "remove it");
  }
  spec.train_files = cursor.string_or("train", "");
  spec.test_files = cursor.string_or("test", "");
  spec.subfolder = cursor.string_or("subfolder", "");
  spec.class_list = cursor.string_or("class_list", "");
  spec.ground_truth = cursor.string_or("ground_truth", "");
  spec.ilsvrc_ids = cursor.string_or("ilsvrc_ids", "");
  if ((spec.reader == "tar" || spec.reader == "webdataset") && spec.train_files.empty() && spec.test_files.empty())
    cursor.fail("names no archives", "add \"train\" and \"test\", for example \"test\": \"val-{00..09}.tar\"");
  for (const char* key : {"train", "test"}) {
    if (!cursor.has(key)) continue;
    try {
      expand_braces(cursor.at(key).string());
    } catch (const Error& error) {
      cursor.at(key).fail(error.problem(), error.remedy());
    }
  }
  if (!spec.ground_truth.empty() && spec.class_list.empty())
    cursor.at("ground_truth").fail("says labels without a list of classes", "add \"class_list\"");

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

  if (cursor.has("resize"))
    spec.resize = static_cast<int>(cursor.at("resize").integer_in(std::max(spec.height, spec.width), largest_side));

  constexpr std::int64_t most = std::int64_t{1} << 40;
  if (cursor.has("validation")) spec.validation = cursor.at("validation").integer_in(0, most);
  if (cursor.has("calibration")) spec.calibration = cursor.at("calibration").integer_in(0, most);
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
  if (calibration > 0) json["calibration"] = calibration;
  if (resize > 0) json["resize"] = resize;
  if (!subfolder.empty()) json["subfolder"] = subfolder;
  return json;
}

fs::path split_folder(const DatasetSpec& asked, Split split) {
  const DatasetSpec spec = located(asked);
  require_root(spec);
  std::error_code error;
  if (!of_test_files(split)) {
    if (fs::path folder = spec.root / "train"; fs::is_directory(folder, error)) return folder;
    throw Error(ExitCode::invalid_manifest, (spec.root / "train").string(), "is missing", how_to_get(spec));
  }
  if (!spec.test_files.empty()) return (spec.root / spec.test_files).lexically_normal();
  for (const char* name : {"test", "val"})
    if (fs::path folder = spec.root / name; fs::is_directory(folder, error)) return folder;
  throw Error(ExitCode::invalid_manifest, (spec.root / "test").string(), "is missing, and so is val beside it",
              how_to_get(spec));
}

std::vector<std::string> folder_classes(const DatasetSpec& asked, Split split) {
  const DatasetSpec spec = located(asked);
  require_root(spec);
  std::error_code error;
  const fs::path train = spec.root / "train";
  const fs::path folder = fs::is_directory(train, error) ? train : split_folder(spec, split);
  auto names = class_folders(folder);
  if (names.empty())
    throw Error(ExitCode::invalid_manifest, folder.string(), "holds no class folders", how_to_get(spec));
  return names;
}

std::vector<fs::path> files(const DatasetSpec& asked, Split split) {
  const DatasetSpec spec = located(asked);
  require_root(spec);
  if (spec.reader == "idx") {
    const std::string prefix = of_test_files(split) ? "t10k" : "train";
    return {idx_file(spec, prefix + "-images-idx3-ubyte"), idx_file(spec, prefix + "-labels-idx1-ubyte")};
  }
  if (spec.reader == "cifar") return cifar_files(spec, split);
  if (spec.reader == "tar" || spec.reader == "webdataset") return archives(spec, split);
  const fs::path folder = split_folder(spec, split);
  std::vector<fs::path> pictures;
  // Tiny-ImageNet keeps a class's pictures one folder deeper, so the walk goes all the way down.
  for (const std::string& name : class_folders(folder))
    for (fs::path& picture : pictures_below(folder / name)) pictures.push_back(std::move(picture));
  if (pictures.empty())
    throw Error(ExitCode::invalid_manifest, folder.string(),
                "holds no .jpg, .jpeg, .png, .webp, .ppm or .pgm in class folders", how_to_get(spec));
  // By bytes of the whole path, whatever order the file system lists.
  std::sort(pictures.begin(), pictures.end(),
            [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
  return pictures;
}

std::vector<std::pair<std::string, fs::path>> label_files(const DatasetSpec& asked, Split split) {
  const DatasetSpec spec = located(asked);
  std::vector<std::pair<std::string, fs::path>> found;
  if (!spec.class_list.empty()) found.emplace_back("class_list", spec.root / spec.class_list);
  if (of_test_files(split) && !spec.ground_truth.empty()) {
    found.emplace_back("ground_truth", spec.root / spec.ground_truth);
    if (!spec.ilsvrc_ids.empty()) found.emplace_back("ilsvrc_ids", spec.root / spec.ilsvrc_ids);
  }
  std::error_code error;
  for (const auto& [role, path] : found)
    if (!fs::is_regular_file(path, error))
      throw Error(ExitCode::invalid_manifest, path.string(),
                  "is missing; \"" + role + "\" of data set " + spec.name + " names it",
                  "put it there, or correct the manifest");
  return found;
}

std::string fingerprint(const DatasetSpec& asked, Split split) {
  const DatasetSpec spec = located(asked);
  const auto paths = files(spec, split);
  std::vector<std::string> digests(paths.size());
  core::parallel_for(paths.size(), static_cast<int>(std::thread::hardware_concurrency()),
                     [&](std::size_t i) { digests[i] = core::sha256_file(paths[i]); });
  core::FieldHasher hasher;
  for (std::size_t i = 0; i < paths.size(); ++i)
    hasher.add(paths[i].lexically_relative(spec.root).generic_string(), digests[i]);
  for (const auto& [role, path] : label_files(spec, split)) hasher.add(role, core::sha256_file(path));
  // Labels come from the train folders, so an added empty class changes them too.
  if (spec.reader == "image_folder" && spec.class_list.empty())
    for (const std::string& name : folder_classes(spec, split)) hasher.add("class", name);
  return hasher.hex();
}

}  // namespace automask::datasets
