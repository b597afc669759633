#pragma once
// How much a step computes, so that `plan` can tell its time from other steps' and, where none has run, guess it.
#include <cstdint>
#include <optional>
#include <string>

#include "core/json.h"
#include "methods/catalogue.h"

namespace automask::harness {

// Steps of one kind take time in proportion to their amount. An amount of 0 is unknown.
struct Work {
  std::string kind;   // "train cpu 2", "execute cpu int8"
  double amount = 0;  // multiply-accumulates; of variants, values of pictures
  // Where no step of the stage has run: amounts a second, of which only the order of magnitude is meant; 0: no idea.
  double guessed_rate = 0;
  double bytes = 0;  // of its files, where they follow from the amount; 0: no idea
};

// So many pixel values of pictures under a condition, a byte each.
Work variant_work(double values, int threads);
// Forward passes on this machine's processor, by LibTorch or by the runner `cpu`.
Work forward_work(const std::string& kind, double macs, int threads);

// Forward and backward passes (three times the forward's) of every view that is shown, and the teacher's.
// Macs are of the dense networks for one picture.
Work training_work(const methods::MethodSpec& method, double macs, double teacher_macs, double pictures);

core::Json to_json(const Work& work);
Work work_from_json(const core::Json& json);  // an empty one where it is none

}  // namespace automask::harness
