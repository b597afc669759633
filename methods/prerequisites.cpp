#include "methods/prerequisites.h"

#include "core/json.h"

namespace automask::methods {
namespace {

constexpr double candidate_epochs = 0.25;  // of the training's

Prerequisite teacher_of(const MethodSpec& student) {
  const bool own_sets = student.distillation.teacher == DistillationOptions::Teacher::dense_bn_k;
  const core::Json method = {{"method", own_sets ? "dense_bn_k" : "augment"}};
  Prerequisite teacher{teacher_role, MethodSpec::from_json({method, "the teacher"}, "teacher", nullptr),
                       student.distillation.seed, student.distillation.model};
  teacher.spec.train = student.distillation.train.value_or(student.train);
  teacher.spec.frequencies = student.frequencies;
  // What is deployed is masked: no start for a teacher.
  teacher.spec.init = student.backbone == Backbone::deployed ? "scratch" : student.init;
  return teacher;
}

Prerequisite clean_start_of(const MethodSpec& method) {
  const core::Json clean = {{"method", "clean"}};
  Prerequisite start{initial_role, MethodSpec::from_json({clean, "where training starts"}, "clean", nullptr), {}, ""};
  start.spec.train = method.train;
  return start;
}

Prerequisite candidate_of(const MethodSpec& method, double consensus) {
  Prerequisite candidate{consensus_role(consensus), method, consensus_seed, ""};
  candidate.spec.name += " with " + consensus_role(consensus);
  candidate.spec.consensus = consensus;
  if (consensus == 1) {  // one mask for all, of which these say nothing
    candidate.spec.union_penalty = 0;
    candidate.spec.mask_groups.clear();
    if (method.normalisation == Normalisation::shared) candidate.spec.estimator = {};  // nothing to choose from
  }
  candidate.spec.train.epochs *= candidate_epochs;
  candidate.spec.distillation = {};
  candidate.spec.qat = {};
  candidate.spec.estimator.others.clear();  // sets are compared with the true condition
  return candidate;
}

}  // namespace

std::string consensus_role(double candidate) { return "consensus:" + core::Json(candidate).dump(); }

const std::vector<double>& consensus_candidates() {
  static const std::vector<double> candidates = {0.3, 0.6, 0.9, 1};
  return candidates;
}

std::vector<Prerequisite> prerequisites(const MethodSpec& spec) {
  std::vector<Prerequisite> all;
  if (spec.train.epochs == 0) return all;
  if (spec.init == "clean") all.push_back(clean_start_of(spec));
  if (spec.distillation.teacher != DistillationOptions::Teacher::none) all.push_back(teacher_of(spec));
  if (!spec.consensus)
    for (const double candidate : consensus_candidates()) all.push_back(candidate_of(spec, candidate));
  return all;
}

}  // namespace automask::methods
