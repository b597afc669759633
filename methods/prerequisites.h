#pragma once
// Trainings that another training builds on. Each is a step of its own, so that what several methods or seeds share is
// trained once. No LibTorch here.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "methods/catalogue.h"

namespace automask::methods {

struct Prerequisite {
  std::string role;  // "teacher", "consensus:0.3": its key in TrainJob::prerequisites
  MethodSpec spec;
  std::optional<std::uint64_t> seed;  // none: the job's own
  std::string model;                  // by its name in the manifest; empty: the job's own
};

// Of the same data and conditions as the training of `spec`:
// - the network trained on clean pictures where `init` is "clean", by the same schedule;
// - the teacher where distillation wants one, by its own schedule, model and seed or the student's;
// - where consensus is "auto", a short training with each candidate (a quarter of the epochs, no teacher, no INT8
//   fine-tuning), always with consensus_seed, so that all seeds of an experiment choose alike.
std::vector<Prerequisite> prerequisites(const MethodSpec& spec);

inline constexpr const char* teacher_role = "teacher";
inline constexpr const char* initial_role = "initial";
inline constexpr std::uint64_t consensus_seed = 0;
std::string consensus_role(double candidate);
const std::vector<double>& consensus_candidates();

}  // namespace automask::methods
