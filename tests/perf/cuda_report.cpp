// The CUDA kernels' checks and times: scripts/bench_cuda.sh runs this.
//
//   cuda_report [--format json|text] [--nvrtc FOLDER] [--device N]
//
// Without a GPU: every kernel behind the launch shim against plain loops, compiled by the NVRTCs of FOLDER. With one
// also ResNet-18's layers, dense and with half of the channels masked, each kernel tuned as `prepare` does.
#include <cmath>
#include <filesystem>
#include <iostream>

#include "hw_targets/cuda/check.h"
#include "hw_targets/cuda/choice.h"
#include "hw_targets/cuda/cubin.h"
#include "hw_targets/cuda/cudnn.h"
#include "hw_targets/cuda/gpu.h"
#include "hw_targets/cuda/nvrtc.h"
#include "hw_targets/cuda/roofline.h"
#include "hw_targets/cuda/shim/shim_device.h"
#include "models/zoo.h"
#include "tests/unit/cpu/zoo_networks.h"
#include "tests/unit/cuda/packages.h"
#include "tests/unit/cuda/variants.h"

namespace {

using namespace automask;
using namespace automask::cuda;
using nlohmann::json;

struct Compiler {
  Nvrtc nvrtc;
  std::vector<int> architectures;
};

// Of the versions that the tests' environment has.
std::vector<Compiler> compilers(const std::filesystem::path& folder) {
  std::vector<Compiler> found;
  for (const auto& [name, architectures] :
       {std::pair<const char*, std::vector<int>>{"libnvrtc.so.12", {62, 75, 90}}, {"libnvrtc.so.11.2", {62}}})
    if (std::filesystem::exists(folder / name)) found.push_back({Nvrtc((folder / name).string()), architectures});
  return found;
}

json kernel_row(const KernelKey& key, Device& shim, Device* gpu, const std::vector<Compiler>& compilers) {
  json row = {{"kernel", title(key)}, {"nvrtc", json::object()}, {"registers_sm_62", nullptr}};
  if (key.name == "repack") {
    row["shim_ok"] = nullptr;  // it moves bits; unit tests hold it to the lists
  } else {
    const Agreement agreement = check_kernel(shim, key, 1, 0);
    row["shim_ok"] = agreement.holds();
    row["shim_error"] = agreement.error;
    if (gpu != nullptr) row["gpu_ok"] = check_kernel(*gpu, key, 1, 0).holds();
  }
  for (const Compiler& compiler : compilers) {
    const Nvrtc& nvrtc = compiler.nvrtc;
    for (const int architecture : compiler.architectures) {
      // Tiles differ in numbers alone: all of them for the TX2, one for the others.
      if (architecture != 62 && key.constants.tile_m > 0 && key.constants.tile_m != tiles().front().m) continue;
      std::string name = "sm_" + std::to_string(architecture);
      if (nvrtc.major() != 12) name += " by CUDA " + nvrtc.version();
      try {
        const CubinFacts facts = read_cubin(nvrtc.compile(source_of(key), key.name, architecture).bytes, key.name);
        row["nvrtc"][name] = facts.found;
        if (architecture == 62) {
          row["registers_sm_62"] = facts.registers;
          row["shared_bytes_sm_62"] = facts.shared_bytes;
          row["stack_bytes_sm_62"] = facts.stack_bytes;
        }
      } catch (const DeviceError& e) {
        row["nvrtc"][name] = false;
        row["fault"] = e.what();
      }
    }
  }
  return row;
}

// ResNet-18 at its published size, and with every second member of each maskable group.
package::Package resnet18(bool half) {
  graph::Graph graph = models::build_published(*models::find_in_zoo("resnet18"), {3, 224, 224}, 1000);
  package::Package package = random_package(graph, {"dense", "half"}, half, 1);
  package.conditions[0].mask = graph::full_mask(graph::channel_groups(package.graph));
  package.conditions[1].mask = cpu::thinned(package.graph, 2);
  for (auto& condition : package.conditions)
    for (auto* values : {&condition.scale, &condition.bias})
      for (auto& of_node : *values) std::fill(of_node.second.begin(), of_node.second.end(), 1.F);
  return package;
}

json ms_of(const Candidate& candidate) { return candidate.agrees ? json(candidate.ms) : json(); }

// The fastest of the runner's own kernels: what a masked layer takes once its weights are gathered, or through lists.
json own_ms(Chooser& chooser, const Step& step, const WeightLayout& layout) {
  Candidate best;
  for (const KernelKey& key : candidates_of(step, layout, false)) {
    const Candidate candidate = chooser.judge(key, step.layer);
    if (candidate.agrees && (!best.agrees || candidate.ms < best.ms)) best = candidate;
  }
  return ms_of(best);
}

// cuDNN on a layer of these channels, physically shrunk or dense; null where it cannot do it.
json cudnn_ms(Chooser& chooser, const Step& step) {
  if (!cudnn_can(step.key)) return nullptr;
  return ms_of(chooser.judge(cudnn_key(step.key), step.layer));
}

// Geometric mean over the layers that have both.
json ratio(const json& rows, const char* of, const char* to) {
  double sum = 0;
  int count = 0;
  for (const json& row : rows) {
    if (!row[of].is_number() || !row[to].is_number()) continue;
    sum += std::log(row[of].get<double>() / row[to].get<double>());
    ++count;
  }
  return count == 0 ? json() : json(std::exp(sum / count));
}

json layer_rows(Device* gpu, bool half) {
  const package::Package package = resnet18(half);
  const Program dense = lower(package, 0), masked = lower(package, 1);
  const Roofline tx2_model = tx2(half, fitted_shares());
  json rows = json::array();
  std::unique_ptr<Chooser> chooser;
  if (gpu != nullptr) chooser = std::make_unique<Chooser>(*gpu, true);
  for (std::size_t i = 0; i < dense.steps.size(); ++i) {
    const Step &whole = dense.steps[i], &part = masked.steps[i];
    if (whole.key.name != "convolution") continue;
    json row = {{"layer", whole.layer},       {"format", half ? "fp16" : "fp32"},
                {"macs", whole.macs},         {"masked_macs", part.macs},
                {"masked_ms", nullptr},       {"dense_ms", nullptr},
                {"cudnn_shrunk_ms", nullptr}, {"cudnn_dense_ms", nullptr}};
    if (chooser) {
      const WeightLayout layout = layout_of(package.graph, whole.weights);
      row["masked_ms"] = own_ms(*chooser, part, layout);
      row["dense_ms"] = own_ms(*chooser, whole, layout);
      if (!gpu->library().empty()) {
        row["cudnn_shrunk_ms"] = cudnn_ms(*chooser, part);
        row["cudnn_dense_ms"] = cudnn_ms(*chooser, whole);
      }
    }
    rows.push_back(row);
  }
  json summary = {{"format", half ? "fp16" : "fp32"},
                  {"dense_ms", network_ms(tx2_model, costs_of(dense))},
                  {"masked_ms", network_ms(tx2_model, costs_of(masked))},
                  {"evidence", "modelled"},
                  {"device", "Jetson TX2"}};
  const json ratios = {{"format", half ? "fp16" : "fp32"},
                       {"masked_to_cudnn_shrunk", ratio(rows, "masked_ms", "cudnn_shrunk_ms")},
                       {"masked_to_cudnn_dense", ratio(rows, "masked_ms", "cudnn_dense_ms")},
                       {"masked_to_dense", ratio(rows, "masked_ms", "dense_ms")}};
  return {{"layers", rows}, {"modelled", summary}, {"ratios", ratios}};
}

// What a switch to half of the channels moves, and how long that takes a memory at the TX2's 58.3 GB/s.
json switch_row(bool half) {
  const package::Package package = resnet18(half);
  double bytes = 0;
  for (const Step& step : lower(package, 1).steps)
    if (step.weights >= 0 && step.masked())
      bytes += 2.0 * static_cast<double>(weight_values(step.key)) * (half ? 2 : 4);
  return {{"network", "resnet18"}, {"format", half ? "fp16" : "fp32"},
          {"kept", 0.5},           {"bytes_moved", bytes},
          {"ms", bytes / 58.3e6},  {"ms_at_fitted_share", bytes / tx2(half, fitted_shares()).bytes_per_ms},
          {"evidence", "modelled"}};
}

}  // namespace

