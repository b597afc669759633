// What executing a graph costs: inference and one training step of ResNet-18 and MobileNetV2 (224 pixels, FP32, 2
// threads) by models::Network and by a hand-written LibTorch module of the same network, channels last as LibTorch's
// guide to fast CPU inference advises, or plain. Both are timed in turns within one run; the counter `ratio` is the
// median over turns of ours to theirs and is to be at most 1.03; `processor_ratio` is the same of processor time. Both
// must give the same logits from the same weights.
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>
#include <torch/optim/sgd.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <functional>

#include "models/network.h"
#include "models/zoo.h"

namespace automask::models {
namespace {

namespace nn = torch::nn;

nn::Conv2d conv(int in, int out, int kernel, int stride = 1, int groups = 1) {
  return nn::Conv2d(nn::Conv2dOptions(in, out, kernel).stride(stride).padding(kernel / 2).groups(groups).bias(false));
}

struct BasicBlock : nn::Module {
  BasicBlock(int in, int out, int stride)
      : conv1(register_module("conv1", conv(in, out, 3, stride))),
        bn1(register_module("bn1", nn::BatchNorm2d(out))),
        conv2(register_module("conv2", conv(out, out, 3))),
        bn2(register_module("bn2", nn::BatchNorm2d(out))) {
    if (stride != 1)
      downsample = register_module("downsample", nn::Sequential(conv(in, out, 1, stride), nn::BatchNorm2d(out)));
  }
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor y = bn2(conv2(bn1(conv1(x)).relu_()));
    return (y + (downsample ? downsample->forward(x) : x)).relu_();
  }
  nn::Conv2d conv1;
  nn::BatchNorm2d bn1;
  nn::Conv2d conv2;
  nn::BatchNorm2d bn2;
  nn::Sequential downsample{nullptr};
};

struct HandWritten : nn::Module {
  virtual torch::Tensor forward(torch::Tensor x) = 0;
};

struct ResNet18 : HandWritten {
  ResNet18() {
    int in = 64;
    for (int stage = 0; stage < 4; ++stage) {
      const int out = 64 << stage;
      layers->push_back(BasicBlock(in, out, stage > 0 ? 2 : 1));
      layers->push_back(BasicBlock(out, out, 1));
      in = out;
    }
    register_module("conv1", conv1);
    register_module("bn1", bn1);
    register_module("layers", layers);
    register_module("fc", fc);
  }
  torch::Tensor forward(torch::Tensor x) override {
    x = bn1(conv1(x)).relu_();
    x = layers->forward(at::max_pool2d(x, 3, 2, 1));
    return fc(at::adaptive_avg_pool2d(x, {1, 1}).flatten(1));
  }
  nn::Conv2d conv1 = conv(3, 64, 7, 2);
  nn::BatchNorm2d bn1{64};
  nn::Sequential layers;
  nn::Linear fc{512, 1000};
};

struct InvertedResidual : nn::Module {
  InvertedResidual(int in, int out, int stride, int expansion) : adds(stride == 1 && in == out) {
    const int hidden = in * expansion;
    if (expansion != 1) {
      convs.push_back(conv(in, hidden, 1));
      norms.emplace_back(hidden);
    }
    convs.push_back(conv(hidden, hidden, 3, stride, hidden));
    norms.emplace_back(hidden);
    convs.push_back(conv(hidden, out, 1));
    norms.emplace_back(out);
    for (std::size_t i = 0; i < convs.size(); ++i) {
      register_module("conv" + std::to_string(i), convs[i]);
      register_module("norm" + std::to_string(i), norms[i]);
    }
  }
  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor y = x;
    for (std::size_t i = 0; i < convs.size(); ++i) {
      y = norms[i](convs[i](y));
      if (i + 1 < convs.size()) y = at::hardtanh_(y, 0, 6);
    }
    return adds ? x + y : y;
  }
  bool adds;
  std::vector<nn::Conv2d> convs;
  std::vector<nn::BatchNorm2d> norms;
};

