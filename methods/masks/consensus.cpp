#include "methods/masks/consensus.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "core/error.h"
#include "methods/evaluate.h"
#include "methods/prerequisites.h"
#include "models/network.h"

namespace automask::methods {
namespace {

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
  const std::vector<double> weights = job.spec.weights_of(job.conditions);
  std::vector<ConsensusCandidate> candidates;
  std::vector<const models::Checkpoint*> trained;
  std::deque<models::Network> networks;
  for (const double consensus : consensus_candidates()) {
    candidates.push_back({consensus, std::vector<double>(job.validation->size(), 0.0)});
    trained.push_back(&job.prerequisite(consensus_role(consensus)));
    networks.emplace_back(*trained.back());
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
  return chosen;
}

}  // namespace automask::methods
