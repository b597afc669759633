#include "harness/document.h"

#include <algorithm>

namespace automask::harness {
namespace {

namespace fs = std::filesystem;
using core::Json;

std::string child(const std::string& pointer, const std::string& key) {
  return (Json::json_pointer(pointer) / key).to_string();
}

void forget_below(std::map<std::string, std::string>& origins, const std::string& pointer) {
  std::erase_if(origins, [&](const auto& origin) {
    return origin.first == pointer || origin.first.rfind(pointer + "/", 0) == 0;
  });
}

// `over` wins; objects are merged member by member, anything else is replaced.
void merge(Json& base, const Json& over, const std::string& pointer, const std::string& source,
           std::map<std::string, std::string>& origins) {
  if (base.is_object() && over.is_object()) {
    for (const auto& [key, value] : over.items()) {
      if (base.contains(key)) {
        merge(base[key], value, child(pointer, key), source, origins);
      } else {
        base[key] = value;
        origins[child(pointer, key)] = source;
      }
    }
    return;
  }
  base = over;
  forget_below(origins, pointer);
  origins[pointer] = source;
}

// Data paths of an included file are relative to it; in the merged document they must be so to the main file.
void rebase_paths(Json& json, const fs::path& from, const fs::path& to) {
  const auto datasets = json.find("datasets");
  if (datasets == json.end() || !datasets->is_object() || from == to) return;
  for (auto& [name, dataset] : datasets->items()) {
    if (!dataset.is_object() || !dataset.contains("path") || !dataset["path"].is_string()) continue;
    const fs::path path = dataset["path"].get<std::string>();
    if (path.is_relative()) dataset["path"] = (from / path).lexically_normal().lexically_relative(to).string();
  }
}

class Reader {
 public:
  explicit Reader(fs::path main) : main_folder_(absolute_folder(main)) {}

  Json read(const fs::path& file, std::map<std::string, std::string>& origins) {
    const fs::path real = fs::weakly_canonical(file);
    if (const auto found = std::find(open_.begin(), open_.end(), real); found != open_.end()) {
      std::string chain;
      for (auto it = found; it != open_.end(); ++it) chain += it->filename().string() + " > ";
      throw core::Error(core::ExitCode::invalid_manifest, includer_ + ": /include",
                        "the includes form a cycle: " + chain + real.filename().string(),
                        "remove one of these includes");
    }
    open_.push_back(real);
    Json own = core::read_json_file(file);
    const core::JsonCursor cursor(own, file.string());
    if (!own.is_object())
      cursor.fail(std::string("a manifest must be an object, not ") + own.type_name(),
                  "start from the file that `automask init` writes");
    Json merged = Json::object();
    if (cursor.has("include")) {
      const core::JsonCursor list = cursor.at("include");
      const auto includes = list.strings();
      for (std::size_t i = 0; i < includes.size(); ++i) {
        const fs::path included = file.parent_path() / includes[i];
        if (!fs::exists(included))
          list.at(i).fail("the file " + included.string() + " does not exist",
                          "includes are relative to the file they stand in");
        includer_ = file.string();
        std::map<std::string, std::string> theirs;
        const Json part = read(included, theirs);
        merge(merged, part, "", included.string(), origins);
        // What the included file had from deeper files keeps its own source.
        for (const auto& [pointer, source] : theirs)
          if (source != included.string()) origins[pointer] = source;
      }
      own.erase("include");
    }
    rebase_paths(own, absolute_folder(file), main_folder_);
    merge(merged, own, "", file.string(), origins);
    open_.pop_back();
    return merged;
  }

 private:
  static fs::path absolute_folder(const fs::path& file) { return fs::absolute(file).lexically_normal().parent_path(); }

