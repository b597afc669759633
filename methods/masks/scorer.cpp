#include "methods/masks/scorer.h"

#include "core/error.h"
#include "methods/masks/filter_scores.h"
#include "methods/masks/learned_gates.h"
#include "methods/masks/scorer_names.h"
#include "methods/masks/scores.h"
#include "methods/masks/weight_scorers.h"

namespace automask::methods {
bool Scorer::wants_gates(std::int64_t) const { return false; }
void Scorer::before_forward(models::Network&, int, std::int64_t) {}
void Scorer::after_backward(models::Network&, int, double) {}
void Scorer::before_cut(models::Network&) {}
core::Json Scorer::state() const { return core::Json::object(); }
void Scorer::restore(const core::Json&) {}

std::unique_ptr<Scorer> make_scorer(const std::string& name, const graph::ChannelGroups& groups, int conditions,
                                    std::uint64_t seed, const GateOptions& gates) {
  if (name == "fisher") return std::make_unique<FisherScorer>(groups, conditions);
  if (name == "straight_through") return std::make_unique<StraightThroughScorer>(groups, conditions, gates);
  if (name == "hard_concrete") return std::make_unique<HardConcreteScorer>(groups, conditions, seed, gates);
  if (name == "random") return std::make_unique<RandomScorer>(groups, conditions, seed);
  if (name == "taylor") return std::make_unique<TaylorScorer>(groups, conditions);
  if (name == "l1") return std::make_unique<WeightScorer>(l1_scores);
  if (name == "fpgm") return std::make_unique<WeightScorer>(fpgm_scores);
  if (name == "slimming") return std::make_unique<WeightScorer>(slimming_scores);
  throw core::Error(core::ExitCode::internal, "scorer " + name, "is in the catalogue but not in the table");
}

Scores zero_scores(const graph::ChannelGroups& groups) {
  Scores scores;
  for (const graph::ChannelGroup& group : groups.groups) scores.emplace_back(group.maskable ? group.channels : 0, 0.0);
  return scores;
}

}  // namespace automask::methods