struct MobileNetV2 : HandWritten {
  MobileNetV2() {
    const int stages[][4] = {{1, 16, 1, 1}, {6, 24, 2, 2},  {6, 32, 3, 2}, {6, 64, 4, 2},
                             {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    int in = 32;
    for (const auto& [expansion, out, repeats, stride] : stages)
      for (int i = 0; i < repeats; ++i) {
        blocks->push_back(InvertedResidual(in, out, i == 0 ? stride : 1, expansion));
        in = out;
      }
    register_module("stem", stem);
    register_module("stem_norm", stem_norm);
    register_module("blocks", blocks);
    register_module("head", head);
    register_module("head_norm", head_norm);
    register_module("dropout", dropout);
    register_module("fc", fc);
  }
  torch::Tensor forward(torch::Tensor x) override {
    x = stem_norm(stem(x));
    x = blocks->forward(at::hardtanh_(x, 0, 6));
    x = head_norm(head(x));
    x = at::hardtanh_(x, 0, 6);
    return fc(dropout(at::adaptive_avg_pool2d(x, {1, 1}).flatten(1)));
  }
  nn::Conv2d stem = conv(3, 32, 3, 2);
  nn::BatchNorm2d stem_norm{32};
  nn::Sequential blocks;
  nn::Conv2d head = conv(320, 1280, 1);
  nn::BatchNorm2d head_norm{1280};
  nn::Dropout dropout{0.2};
  nn::Linear fc{1280, 1000};
};

// Both modules register their layers in the order of execution, but for shortcuts; shapes show a mistake.
void copy_weights(const nn::Module& from, nn::Module& to) {
  const torch::NoGradGuard no_grad;
  auto source = from.parameters(), target = to.parameters();
  TORCH_CHECK(source.size() == target.size(), "the networks differ");
  for (std::size_t i = 0; i < source.size(); ++i) target[i].copy_(source[i]);
}

void to_channels_last(nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& parameter : module.parameters())
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
}

// Wall time, and processor time of all threads, which a busy machine disturbs less.
struct Seconds {
  double wall = 0, processor = 0;
};

Seconds seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t ticks = std::clock();
  work();
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
          double(std::clock() - ticks) / CLOCKS_PER_SEC};
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

template <class Theirs>
void execution(benchmark::State& state, const std::string& name) {
  const std::int64_t batch = state.range(0);
  const bool training = state.range(1) != 0, channels_last = state.range(2) != 0;
  at::set_num_threads(2);
  const ZooEntry& entry = *find_in_zoo(name);
  Network ours(build_published(entry, entry.preprocessing.input, entry.classes), 1, 1);
  Theirs theirs;
  copy_weights(ours, theirs);
  if (channels_last) to_channels_last(theirs);
  torch::Tensor x = torch::randn({batch, 3, 224, 224});
  if (channels_last) x = x.contiguous(torch::MemoryFormat::ChannelsLast);
  const torch::Tensor labels = torch::randint(1000, {batch}, torch::kLong);
  ours.eval();
  theirs.eval();
  {
    const torch::NoGradGuard no_grad;
    if (!at::allclose(ours.forward(x), theirs.forward(x), 1e-3, 1e-4)) state.SkipWithError("the logits differ");
  }
  ours.train(training);
  theirs.train(training);
  torch::optim::SGD our_optimizer(ours.parameters(), torch::optim::SGDOptions(1e-4).momentum(0.9));
  torch::optim::SGD their_optimizer(theirs.parameters(), torch::optim::SGDOptions(1e-4).momentum(0.9));
  const auto work = [&](auto& network, torch::optim::SGD& optimizer) {
    return seconds_of([&] {
      if (!training) {
        const torch::NoGradGuard no_grad;
        benchmark::DoNotOptimize(network.forward(x));
        return;
      }
      optimizer.zero_grad();
      at::cross_entropy_loss(network.forward(x), labels).backward();
      optimizer.step();
    });
  };
  std::vector<double> our_seconds, their_seconds, ratios, processor_ratios;
  for (auto _ : state) {
    // Who comes first changes: caches and clocks favour neither.
    const bool first = ratios.size() % 2 == 0;
    Seconds a = first ? work(ours, our_optimizer) : Seconds();
    const Seconds b = work(theirs, their_optimizer);
    if (!first) a = work(ours, our_optimizer);
    our_seconds.push_back(a.wall);
    their_seconds.push_back(b.wall);
    ratios.push_back(a.wall / b.wall);
    processor_ratios.push_back(a.processor / b.processor);
    state.SetIterationTime(a.wall);
  }
  state.counters["ratio"] = median(ratios);
  state.counters["processor_ratio"] = median(processor_ratios);
  state.counters["ours_ms"] = 1e3 * median(our_seconds);
  state.counters["theirs_ms"] = 1e3 * median(their_seconds);
}

void cases(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"batch", "training", "channels_last"})->UseManualTime()->Unit(benchmark::kMillisecond);
  for (const int channels_last : {1, 0})
    for (const int training : {0, 1})
      for (const int batch : {1, 16}) benchmark->Args({batch, training, channels_last});
}

void resnet18(benchmark::State& state) { execution<ResNet18>(state, "resnet18"); }
void mobilenet_v2(benchmark::State& state) { execution<MobileNetV2>(state, "mobilenet_v2"); }
BENCHMARK(resnet18)->Apply(cases);
BENCHMARK(mobilenet_v2)->Apply(cases);

}  // namespace
}  // namespace automask::models
