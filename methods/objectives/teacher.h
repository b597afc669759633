#pragma once
// The dense network, of the student's kind or another, whose answers a student learns besides the labels.
#include <torch/types.h>

#include <memory>

#include "methods/method.h"
#include "models/network.h"

namespace automask::methods {

class Teacher {
 public:
  // The job's prerequisite of that role. Conditions of `shown` index into `conditions`.
  Teacher(const TrainJob& job, const std::vector<corruptions::Condition>& conditions);

  void move(torch::Device device);  // x must lie there, too

  // Logits [N, classes] of the student's input [N, C, H, W], without a gradient; picture i is shown under
  // conditions[shown[i]], which picks the set of a teacher that has several.
  torch::Tensor answer(const torch::Tensor& seen, const std::vector<int>& shown);

  core::Json record() const { return record_; }  // what it cost and reached: {"steps", "views", ...}

 private:
  std::unique_ptr<models::Network> network_;
  torch::Tensor factor_, offset_;  // [1, C, 1, 1]: to the teacher's scaling of pictures; undefined where it is the same
  std::vector<int> set_of_;        // per condition
  core::Json record_;
};

// Null where the spec wants none.
std::unique_ptr<Teacher> make_teacher(const TrainJob& job, const std::vector<corruptions::Condition>& conditions);

}  // namespace automask::methods
