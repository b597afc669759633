#pragma once
// Where the published weights of a network lie: in folders that the user names, or where PyTorch keeps its downloads.
#include <filesystem>
#include <string>
#include <vector>

namespace automask::harness {

// --weights, else AUTOMASK_WEIGHTS (folders, ':' between), else the caches of torch.hub and of PyTorch's older
// downloads: TORCH_HOME or ~/.cache/torch.
std::vector<std::filesystem::path> weight_folders(const std::vector<std::string>& asked);

// The file for a network of the zoo: "resnet18.pth", "resnet18-f37072fd.pth", .pt, .safetensors, .onnx, at most three
// folders down. Error(invalid_manifest) names the folders where there is none, and the files where there are several.
std::filesystem::path published_weights(const std::string& model, const std::vector<std::filesystem::path>& folders);

}  // namespace automask::harness
