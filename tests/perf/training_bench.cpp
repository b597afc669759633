// What AutoMask adds to a training step: its steps with 5 conditions against five plain forward and backward passes of
// the same parts through a network with one normalisation and no masks, pictures in memory in both. `ramp` is the ratio
// while masks are cut (gates recorded at every second step), `frozen` that once the network is shrunk; above 1.15
// either fails. `teacher` is what a dense teacher's forward passes of the same parts add, stated apart. The argument is
// the consensus in tenths.
//
// The three take turns of one step each, so that what else the machine does hits all of them, and each ratio is the
// median over turns.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <benchmark/benchmark.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <string>

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
constexpr int warm_up = 5;          // steps that are not counted, when training begins and when masks freeze
constexpr double most_cost = 1.15;  // of a step, in plain ones

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

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

FeedPlan plain_plan() {
  return {&pictures(), std::vector<corruptions::Condition>(conditions), true, 128, 0, {}, {}, {}};
}

torch::Tensor input_of_part(const Part& part) {
  static const models::InputScaling scaling{{0.5F, 0.5F, 0.5F}, {0.25F, 0.25F, 0.25F}};
  return input_of(part.pixels.data(), static_cast<std::int64_t>(part.labels.size()), pictures(), scaling);
}

class PlainTraining {
 public:
  PlainTraining() { network_.train(); }

  void step(const Batch& batch) {
    optimizer_.zero_gradients();
    for (const Part& part : batch.parts)
      at::cross_entropy_loss(network_.forward(input_of_part(part)), at::tensor(part.labels)).backward();
    optimizer_.step(0.01);
  }

 private:
  models::Network network_{resnet14(), 1, 0};
  FlatSgd optimizer_{network_, 0.9, 5e-4};
};

// Forward passes alone: no gradients, running statistics.
class DenseTeacher {
 public:
  DenseTeacher() { network_.eval(); }

  void answer(const Batch& batch) {
    const torch::NoGradGuard no_grad;
    for (const Part& part : batch.parts) benchmark::DoNotOptimize(network_.forward(input_of_part(part), part.set));
  }

 private:
  models::Network network_{resnet14(), conditions, 0};
};

struct Turn {
  double automask = 0, plain = 0, teacher = 0;  // seconds
};

TrainJob automask_job(double consensus) {
  TrainJob job;
  const core::Json method = {
      {"method", "automask"},
      {"mac_budget", 0.5},
      {"consensus", consensus},
      {"estimator", {{"pictures", 2}, {"epochs", 1}}},
      {"train", {{"epochs", steps * 128.0 / 640}, {"batch", 128}, {"threads", threads}, {"checkpoint_seconds", 3600}}}};
  job.spec = MethodSpec::from_json({method, "bench"}, "automask", nullptr);
  job.graph = resnet14();
  // Brightness costs next to nothing, so that this measures the trainer and not the corruptions.
  for (const char* name : {"clean", "brightness:1", "brightness:2", "brightness:3", "brightness:4"})
    job.conditions.push_back(corruptions::Condition::parse(name));
  job.train = &pictures();
  return job;
}

// One turn per step of AutoMask's training, which asks after each whether to stop: the others have theirs meanwhile.
std::vector<Turn> take_turns(double consensus) {
  std::vector<Turn> turns;
  TrainJob job = automask_job(consensus);
  const FeedPlan plan = plain_plan();
  PlainTraining plain;
  DenseTeacher teacher;
  Clock::time_point begin = Clock::now();
  job.stop_requested = [&] {
    if (turns.size() == steps) return false;  // recalibration and the estimator ask, too
    Turn turn;
    turn.automask = seconds_since(begin);
    const Batch batch = make_batch(plan, static_cast<std::int64_t>(turns.size()));
    begin = Clock::now();
    plain.step(batch);
    turn.plain = seconds_since(begin);
    begin = Clock::now();
    teacher.answer(batch);
    turn.teacher = seconds_since(begin);
    turns.push_back(turn);
    begin = Clock::now();
    return false;
  };
  train(job);
  return turns;
}

// Ratios to plain steps. Two turns count as one, since gates are recorded at every second step: a median of single ones
// would be the cost of either kind.
void add_ratios(const std::vector<Turn>& turns, int first, int end, double Turn::*side, std::vector<double>& ratios) {
  for (int i = first; i + 1 < end; i += 2) {
    const Turn &one = turns[static_cast<std::size_t>(i)], &other = turns[static_cast<std::size_t>(i) + 1];
    ratios.push_back((one.*side + other.*side) / (one.plain + other.plain));
  }
}

void automask_step(benchmark::State& state) {
  std::vector<double> plain_ms, ramp, frozen, teacher;
  at::set_num_threads(threads);
  for (auto _ : state) {
    const std::vector<Turn> turns = take_turns(static_cast<double>(state.range(0)) / 10);
    if (turns.size() != steps) return state.SkipWithError("the training has another number of steps");
    for (const Turn& turn : turns) plain_ms.push_back(1000 * turn.plain);
    // The step that shrinks the network is the last of the first half, and in neither.
    add_ratios(turns, warm_up, steps / 2 - 1, &Turn::automask, ramp);
    add_ratios(turns, steps / 2 + warm_up, steps, &Turn::automask, frozen);
    add_ratios(turns, warm_up, steps, &Turn::teacher, teacher);
  }
  state.counters["plain_ms"] = median(plain_ms);
  state.counters["ramp"] = median(ramp);
  state.counters["frozen"] = median(frozen);
  state.counters["teacher"] = median(teacher);
  if (std::max(median(ramp), median(frozen)) <= most_cost) return;
  // An error hides the counters, so it says what they were.
  const std::string error = "a step costs " + std::to_string(median(ramp)) + " plain ones while masks change, " +
                            std::to_string(median(frozen)) + " once they are frozen, and may cost " +
                            core::Json(most_cost).dump();
  state.SkipWithError(error.c_str());
}
BENCHMARK(automask_step)->Arg(10)->Arg(6)->Unit(benchmark::kSecond)->Iterations(2);

}  // namespace
}  // namespace automask::methods
