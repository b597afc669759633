#include "harness/skeleton.h"

#include "core/atomic_file.h"
#include "core/error.h"

namespace automask::harness {
namespace {

namespace fs = std::filesystem;
using core::Error;
using core::ExitCode;

constexpr const char* name_characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
constexpr std::size_t longest_name = 60;

std::string filled_in(std::string text, const std::string& name) {
  const std::string hole = "@NAME@";
  for (std::size_t at = text.find(hole); at != std::string::npos; at = text.find(hole, at + name.size()))
    text.replace(at, hole.size(), name);
  return text;
}

}  // namespace

std::vector<fs::path> write_skeleton(const std::string& name, const std::string& language, const fs::path& folder) {
  // It becomes a file, a CMake target and a word in three languages.
  if (name.empty() || name.size() > longest_name || name.front() == '-' ||
      name.find_first_not_of(name_characters) != std::string::npos)
    throw Error(ExitCode::usage, "runner \"" + name + "\"", "is no name for a runner",
                "use letters, digits, _ and -, at most " + std::to_string(longest_name));
  std::error_code failed;
  if (fs::exists(folder) && !(fs::is_directory(folder) && fs::is_empty(folder, failed)))
    throw Error(ExitCode::usage, folder.string(), "is there already", "choose another place with --directory");
  fs::create_directories(folder, failed);
  if (failed)
    throw Error(ExitCode::steps_failed, folder.string(), "cannot be made: " + failed.message(),
                "choose another place with --directory");
  std::vector<fs::path> written;
  for (const SkeletonFile& file : skeleton_files()) {
    if (file.language != language) continue;
    const std::string file_name = file.name == std::string("runner.json") ? name + ".json" : file.name;
    written.push_back(folder / file_name);
    core::write_file_atomically(written.back(), filled_in(file.text, name));
    if (file_name == "runner.py")
      fs::permissions(written.back(), fs::perms::owner_exec | fs::perms::group_exec | fs::perms::others_exec,
                      fs::perm_options::add);
  }
  return written;
}

}  // namespace automask::harness
