#pragma once
// Small sources, jobs and a look at what was written, for the tests of the writer.
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/atomic_file.h"
#include "core/hash.h"
#include "corruptions/writer/encode.h"
#include "corruptions/writer/writer.h"
#include "tests/unit/core/temporary_folder.h"
#include "tests/unit/core/throws.h"
#include "tests/unit/corruptions/pictures.h"

namespace automask::testing {

inline void write_file(const std::filesystem::path& file, const std::string& bytes) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

// Gray and colour, odd sides, one pixel, JPEG and PNG, in two classes; `count` of them.
inline void make_source(const std::filesystem::path& folder, int count = 8) {
  const int sides[][2] = {{32, 32}, {33, 21}, {1, 1}, {17, 40}};
  for (int i = 0; i < count; ++i) {
    const auto [rows, cols] = sides[i % 4];
    const cv::Mat picture = scene(rows, cols, i % 3 == 0 ? 1 : 3, i);
    const bool jpeg = i % 2 == 1;
    write_file(folder / (i % 2 == 0 ? "cat" : "dog") / ("p" + std::to_string(i) + (jpeg ? ".JPEG" : ".png")),
               corruptions::encode(picture, jpeg ? corruptions::Output::jpeg85 : corruptions::Output::png));
  }
}

inline corruptions::WriterJob writer_job(const std::filesystem::path& source, const std::filesystem::path& destination,
                                         const std::vector<std::string>& conditions = {"clean", "gaussian_noise:3",
                                                                                       "shot_noise:2 > jpeg:q30"}) {
  corruptions::WriterJob job;
  job.source = source.string();
  job.destination = destination;
  for (const std::string& text : conditions) job.conditions.push_back(corruptions::Condition::parse(text));
  job.seed = 5;
  job.pictures_per_shard = 3;
  job.program_version = "test";
  return job;
}

// Stops after `pictures` of them have been begun.
inline corruptions::WriterHooks stop_after(int pictures) {
  corruptions::WriterHooks hooks;
  hooks.stop = [left = std::make_shared<std::atomic<int>>(pictures)] { return (*left)-- <= 0; };
  return hooks;
}

// Everything below a folder: path -> SHA-256; directories and links by what they are.
inline std::map<std::string, std::string> tree(const std::filesystem::path& folder) {
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    if (entry.is_symlink()) {
      found[name] = "link";
    } else {
      found[name] = entry.is_directory() ? "folder" : core::sha256_file(entry.path());
    }
  }
  return found;
}

// The same without the indexes, which differ for another division into parts.
inline std::map<std::string, std::string> pictures_in(const std::filesystem::path& folder) {
  auto found = tree(folder);
  std::erase_if(found, [](const auto& entry) { return entry.first.starts_with("index"); });
  return found;
}

inline std::vector<core::Json> lines_of(const std::filesystem::path& index) {
  std::vector<core::Json> lines;
  std::ifstream in(index);
  for (std::string line; std::getline(in, line);) lines.push_back(core::Json::parse(line));
  return lines;
}

}  // namespace automask::testing
