// What AutoMask adds to a training step: its steps with 5 conditions against five plain forward and backward passes of
// the same parts through a network with one normalisation and no masks, pictures in memory in both. The counter `ramp`
// is to be at most 1.15 (gates recorded at every second step, masks cut); `frozen` is what is left of the time once the
// network is shrunk. Both are medians of steps, timed in turns within one run; the argument is the consensus in tenths.
// `teacher` is what a dense teacher's forward passes of the same parts add, stated apart.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>

#include "core/philox.h"
#include "datasets/picture_set.h"
#include "methods/evaluate.h"
#include "methods/method.h"
#include "methods/training/feed.h"
#include "methods/training/sgd.h"
#include "models/zoo.h"

namespace automask::methods {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int steps = 60, conditions = 5, threads = 2;

// Pictures of CIFAR-10's size that cost nothing to make.
const datasets::PictureSet& pictures() {
  static const datasets::PictureSet set = [] {
    datasets::PictureSet made;
    made.height = made.width = 32;
    made.channels = 3;
    core::RandomStream random(1);
    for (int i = 0; i < 640; ++i) {
      for (std::size_t p = 0; p < made.picture_bytes(); ++p)
        made.pixels.push_back(static_cast<std::uint8_t>(random.below(256)));
      made.labels.push_back(i % 10);
      made.ids.push_back(static_cast<std::uint64_t>(i));
    }
    for (int c = 0; c < 10; ++c) made.classes.push_back(std::to_string(c));
    return made;
  }();
  return set;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

graph::Graph resnet14() {
  const core::Json model = {{"name", "resnet14"}};
  return models::build_model({model, "bench"}, {3, 32, 32}, 10);
}

// Seconds per step: of the first half, while masks change, and of the second.
void train_automask(double consensus, std::vector<double>& ramp, std::vector<double>& frozen) {
  TrainJob job;
  const core::Json method = {{"method", "automask"},
                             {"mac_budget", 0.5},
                             {"consensus", consensus},
                             {"estimator", {{"pictures", 2}, {"epochs", 1}}},
                             {"train", {{"epochs", steps * 128.0 / 640}, {"batch", 128}, {"threads", threads}}}};
  job.spec = MethodSpec::from_json({method, "bench"}, "automask", nullptr);
  job.graph = resnet14();
  // Brightness costs next to nothing, so that this measures the trainer and not the corruptions.
  for (const char* name : {"clean", "brightness:1", "brightness:2", "brightness:3", "brightness:4"})
    job.conditions.push_back(corruptions::Condition::parse(name));
  job.train = &pictures();
  int step = 0;
  Clock::time_point last = Clock::now();
  job.stop_requested = [&] {
    const auto now = Clock::now();
    ++step;
    if (step > 5 && step < steps / 2) ramp.push_back(std::chrono::duration<double>(now - last).count());
    if (step > steps / 2 + 5 && step <= steps) frozen.push_back(std::chrono::duration<double>(now - last).count());
    last = now;
    return false;
  };
  train(job);
}

void train_plainly(std::vector<double>& seconds) {
  FeedPlan plan{&pictures(), std::vector<corruptions::Condition>(conditions), true, 128, 0, {}, {}, {}};
  models::Network network(resnet14(), 1, 0);
  FlatSgd optimizer(network, 0.9, 5e-4);
  network.train();
  const models::InputScaling scaling{{0.5F, 0.5F, 0.5F}, {0.25F, 0.25F, 0.25F}};
  for (int step = 0; step < steps / 2; ++step) {
    const Batch batch = make_batch(plan, step);
    const auto start = Clock::now();
    optimizer.zero_gradients();
    for (const Part& part : batch.parts) {
      const auto count = static_cast<std::int64_t>(part.labels.size());
      const torch::Tensor x = input_of(part.pixels.data(), count, pictures(), scaling);
      at::cross_entropy_loss(network.forward(x), at::tensor(part.labels)).backward();
    }
    optimizer.step(0.01);
    if (step >= 5) seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
}

// Forward passes alone, as the teacher's: no gradients, running statistics.
void answer(std::vector<double>& seconds) {
  FeedPlan plan{&pictures(), std::vector<corruptions::Condition>(conditions), true, 128, 0, {}, {}, {}};
  models::Network network(resnet14(), conditions, 0);
  network.eval();
  const torch::NoGradGuard no_grad;
  const models::InputScaling scaling{{0.5F, 0.5F, 0.5F}, {0.25F, 0.25F, 0.25F}};
  for (int step = 0; step < steps / 2; ++step) {
    const Batch batch = make_batch(plan, step);
    const auto start = Clock::now();
    for (const Part& part : batch.parts)
      benchmark::DoNotOptimize(network.forward(
          input_of(part.pixels.data(), static_cast<std::int64_t>(part.labels.size()), pictures(), scaling), part.set));
    if (step >= 5) seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
  }
}

void automask_step(benchmark::State& state) {
  std::vector<double> ramp, frozen, plain, teacher;
  for (auto _ : state) {
    at::set_num_threads(threads);
    train_plainly(plain);
    train_automask(static_cast<double>(state.range(0)) / 10, ramp, frozen);
    answer(teacher);
    train_plainly(plain);
  }
  state.counters["plain_ms"] = 1000 * median(plain);
  state.counters["ramp"] = median(ramp) / median(plain);
  state.counters["frozen"] = median(frozen) / median(plain);
  state.counters["teacher"] = median(teacher) / median(plain);
}
BENCHMARK(automask_step)->Arg(10)->Arg(6)->Unit(benchmark::kSecond)->Iterations(2);

}  // namespace
}  // namespace automask::methods
