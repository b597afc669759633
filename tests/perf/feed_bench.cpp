// What feeding costs: the same training steps on pictures corrupted on the fly and on tensors that lie in memory
// already. Both are timed in turns within one run, so the counter `ratio` survives a noisy machine; it is to be at
// most 1.10. Both must end with the same weights, bit for bit.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>

#include <chrono>
#include <functional>
#include <thread>

#include "datasets/dataset.h"
#include "methods/evaluate.h"
#include "methods/training/feed.h"
#include "methods/training/sgd.h"
#include "models/zoo.h"

namespace automask::methods {
namespace {

constexpr int steps_per_turn = 20;

const datasets::PictureSet& pictures() {
  static const datasets::PictureSet set = [] {
    const core::Json json = {{"reader", "idx"},
                             {"path", "/usr/share/datasets/fashion-mnist"},
                             {"input", {1, 28, 28}},
                             {"limit", {{"train", 10000}, {"test", 1}}}};
    const auto spec = datasets::DatasetSpec::from_json({json, "bench"}, "fashion_mnist");
    return datasets::load(*datasets::open(spec, datasets::Split::train), spec, 2);
  }();
  return set;
}

// The network and conditions of experiments/quickstart.json.
struct Training {
  FeedPlan plan;
  models::InputScaling scaling{{0.286F}, {0.353F}};
  models::Network network;
  FlatSgd optimizer;

  Training(bool parts, const core::Json& model)
      : network(models::build_model({model, "bench"}, {1, 28, 28}, 10), parts ? 5 : 1, 1),
        optimizer(network, 0.9, 5e-4) {
    plan.pictures = &pictures();
    for (const char* condition :
         {"clean", "gaussian_noise:3", "defocus_blur:1", "jpeg:q10", "gaussian_noise:3 > jpeg:q20"})
      plan.conditions.push_back(corruptions::Condition::parse(condition));
    plan.parts_by_condition = parts;
    plan.batch = 128;
    network.train();
  }

  struct Tensors {
    int condition;
    torch::Tensor x, labels;
  };
  std::vector<Tensors> tensors(const Batch& batch) const {
    std::vector<Tensors> result;
    for (const Part& part : batch.parts)
      result.push_back(
          {part.set, input_of(part.pixels.data(), static_cast<std::int64_t>(part.labels.size()), pictures(), scaling),
           at::tensor(part.labels)});
    return result;
  }
  void step(const std::vector<Tensors>& batch) {
    optimizer.zero_gradients();
    for (const Tensors& part : batch)
      (at::cross_entropy_loss(network.forward(part.x, part.condition), part.labels, {}, at::Reduction::Sum) / 128)
          .backward();
    optimizer.step(0.05);
  }
};

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void feeding(benchmark::State& state) {
  const bool parts = state.range(0) != 0;
  const core::Json model = {{"name", "resnet8"}, {"width", 16}};
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  at::set_num_threads(cores);
  Training fed(parts, model), kept(parts, model);
  double feed_seconds = 0, memory_seconds = 0;
  std::int64_t step = 0;
  const auto turn = [&] {
    std::vector<std::vector<Training::Tensors>> memory;
    for (int i = 0; i < steps_per_turn; ++i) memory.push_back(kept.tensors(make_batch(kept.plan, step + i)));
    memory_seconds += seconds_of([&] {
      for (const auto& batch : memory) kept.step(batch);
    });
    feed_seconds += seconds_of([&] {
      Feed feed(fed.plan, step, step + steps_per_turn, 1);
      for (int i = 0; i < steps_per_turn; ++i) fed.step(fed.tensors(feed.next()));
    });
    step += steps_per_turn;
  };
  turn();  // warms up both
  feed_seconds = memory_seconds = 0;
  for (auto _ : state) {
    const double before = feed_seconds;
    turn();
    state.SetIterationTime(feed_seconds - before);
  }
  if (!at::equal(fed.optimizer.values(), kept.optimizer.values())) state.SkipWithError("the weights differ");
  state.counters["ratio"] = feed_seconds / memory_seconds;
  state.counters["pictures_per_second"] = double(state.iterations()) * steps_per_turn * fed.plan.batch / feed_seconds;
}
BENCHMARK(feeding)
    ->Arg(0)
    ->Arg(1)
    ->ArgName("part_per_condition")
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond)
    ->MinTime(8);

}  // namespace
}  // namespace automask::methods
