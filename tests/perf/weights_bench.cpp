// Loading published weights: ResNet-50's 98 MiB as torch.save writes them (aim: < 0.5 s) and as safetensors. Needs
// Debian's python3-torchvision, which writes the file; the weights are random.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/atomic_file.h"
#include "models/safetensors.h"
#include "models/weights.h"

namespace {

using namespace automask;

// 25,557,032 parameters (torchvision's documentation of resnet50) and 2 x 26,560 running statistics.
constexpr std::size_t values = 25'557'032 + 2 * 26'560;

// One folder with the three files, or an empty path where they cannot be made.
const std::filesystem::path& folder() {
  static const struct Folder {
    Folder() {
      std::string pattern = (std::filesystem::temp_directory_path() / "automask-bench-XXXXXX").string();
      if (mkdtemp(pattern.data()) == nullptr) std::abort();
      path = pattern;
      const std::string script =
          "/usr/bin/python3 -c \"import torch, torchvision, sys; s = torchvision.models.resnet50().state_dict();"
          " torch.save(s, '" +
          pattern +
          "/zip.pth');"
          " torch.save(s, '" +
          pattern + "/legacy.pth', _use_new_zipfile_serialization=False)\" 2>/dev/null";
      if (std::system(script.c_str()) != 0) {  // NOLINT: a fixed command
        std::filesystem::remove_all(path);
        path.clear();
        return;
      }
      const models::SafetensorsFile content{{}, models::load_weights(path / "zip.pth")};
      core::write_file_atomically(path / "own.safetensors", models::encode_safetensors(content));
    }
    ~Folder() {
      std::error_code ignored;
      if (!path.empty()) std::filesystem::remove_all(path, ignored);
    }
    std::filesystem::path path;
  } made;
  return made.path;
}

void weights_load(benchmark::State& state, const char* file) {
  if (folder().empty()) {
    state.SkipWithError("python3-torchvision is not installed");
    return;
  }
  for (auto unused : state) {
    const graph::TensorMap weights = models::load_weights(folder() / file);
    std::size_t count = 0;
    for (const auto& [name, tensor] : weights) count += tensor.data.size();
    if (count != values) state.SkipWithError("these are not ResNet-50's weights");
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * values * sizeof(float)));
}
BENCHMARK_CAPTURE(weights_load, resnet50_zip, "zip.pth")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(weights_load, resnet50_legacy, "legacy.pth")->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK_CAPTURE(weights_load, resnet50_safetensors, "own.safetensors")->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
