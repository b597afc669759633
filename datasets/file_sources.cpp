// Sources of picture files: which of them, in which order, with which labels.
#include <algorithm>
#include <cctype>
#include <set>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/json.h"
#include "datasets/files.h"
#include "datasets/names.h"

namespace automask::datasets {
namespace {

using core::Error;
using core::ExitCode;

struct Picture {
  std::size_t file;  // of Files
  int label;
};

class FileSource : public Source {
 public:
  FileSource(std::unique_ptr<Files> files, std::vector<Picture> pictures, std::vector<std::string> classes,
             std::size_t prefix, DecodeOptions decode)
      : files_(std::move(files)),
        pictures_(std::move(pictures)),
        classes_(std::move(classes)),
        prefix_(prefix),
        decode_(decode) {}
  std::size_t size() const override { return pictures_.size(); }
  int label(std::size_t i) const override { return pictures_.at(i).label; }
  std::string id(std::size_t i) const override { return files_->path(pictures_.at(i).file).substr(prefix_); }
  std::string read(std::size_t i) const override { return files_->read(pictures_.at(i).file); }
  cv::Mat picture(std::size_t i) const override { return decode_picture(read(i), where(i), decode_); }
  std::string where(std::size_t i) const override { return files_->where(pictures_.at(i).file); }
  const std::vector<std::string>& classes() const override { return classes_; }
  const std::vector<std::string>& skipped() const override { return files_->skipped(); }

 private:
  std::unique_ptr<Files> files_;
  std::vector<Picture> pictures_;
  std::vector<std::string> classes_;
  std::size_t prefix_;  // bytes of each path that belong to the subfolder
  DecodeOptions decode_;
};

// The folders that hold class folders with pictures, for a message.
std::vector<std::string> folders_with_pictures(const Files& files) {
  std::set<std::string> found;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string& path = files.path(i);
    if (!is_picture_name(path)) continue;
    const std::size_t file = path.find_last_of('/');
    const std::size_t folder = file == path.npos || file == 0 ? path.npos : path.find_last_of('/', file - 1);
    if (folder != path.npos) found.insert(path.substr(0, folder));
  }
  return {found.begin(), found.end()};
}

// The choice by subfolder: files below it that are pictures, sorted by bytes, and the length of the prefix.
std::pair<std::vector<std::size_t>, std::size_t> choose(const Files& files, const SourceOptions& options,
                                                        bool pictures_only) {
  std::string below = options.subfolder;
  while (!below.empty() && below.back() == '/') below.pop_back();
  if (!below.empty()) below += '/';
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (files.path(i).starts_with(below) && (!pictures_only || is_picture_name(files.path(i)))) chosen.push_back(i);
  if (chosen.empty()) {
    if (!below.empty())
      throw Error(ExitCode::steps_failed, files.name(),
                  "holds no pictures below the folder \"" + options.subfolder + "\"",
                  core::suggestion(options.subfolder, folders_with_pictures(files)));
    std::string remedy = "expected .jpg, .jpeg, .png, .webp, .ppm or .pgm";
    if (!files.skipped().empty()) remedy += "; " + files.skipped().front();
    throw Error(ExitCode::steps_failed, files.name(), "holds no pictures", remedy);
  }
  if (pictures_only)
    std::sort(chosen.begin(), chosen.end(), [&](auto a, auto b) { return files.path(a) < files.path(b); });
  return {std::move(chosen), below.size()};
}

ClassList listed_classes(const SourceOptions& options) {
  return parse_class_list(core::read_file(options.class_list), options.class_list.string());
}

std::vector<std::string> named(const ClassList& list, const SourceOptions& options, const std::string& name) {
  if (options.classes.empty()) return list.names;
  if (options.classes.size() != list.ids.size())
    throw Error(ExitCode::invalid_manifest, name,
                "has " + std::to_string(list.ids.size()) + " classes, but " + std::to_string(options.classes.size()) +
                    " names are given",
                "name every class in the order of its label, or none");
  return options.classes;
}

// Member names of one sample share this; the rest, without the dot, is the field's extension.
std::pair<std::string_view, std::string_view> key_and_field(std::string_view path) {
  const std::size_t slash = path.find_last_of('/');
  const std::size_t dot = std::min(path.find('.', slash == path.npos ? 0 : slash + 1), path.size());
  return {path.substr(0, dot), path.substr(std::min(dot + 1, path.size()))};
}

int parse_label(const Files& files, std::size_t i, bool json) {
  const std::string bytes = files.read(i);
  const auto refuse = [&](const std::string& problem) {
    throw Error(ExitCode::steps_failed, files.where(i), problem, "write the class's number, from 0");
  };
  std::int64_t label = -1;
  if (json) {
    const core::Json value = core::parse_json(bytes, files.where(i), ExitCode::steps_failed);
    for (const char* key : {"label", "cls"})
      if (value.is_object() && value.contains(key)) {
        if (!value[key].is_number_integer()) refuse(std::string("\"") + key + "\" is no number");
        label = value[key].get<std::int64_t>();
        break;
      }
    if (label == -1) return -1;
  } else {
    std::size_t digits = 0;
    while (digits < bytes.size() && std::isdigit(static_cast<unsigned char>(bytes[digits])) != 0) ++digits;
    if (digits == 0 || digits > 7 || bytes.find_first_not_of(" \t\r\n", digits) != bytes.npos)
      refuse("holds no class number");
    label = std::stoll(bytes.substr(0, digits));
  }
  if (label < 0 || label >= (1 << 20)) refuse("label " + std::to_string(label) + " names no class");
  return static_cast<int>(label);
}

}  // namespace

