#include "harness/fingerprints.h"

#include <sys/stat.h>

#include "core/atomic_file.h"
#include "core/hash.h"

namespace automask::harness {
namespace {

// Digest of each file's path, size and time of modification, and of the names of classes, which may have no file.
std::string stamp(const datasets::DatasetSpec& spec, datasets::Split split) {
  std::string listing;
  if (spec.reader == "image_folder")
    for (const std::string& name : datasets::folder_classes(spec, split)) listing += name + '\0';
  auto files = datasets::files(spec, split);
  for (const auto& [role, file] : datasets::label_files(spec, split)) {
    listing += role + '\0';
    files.push_back(file);
  }
  for (const auto& file : files) {
    struct stat facts = {};
    if (::stat(file.c_str(), &facts) != 0) continue;  // reading it will say what is wrong
    listing += file.string() + '\0' + std::to_string(facts.st_size) + ' ' + std::to_string(facts.st_mtim.tv_sec) + ' ' +
               std::to_string(facts.st_mtim.tv_nsec) + '\n';
  }
  return core::sha256_hex(listing);
}

}  // namespace

Fingerprints::Fingerprints(std::filesystem::path file) : file_(std::move(file)) {
  if (!std::filesystem::exists(file_)) return;
  try {
    const core::Json json = core::read_json_file(file_);
    if (json.value("schema_version", 0) == 1 && json.contains("entries") && json["entries"].is_object())
      entries_ = json["entries"];
  } catch (const std::exception&) {
    // Only a cache.
  }
}

std::string Fingerprints::of(const datasets::DatasetSpec& spec, datasets::Split split) {
  const std::string now = stamp(spec, split);  // first: it says what is wrong with a data set that is not there
  const std::string name =
      spec.reader + " " + std::filesystem::absolute(spec.root).string() + " " + std::string(datasets::to_string(split));
  const auto found = entries_.find(name);
  if (found != entries_.end() && found->is_object() && found->value("stamp", "") == now)
    if (const std::string known = found->value("fingerprint", ""); known.size() == 64) return known;
  const std::string fresh = datasets::fingerprint(spec, split);
  entries_[name] = {{"stamp", now}, {"fingerprint", fresh}};
  changed_ = true;
  return fresh;
}

void Fingerprints::save() const {
  if (!changed_) return;
  try {
    core::write_file_atomically(file_, core::Json{{"schema_version", 1}, {"entries", entries_}}.dump(1) + "\n");
  } catch (const core::Error&) {
  }
}

}  // namespace automask::harness