int main(int argc, char** argv) {
  std::string format = "text", folder;
  GpuOptions options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--format" && i + 1 < argc) {
      format = argv[++i];
    } else if (argument == "--nvrtc" && i + 1 < argc) {
      folder = argv[++i];
    } else if (argument == "--device" && i + 1 < argc) {
      options.index = std::atoi(argv[++i]);
    } else {
      std::cerr << "cuda_report: unknown option " << argument << "\n";
      return 2;
    }
  }
  if (format != "json" && format != "text") {
    std::cerr << "cuda_report: --format is json or text\n";
    return 2;
  }
  std::unique_ptr<Device> gpu;
  json document = {{"schema_version", 1}, {"gpu", nullptr}, {"kernels", json::array()}, {"layers", json::array()}};
  try {
    gpu = open_gpu(options);
    document["gpu"] = gpu->describe();
  } catch (const DeviceError& e) {
    document["why_no_gpu"] = e.what();
  }
  const auto shim = shim_device();
  const std::vector<Compiler> found = compilers(folder);
  json versions = json::array();
  for (const Compiler& compiler : found) versions.push_back(compiler.nvrtc.version());
  document["nvrtc_versions"] = versions;
  bool good = true;
  for (const bool half : {false, true})
    for (const KernelKey& key : variants(half)) {
      json row = kernel_row(key, *shim, gpu.get(), found);
      good = good && row["shim_ok"] != false && (!row.contains("gpu_ok") || row["gpu_ok"] == true);
      for (const auto& [name, compiled] : row["nvrtc"].items()) good = good && compiled == true;
      document["kernels"].push_back(row);
    }
  document["switch"] = json::array();
  document["modelled"] = json::array();
  document["ratios"] = json::array();
  for (const bool half : {false, true}) {
    json layers = layer_rows(gpu.get(), half);
    for (const json& row : layers["layers"]) document["layers"].push_back(row);
    document["modelled"].push_back(layers["modelled"]);
    document["ratios"].push_back(layers["ratios"]);
    document["switch"].push_back(switch_row(half));
  }
  if (format == "json") {
    std::cout << document.dump(1) << "\n";
    return good ? 0 : 1;
  }
  std::cout << "GPU: " << (gpu ? document["gpu"]["name"].get<std::string>() : document["why_no_gpu"].get<std::string>())
            << "\n";
  for (const json& row : document["kernels"])
    std::cout << row["kernel"].get<std::string>() << ": shim " << row["shim_ok"] << ", nvrtc " << row["nvrtc"].dump()
              << ", registers on sm_62 " << row["registers_sm_62"] << "\n";
  for (const json& row : document["layers"])
    std::cout << row["layer"].get<std::string>() << " " << row["format"].get<std::string>() << ": masked "
              << row["masked_ms"] << " ms, dense " << row["dense_ms"] << " ms\n";
  for (const char* part : {"modelled", "ratios", "switch"})
    for (const json& row : document[part]) std::cout << part << ": " << row.dump() << "\n";
  return good ? 0 : 1;
}