cv::Mat Source::picture(std::size_t i) const { return decode_picture(read(i), where(i)); }

const std::vector<std::string>& Source::skipped() const {
  static const std::vector<std::string> none;
  return none;
}

std::unique_ptr<Source> labelled_files(std::unique_ptr<Files> files, const SourceOptions& options,
                                       const std::vector<std::string>& folders, bool whole_ids) {
  const auto [chosen, prefix] = choose(*files, options, true);
  std::vector<Picture> pictures;
  ClassList classes = options.class_list.empty() ? class_list_of(folders) : listed_classes(options);

  if (!options.ground_truth.empty()) {
    if (options.class_list.empty())
      throw Error(ExitCode::invalid_manifest, options.ground_truth.string(), "says labels without a list of classes",
                  "give the class list as well");
    std::vector<std::string> relative;
    for (const std::size_t i : chosen) relative.push_back(files->path(i).substr(prefix));
    const std::string ilsvrc = options.ilsvrc_ids.empty() ? "" : core::read_file(options.ilsvrc_ids);
    const auto labels = parse_ground_truth(core::read_file(options.ground_truth), options.ground_truth.string(),
                                           relative, classes, ilsvrc, options.ilsvrc_ids.string());
    for (std::size_t i = 0; i < chosen.size(); ++i) pictures.push_back({chosen[i], labels[i]});
  } else {
    const auto folder_of = [&](std::size_t i) {
      const std::string_view path = std::string_view(files->path(i)).substr(prefix);
      const std::size_t slash = path.find('/');
      if (slash == path.npos)
        throw Error(ExitCode::steps_failed, files->where(i), "lies in no class folder",
                    "give a ground truth that says its class, or a subfolder");
      return path.substr(0, slash);
    };
    if (classes.ids.empty()) {
      std::set<std::string, std::less<>> found;
      for (const std::size_t i : chosen) found.emplace(folder_of(i));
      classes = class_list_of({found.begin(), found.end()});
    }
    for (const std::size_t i : chosen) {
      const std::string_view folder = folder_of(i);
      const int label = classes.find(folder);
      if (label < 0) {
        // The place is the folder's.
        const std::string where = files->where(i);
        const std::size_t file = files->path(i).size() - prefix - folder.size();
        throw Error(ExitCode::invalid_manifest, where.substr(0, where.size() - file), "is no known class",
                    options.class_list.empty() ? "keep the same class folders in every split"
                                               : "add it to " + options.class_list.string() +
                                                     ", or give the subfolder that holds the class folders");
      }
      pictures.push_back({i, label});
    }
  }
  auto names = named(classes, options, files->name());
  return std::make_unique<FileSource>(std::move(files), std::move(pictures), std::move(names), whole_ids ? 0 : prefix,
                                      options.decode);
}

bool holds_samples(const Files& files) {
  // A .json alone, such as a list of classes, makes no samples of the pictures beside it.
  std::string_view key;
  bool picture = false, label = false;
  for (std::size_t i = 0; i < files.size() && !(picture && label); ++i) {
    const std::string& path = files.path(i);
    if (const std::string_view own = key_and_field(path).first; own != key) {
      key = own;
      picture = label = false;
    }
    picture = picture || is_picture_name(path);
    label = label || path.ends_with(".cls") || path.ends_with(".json");
  }
  return picture && label;
}

std::unique_ptr<Source> shard_samples(std::unique_ptr<Files> files, const SourceOptions& options) {
  const auto [chosen, prefix] = choose(*files, options, false);
  std::vector<Picture> pictures;
  int highest = -1;
  for (std::size_t at = 0; at < chosen.size();) {
    const std::string_view key = key_and_field(files->path(chosen[at])).first;
    std::ptrdiff_t picture = -1, number = -1, json = -1;
    for (; at < chosen.size() && key_and_field(files->path(chosen[at])).first == key; ++at) {
      const auto i = static_cast<std::ptrdiff_t>(chosen[at]);
      const std::string& path = files->path(chosen[at]);
      if (is_picture_name(path) && picture < 0) picture = i;
      if (path.ends_with(".cls")) number = i;
      if (path.ends_with(".json")) json = i;
    }
    if (picture < 0) continue;  // a sample of something else
    int label = number >= 0 ? parse_label(*files, static_cast<std::size_t>(number), false) : -1;
    if (number < 0 && json >= 0) label = parse_label(*files, static_cast<std::size_t>(json), true);
    highest = std::max(highest, label);
    pictures.push_back({static_cast<std::size_t>(picture), label});
  }
  if (pictures.empty())
    throw Error(ExitCode::steps_failed, files->name(), "holds no samples with a picture",
                "expected members such as 000001.jpg and 000001.cls side by side");
  std::vector<std::string> classes = options.classes;
  if (!options.class_list.empty()) classes = named(listed_classes(options), options, files->name());
  if (classes.empty())
    for (int i = 0; i <= highest; ++i) classes.push_back(std::to_string(i));
  for (const Picture& picture : pictures)
    if (picture.label >= static_cast<int>(classes.size()))
      throw Error(ExitCode::steps_failed, files->where(picture.file),
                  "has label " + std::to_string(picture.label) + ", beyond the " + std::to_string(classes.size()) +
                      " classes that are named",
                  "name all classes");
  return std::make_unique<FileSource>(std::move(files), std::move(pictures), std::move(classes), prefix,
                                      options.decode);
}

}  // namespace automask::datasets