  fs::path main_folder_;
  std::vector<fs::path> open_;
  std::string includer_;
};

std::pair<std::string, std::string> split_assignment(const std::string& text, const std::string& option,
                                                     const std::string& form) {
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw core::Error(core::ExitCode::usage, option + " " + text, "is no assignment", "write " + form);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Json::json_pointer parse_path(const std::string& path, const std::string& option) {
  if (path.front() == '/') {
    try {
      return Json::json_pointer(path);
    } catch (const Json::exception&) {
      throw core::Error(core::ExitCode::usage, option, "is no JSON pointer", "write /train/epochs or train.epochs");
    }
  }
  Json::json_pointer pointer;
  std::size_t start = 0;
  while (true) {
    const std::size_t dot = path.find('.', start);
    pointer.push_back(path.substr(start, dot - start));
    if (dot == std::string::npos) return pointer;
    start = dot + 1;
  }
}

void assign(Document& document, const Json::json_pointer& pointer, const Json& value, const std::string& source) {
  if (pointer.empty())
    throw core::Error(core::ExitCode::usage, source, "names the whole manifest", "name a member, e.g. /train/epochs");
  const std::string text = pointer.to_string();
  try {
    if (!value.is_null()) {
      document.json[pointer] = value;
    } else if (Json& parent = document.json.at(pointer.parent_pointer()); parent.is_object()) {
      parent.erase(pointer.back());
    } else {
      parent.erase(static_cast<std::size_t>(std::stoul(pointer.back())));
    }
  } catch (const std::exception&) {
    throw core::Error(core::ExitCode::usage, source, "the manifest has no place " + text,
                      "see the resolved manifest with `automask validate --resolved`");
  }
  forget_below(document.origins, text);
  document.origins[text] = source;
}

}  // namespace

core::Error Document::located(const core::Error& error) const {
  const std::string prefix = file.string() + ": ";
  if (error.where().rfind(prefix, 0) != 0) return error;
  std::string pointer = error.where().substr(prefix.size());
  if (pointer == "/") pointer.clear();
  // "unknown key" points at the object; the fault is the member.
  std::string faulty = pointer;
  const std::string unknown = "unknown key \"";
  if (error.problem().rfind(unknown, 0) == 0)
    faulty = child(pointer, error.problem().substr(unknown.size(), error.problem().size() - unknown.size() - 1));
  for (std::string place = faulty;; place = place.substr(0, place.rfind('/'))) {
    if (const auto origin = origins.find(place); origin != origins.end())
      return {error.code(), origin->second + ": " + (pointer.empty() ? "/" : pointer), error.problem(), error.remedy()};
    if (place.empty()) return error;
  }
}

Document read_document(const fs::path& file) {
  if (!fs::exists(file))
    throw core::Error(core::ExitCode::invalid_manifest, file.string(), "the manifest does not exist",
                      "check the path, or write a first one with `automask init`");
  Document document;
  document.file = file;
  document.json = Reader(file).read(file, document.origins);
  return document;
}

void set_value(Document& document, const std::string& assignment) {
  const auto [path, text] = split_assignment(assignment, "--set", "--set /train/epochs=1");
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) value = text;
  const std::string source = "--set " + assignment;
  assign(document, parse_path(path, source), value, source);
}

void set_data(Document& document, const std::string& assignment) {
  const auto datasets = document.json.find("datasets");
  if (datasets == document.json.end() || !datasets->is_object()) return;
  const auto equals = assignment.find('=');
  const std::string name = equals == std::string::npos ? "" : assignment.substr(0, equals);
  const std::string folder = equals == std::string::npos ? assignment : assignment.substr(equals + 1);
  const std::string source = "--data " + assignment;
  if (folder.empty()) throw core::Error(core::ExitCode::usage, source, "names no folder", "write --data NAME=DIR");
  std::vector<std::string> names;
  for (const auto& [key, value] : datasets->items()) names.push_back(key);
  if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end())
    throw core::Error(core::ExitCode::usage, source, document.file.string() + " has no data set \"" + name + "\"",
                      core::suggestion(name, names));
  for (const std::string& key : names)
    if (name.empty() || key == name)
      assign(document, Json::json_pointer("/datasets") / key / "path", fs::absolute(folder).lexically_normal().string(),
             source);
}

void set_limit(Document& document, long long limit) {
  if (limit < 1)
    throw core::Error(core::ExitCode::usage, "--limit " + std::to_string(limit), "is no number of pictures",
                      "give 1 or more, or leave it out for all");
  const auto datasets = document.json.find("datasets");
  if (datasets == document.json.end() || !datasets->is_object()) return;
  std::vector<std::string> names;
  for (const auto& [key, value] : datasets->items())
    if (value.is_object()) names.push_back(key);
  for (const std::string& key : names)
    assign(document, Json::json_pointer("/datasets") / key / "limit" / "test", limit,
           "--limit " + std::to_string(limit));
}

}  // namespace automask::harness
