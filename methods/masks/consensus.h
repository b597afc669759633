#pragma once
// Which consensus weight to take where the manifest says "auto".
#include <vector>

#include "methods/method.h"

namespace automask::methods {

// One value of the consensus, and of each validation picture the share of the conditions, by their frequencies, under
// which the network trained with it answered rightly.
struct ConsensusCandidate {
  double consensus;
  std::vector<double> right;
  double top1() const;  // percent
};

// The largest candidate that the best one beats by no more than one standard error: a deviation is kept only where it
// pays (the rule of Breiman et al., "Classification and regression trees", 1984, section 3.4.3). All candidates see the
// same pictures, so the error is that of their difference picture by picture. `record` gets the accuracies, how far
// each is behind, that error, and what was chosen.
double consensus_within_error(const std::vector<ConsensusCandidate>& candidates, core::Json& record);

// That of the job's prerequisites (methods/prerequisites.h) on its validation pictures; Error(steps_failed) without. It
// is kept in the work folder: a training that is resumed takes it from there.
double chosen_consensus(const TrainJob& job, core::Json& record);

}  // namespace automask::methods
