#include "hw_targets/host/interleave.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "core/hash.h"
#include "core/shuffle.h"
#include "hw_targets/host/plausibility.h"

namespace automask::host {
namespace {

constexpr std::size_t least_block = 16, most_block = 256, blocks_of_a_cell = 8;
constexpr int rewarming = 5;  // executions after a switch of conditions: caches hold the other network

std::uint64_t seed_of(std::uint64_t seed, std::size_t round, std::size_t block) {
  return core::hash64(std::to_string(seed) + " " + std::to_string(round) + " " + std::to_string(block));
}

void add(TimedCall& sum, const TimedCall& call) {
  sum.outer_seconds += call.outer_seconds;
  sum.wall_seconds += call.wall_seconds;
  sum.latency_seconds += call.latency_seconds;
  sum.executions += call.executions;
}

struct Progress {
  CellResult result;
  TimedCall brief, full;
  bool visited = false;

  bool enough(const BlockPlan& plan) const {
    return result.latencies_ms.size() >= static_cast<std::size_t>(std::max(plan.min_latencies, 0)) &&
           full.latency_seconds >= plan.min_seconds;
  }
};

void add_power(CellResult& cell, const RunResult& run, const std::vector<PowerSample>& samples) {
  double joules = 0, seconds = 0;
  for (std::size_t i = 1; i < samples.size(); ++i) {  // trapezoids
    const double between = samples[i].first - samples[i - 1].first;
    joules += between * (samples[i].second + samples[i - 1].second) / 2;
    seconds += between;
  }
  if (!(seconds > 0) || run.latencies_ms.empty()) return;
  const double latencies = std::accumulate(run.latencies_ms.begin(), run.latencies_ms.end(), 0.0);
  cell.block_mj.push_back(joules / seconds * latencies / static_cast<double>(run.latencies_ms.size()));
}

void keep(Progress& cell, const Block& block, const RunResult& run, std::size_t inputs) {
  const auto classes = static_cast<std::size_t>(run.classes);
  cell.result.classes = run.classes;
  cell.result.outputs.resize(inputs * classes);
  for (std::size_t i = 0; i < block.inputs.size(); ++i)
    std::copy_n(run.outputs.begin() + static_cast<std::ptrdiff_t>(i * classes), classes,
                cell.result.outputs.begin() + static_cast<std::ptrdiff_t>(block.inputs[i] * classes));
  if (run.conditions.empty()) return;
  cell.result.conditions.resize(inputs);
  for (std::size_t i = 0; i < block.inputs.size(); ++i) cell.result.conditions[block.inputs[i]] = run.conditions[i];
}

void select(Session& session, int condition, const std::string& runner) {
  if (condition != automatic) return session.select_condition(condition);
  if (!session.select_automatically())
    throw RunnerFailure(FailureKind::unsupported, runner, "does not pick conditions by itself",
                        "measure the package's conditions one by one");
}

}  // namespace

std::vector<Block> plan_blocks(const std::vector<std::size_t>& inputs_of_cells, std::size_t block, std::uint64_t seed) {
  core::RandomStream random(seed);
  std::vector<Block> blocks;
  for (std::size_t cell = 0; cell < inputs_of_cells.size(); ++cell) {
    std::vector<std::size_t> inputs(inputs_of_cells[cell]);
    std::iota(inputs.begin(), inputs.end(), std::size_t{0});
    core::shuffle(inputs, random);
    const std::size_t size =
        block > 0 ? block
                  : std::clamp((inputs.size() + blocks_of_a_cell - 1) / blocks_of_a_cell, least_block, most_block);
    for (std::size_t at = 0; at < inputs.size(); at += size)
      blocks.push_back({cell,
                        {inputs.begin() + static_cast<std::ptrdiff_t>(at),
                         inputs.begin() + static_cast<std::ptrdiff_t>(std::min(at + size, inputs.size()))}});
  }
  core::shuffle(blocks, random);
  return blocks;
}

std::vector<CellResult> run_interleaved(Session& session, const Device& device, const std::string& runner,
                                        const std::vector<RunCell>& cells, const BlockPlan& plan) {
  std::vector<std::size_t> sizes;
  for (const RunCell& cell : cells) sizes.push_back(cell.inputs.size());
  std::vector<Progress> all(cells.size());
  const bool sensor = session.power().has_value();
  bool more = true;
  for (std::size_t round = 0; more; ++round) {
    const std::vector<Block> blocks = plan_blocks(sizes, plan.block, seed_of(plan.seed, round, 0));
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      const Block& block = blocks[b];
      Progress& cell = all[block.cell];
      if (round > 0 && cell.enough(plan)) continue;
      if (plan.between && (round > 0 || b > 0)) plan.between();
      select(session, cells[block.cell].condition, runner);
      RunRequest request;
      for (const std::size_t input : block.inputs) request.inputs.push_back(cells[block.cell].inputs[input]);
      request.order_seed = seed_of(plan.seed, round, b + 1);
      request.warmup = cell.visited ? std::min(plan.warmup, rewarming) : plan.warmup;
      request.repetitions = plan.repetitions;
      request.stop = plan.stop;
      cell.visited = true;
      if (sensor) session.power();  // what came before is not this block's
      const RunResult run = session.run(request);
      if (sensor) add_power(cell.result, run, session.power().value_or(std::vector<PowerSample>{}));
      if (round == 0) keep(cell, block, run, sizes[block.cell]);
      cell.result.latencies_ms.insert(cell.result.latencies_ms.end(), run.latencies_ms.begin(), run.latencies_ms.end());
      cell.result.wall_seconds += run.wall_seconds;
      ++cell.result.blocks;
      add(cell.brief, run.brief);
      add(cell.full, run.full);
      if (round == 0 && plan.on_block) plan.on_block(static_cast<double>(b + 1), static_cast<double>(blocks.size()));
    }
    more = std::any_of(all.begin(), all.end(), [&](const Progress& cell) { return !cell.enough(plan); }) &&
           !blocks.empty();
  }
  std::vector<CellResult> results;
  for (Progress& cell : all) {
    const std::string doubt =
        device.evidence == "measured" ? implausible(cell.brief, cell.full, cell.result.blocks) : "";
    if (!doubt.empty())
      throw RunnerFailure(FailureKind::mistrusted, runner, "cannot be believed: over all its blocks " + doubt,
                          "look at how the runner takes its times");
    results.push_back(std::move(cell.result));
  }
  return results;
}

}  // namespace automask::host
