#include "methods/masks/consensus.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/hash.h"
#include "methods/evaluate.h"
#include "methods/prerequisites.h"
#include "methods/training/device.h"
#include "models/network.h"

namespace automask::methods {
namespace {

constexpr const char* choice_file = "consensus.json";

// In percentage points.
struct PairedDifference {
  double mean, standard_error;
};

PairedDifference paired_difference(const std::vector<double>& first, const std::vector<double>& second) {
  const auto n = static_cast<double>(first.size());
  double sum = 0, squares = 0;
  for (std::size_t i = 0; i < first.size(); ++i) sum += first[i] - second[i];
  for (std::size_t i = 0; i < first.size(); ++i) squares += std::pow(first[i] - second[i] - sum / n, 2);
  return {100 * sum / n, n < 2 ? 0 : 100 * std::sqrt(squares / (n - 1) / n)};
}

// What must agree for a kept choice to be this job's. A candidate's record has its options, its losses and what it was
// worth on the validation pictures.
core::Json identity(const TrainJob& job) {
  core::Json conditions = core::Json::array(), candidates = core::Json::array();
  for (const corruptions::Condition& condition : job.conditions) conditions.push_back(condition.canonical());
  for (const double consensus : consensus_candidates())
    candidates.push_back(core::sha256_hex(job.prerequisite(consensus_role(consensus)).training.dump()));
  return {{"format_version", 1},      {"method", job.spec.parameters()},    {"seed", job.seed},
          {"conditions", conditions}, {"graph", graph::to_json(job.graph)}, {"pictures", job.validation->size()},
          {"candidates", candidates}};
}

core::Json kept_choice(const core::Json& of, const core::Json& record) {
  return {{"of", of},
          {"record", record},
          {"sha256", core::FieldHasher().add("of", of.dump()).add("record", record.dump()).hex()}};
}

// The record; null where the file is not there, damaged, or of another job.
core::Json find_choice(const std::filesystem::path& path, const core::Json& of) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return nullptr;
  const core::Json file = core::Json::parse(core::read_file(path), nullptr, /*allow_exceptions=*/false);
  if (!file.is_object() || !file.contains("record") || file != kept_choice(of, file.at("record"))) return nullptr;
  return file.at("record");
}

}  // namespace

double ConsensusCandidate::top1() const {
  return 100 * std::accumulate(right.begin(), right.end(), 0.0) / static_cast<double>(right.size());
}

double consensus_within_error(const std::vector<ConsensusCandidate>& candidates, core::Json& record) {
  const ConsensusCandidate& best = *std::max_element(candidates.begin(), candidates.end(),
                                                     [](const auto& a, const auto& b) { return a.top1() < b.top1(); });
  record = {{"candidates", core::Json::array()}};
  double chosen = best.consensus;
  for (const ConsensusCandidate& candidate : candidates) {
    const PairedDifference behind = paired_difference(best.right, candidate.right);
    if (behind.mean <= behind.standard_error) chosen = std::max(chosen, candidate.consensus);
    record["candidates"].push_back({{"consensus", candidate.consensus},
                                    {"validation_top1", candidate.top1()},
                                    {"behind", behind.mean},
                                    {"standard_error", behind.standard_error}});
  }
  record["chosen"] = chosen;
  return chosen;
}

double chosen_consensus(const TrainJob& job, core::Json& record) {
  if (!job.validation || job.validation->size() == 0)
    throw core::Error(core::ExitCode::steps_failed, "training " + job.spec.name,
                      "consensus \"auto\" is chosen on validation pictures, and there are none",
                      "set the data set's \"validation\", or give consensus a number");
  at::set_num_threads(job.spec.train.threads);
  const core::Json of = identity(job);
  const std::filesystem::path file = job.work_folder / choice_file;
  if (!job.work_folder.empty()) {
    record = find_choice(file, of);
    if (!record.is_null()) return record.at("chosen").get<double>();
  }
  const torch::Device device = training_device(job.spec.train);
  const std::vector<double> weights = job.spec.weights_of(job.conditions);
  std::vector<ConsensusCandidate> candidates;
  std::vector<const models::Checkpoint*> trained;
  std::deque<models::Network> networks;
  for (const double consensus : consensus_candidates()) {
    candidates.push_back({consensus, std::vector<double>(job.validation->size(), 0.0)});
    trained.push_back(&job.prerequisite(consensus_role(consensus)));
    move(networks.emplace_back(*trained.back()), device);
  }
  for (std::size_t k = 0; k < weights.size(); ++k) {
    if (job.stop_requested && job.stop_requested())
      throw core::Error(core::ExitCode::interrupted, "training " + job.spec.name,
                        "was stopped while its consensus was chosen", "run again to choose it");
    if (job.progress)
      job.progress(
          {static_cast<std::int64_t>(k), static_cast<std::int64_t>(weights.size()), 0, 1, 0, "choose consensus"});
    const datasets::PictureSet pictures =
        validation_pictures(*job.validation, job.conditions[k], consensus_seed, job.spec.train.threads);
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      const int set = networks[c].conditions() == 1 ? 0 : static_cast<int>(k);  // sets that are alike are one
      const std::vector<bool> right = right_answers(networks[c], pictures, trained[c]->input, set);
      for (std::size_t i = 0; i < right.size(); ++i) candidates[c].right[i] += right[i] ? weights[k] : 0;
    }
  }
  const double chosen = consensus_within_error(candidates, record);
  for (std::size_t c = 0; c < candidates.size(); ++c)  // what choosing cost
    record["candidates"][c]["views"] = trained[c]->training.at("views");
  if (!job.work_folder.empty()) core::write_file_atomically(file, kept_choice(of, record).dump());
  return chosen;
}

}  // namespace automask::methods
