#include "harness/weights.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>

#include "core/error.h"
#include "models/zoo.h"

namespace automask::harness {
namespace {

namespace fs = std::filesystem;

constexpr int most_depth = 3;  // pip's packages: site-packages/NAME/models/
constexpr std::array<const char*, 4> endings = {".pth", ".pt", ".safetensors", ".onnx"};

// The network that a file's name names, the longest that it can be: vgg16_bn-6c64b313.pth is no vgg16.
// torchvision puts the beginning of the file's SHA-256 behind the name; some write "-" where the zoo has "_".
std::string model_of(const fs::path& file) {
  if (std::find(endings.begin(), endings.end(), file.extension()) == endings.end()) return "";
  std::string stem = file.stem().string();
  std::replace(stem.begin(), stem.end(), '-', '_');
  std::string longest;
  for (const models::ZooEntry& entry : models::zoo())
    if ((stem == entry.name || stem.rfind(entry.name + "_", 0) == 0) && entry.name.size() > longest.size())
      longest = entry.name;
  return longest;
}

void search(const fs::path& folder, const std::string& model, std::set<fs::path>& found) {
  std::error_code error;
  if (fs::is_regular_file(folder, error) && model_of(folder) == model) found.insert(folder);
  if (!fs::is_directory(folder, error)) return;
  constexpr auto options = fs::directory_options::skip_permission_denied;
  for (auto entry = fs::recursive_directory_iterator(folder, options, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry.depth() >= most_depth) entry.disable_recursion_pending();
    std::error_code unreadable;
    if (entry->is_regular_file(unreadable) && model_of(entry->path()) == model) found.insert(entry->path());
  }
}

template <class Paths>
std::string listed(const Paths& paths) {
  std::string text;
  for (const auto& path : paths) text += (text.empty() ? "" : ", ") + path.string();
  return text;
}

}  // namespace

std::vector<fs::path> weight_folders(const std::vector<std::string>& asked) {
  if (!asked.empty()) return {asked.begin(), asked.end()};
  std::vector<fs::path> folders;
  if (const char* own = std::getenv("AUTOMASK_WEIGHTS"); own != nullptr && *own != '\0') {
    const std::string text = own;
    for (std::size_t start = 0; start <= text.size();) {
      const std::size_t colon = std::min(text.find(':', start), text.size());
      if (colon > start) folders.emplace_back(text.substr(start, colon - start));
      start = colon + 1;
    }
    return folders;
  }
  const char* torch = std::getenv("TORCH_HOME");
  const char* home = std::getenv("HOME");
  fs::path root;
  if (torch != nullptr && *torch != '\0')
    root = torch;
  else if (home != nullptr)
    root = fs::path(home) / ".cache/torch";
  if (!root.empty()) folders = {root / "hub/checkpoints", root / "checkpoints"};
  return folders;
}

fs::path published_weights(const std::string& model, const std::vector<fs::path>& folders) {
  std::set<fs::path> found;
  for (const fs::path& folder : folders) search(folder, model, found);
  if (found.size() == 1) return fs::absolute(*found.begin()).lexically_normal();
  if (found.empty())
    throw core::Error(core::ExitCode::invalid_manifest, "published weights of " + model,
                      folders.empty() ? "no folder is known where they could lie"
                                      : "none in " + listed(folders) + ": looked for " + model + ".pth, " + model +
                                            "-*.pth, .pt, .safetensors and .onnx",
                      "download them and name their folder with --weights DIR or AUTOMASK_WEIGHTS");
  throw core::Error(core::ExitCode::invalid_manifest, "published weights of " + model,
                    "several files have them: " + listed(found), "name the folder of one with --weights DIR");
}

}  // namespace automask::harness
