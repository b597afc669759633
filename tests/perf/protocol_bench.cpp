// What the protocol costs per inference (aim: < 50 microseconds): the host's wall time of a `run` less the latencies
// that the runner reports, by inferences. 224 x 224 pictures at batch 1, put before; a network that does nothing and
// the cpu runner.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "hw_targets/host/host.h"
#include "hw_targets/package/package.h"

namespace {

using namespace automask;

constexpr int side = 224, classes = 1000, pictures = 10, repetitions = 20;  // 200 inferences in a run
constexpr double aim = 50;                                                  // microseconds

// One strided convolution: fast, so that the overhead is not lost in the network's own noise.
std::string small_network() {
  package::Package package;
  graph::Graph& net = package.graph;
  net.name = "small";
  net.input = {3, side, side};
  graph::Attributes convolution, classifier;
  convolution.out_channels = 16;
  convolution.kernel_h = convolution.kernel_w = convolution.stride_h = convolution.stride_w = 8;
  classifier.out_channels = classes;
  const int picture = net.add("picture", graph::Op::input, {});
  const int patches = net.add("patches", graph::Op::conv2d, {picture}, convolution);
  const int mean = net.add("mean", graph::Op::global_avg_pool, {patches});
  net.add("classes", graph::Op::linear, {mean}, classifier);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> value(-0.1f, 0.1f);
  for (const auto& [name, shape] : graph::parameter_shapes(net)) {
    std::size_t size = 1;
    for (const auto extent : shape) size *= static_cast<std::size_t>(extent);
    std::vector<float> values(size);
    for (float& each : values) each = value(random);
    package.weights[name] = {shape, values};
  }
  package.conditions.push_back({"*", graph::full_mask(graph::channel_groups(net)), {}, {}, {}});
  package.input_mean = {0.5f, 0.5f, 0.5f};
  package.input_deviation = {0.25f, 0.25f, 0.25f};
  for (int c = 0; c < classes; ++c) package.classes.push_back(std::to_string(c));
  return package::encode(package);
}

std::vector<std::string> noise() {
  std::mt19937 random(2);
  std::vector<std::string> all(pictures, std::string(std::size_t{3} * side * side, '\0'));
  for (std::string& picture : all)
    for (char& byte : picture) byte = static_cast<char>(random());
  return all;
}

void protocol_overhead(benchmark::State& state, const char* program) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const auto session = host::Session::start({program, {(folder / program).string()}, {}, "the benchmark"});
  session->initialize();
  session->load(small_network());
  session->prepare({{"threads", 1}, {"format", "fp32"}});
  host::RunRequest request;
  request.inputs = session->put_inputs(noise());
  request.repetitions = repetitions;
  std::vector<double> overheads;  // microseconds per inference, one per run
  double latency = 0;
  for (auto unused : state) {
    request.order_seed = overheads.size();
    const host::RunResult run = session->run(request);
    const double sum = std::accumulate(run.latencies_ms.begin(), run.latencies_ms.end(), 0.0) / 1e3;
    const auto count = static_cast<double>(run.latencies_ms.size());
    if (run.latencies_ms.size() != std::size_t{pictures} * repetitions) state.SkipWithError("latencies are missing");
    overheads.push_back(1e6 * (run.wall_seconds - sum) / count);
    latency = 1e6 * sum / count;
  }
  session->shutdown();
  if (overheads.empty()) return;
  std::nth_element(overheads.begin(), overheads.begin() + static_cast<std::ptrdiff_t>(overheads.size() / 2),
                   overheads.end());
  const double median = overheads[overheads.size() / 2];
  state.counters["overhead_us"] = median;
  state.counters["latency_us"] = latency;
  if (median >= aim) state.SkipWithError("the protocol costs 50 microseconds per inference or more");
}
BENCHMARK_CAPTURE(protocol_overhead, no_network, "automask-runner-noop")->Iterations(20)->UseRealTime();
BENCHMARK_CAPTURE(protocol_overhead, cpu, "automask-runner-cpu")->Iterations(20)->UseRealTime();

}  // namespace
