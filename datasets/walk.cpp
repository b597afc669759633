#include "datasets/walk.h"

#include "core/error.h"
#include "datasets/names.h"

namespace automask::datasets {
namespace {

namespace fs = std::filesystem;

// The iterator would go round until the system's limit of 40 links and find every picture that often.
void require_no_circle(const fs::path& link, const fs::path& folder) {
  for (fs::path above = link.parent_path();; above = above.parent_path()) {
    if (fs::equivalent(above, link))
      throw core::Error(core::ExitCode::steps_failed, link.string(), "is a link to a folder that it lies in",
                        "remove the link");
    if (above == folder || !above.has_relative_path()) return;
  }
}

}  // namespace

std::vector<fs::path> pictures_below(const fs::path& folder) {
  std::vector<fs::path> pictures;
  try {
    for (const auto& entry :
         fs::recursive_directory_iterator(folder, fs::directory_options::follow_directory_symlink)) {
      if (entry.is_symlink() && entry.is_directory()) require_no_circle(entry.path(), folder);
      if (is_picture_name(entry.path().native()) && entry.is_regular_file()) pictures.push_back(entry.path());
    }
  } catch (const fs::filesystem_error& error) {
    throw core::Error(core::ExitCode::steps_failed, error.path1().empty() ? folder.string() : error.path1().string(),
                      "cannot be listed: " + error.code().message());
  }
  return pictures;
}

}  // namespace automask::datasets
