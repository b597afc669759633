#pragma once
// What a training step minimises. The trainer asks an Objective for the loss of each part of a batch, then for a
// penalty once a step; gradients add up. A recipe that minimises something else derives from it.
#include <torch/types.h>

#include <memory>
#include <vector>

#include "methods/method.h"
#include "models/network.h"

namespace automask::methods {

// Pictures that go through the network together: a part of a batch, of one condition or of several mixed; or all parts,
// where conditions share their normalisation, which then averages over all of them.
struct Shown {
  int set = 0;                              // the network's, of normalisation and mask
  std::vector<models::Network::Rows> rows;  // of views, where they are of several sets; else empty
  // views[0]: the pictures as the feed shows them; then one tensor per extra view of the recipe, of the same pictures
  // in the same order. Each [N, C, H, W], scaled.
  std::vector<torch::Tensor> views;
  torch::Tensor labels;              // [N], classes
  torch::Tensor teacher;             // the teacher's logits of views[0], [N, classes]; undefined without a teacher
  double pictures = 1;               // of the whole batch
  double weight = 1;                 // p_k times the number of sets: 1 where all are alike, and with row_weights
  torch::Tensor row_weights;         // [N], the same of each picture, where sets are several and not alike
  std::int64_t step = 0, steps = 1;  // of the training
};

class Objective {
 public:
  explicit Objective(const MethodSpec& spec) : spec_(spec) {}
  virtual ~Objective() = default;
  Objective(const Objective&) = delete;
  Objective& operator=(const Objective&) = delete;

  // Scalar, to be differentiated: the sum over the part's pictures divided by the batch's, times the part's weight.
  // Runs the network forward as often as it likes; gates are recorded in the last forward pass. Default:
  // classification() of the network's answer to views[0].
  virtual torch::Tensor loss(models::Network& network, const Shown& part);

  // Added once a step, e.g. a penalty on parameters; undefined: none. Default: none.
  virtual torch::Tensor penalty(models::Network& network, std::int64_t step);

  // What normalisations average over when they are recalibrated: pictures as the network saw them in training. Default:
  // views[0].
  virtual torch::Tensor calibration(const Shown& part) const;

  // The network's logits of pictures of this part: views[0], or as many others of the same sets.
  static torch::Tensor answer(models::Network& network, const torch::Tensor& view, const Shown& part);

  // cross_entropy() and, with a teacher, distillation(); scaled as loss() must be.
  torch::Tensor classification(const torch::Tensor& logits, const Shown& part) const;
  // With label smoothing; likewise scaled.
  torch::Tensor cross_entropy(const torch::Tensor& logits, const Shown& part) const;
  // temperature^2 x KL(teacher || student) by its weight; likewise scaled. Needs a teacher.
  torch::Tensor distillation(const torch::Tensor& logits, const Shown& part) const;

 protected:
  const MethodSpec& spec() const { return spec_; }

 private:
  MethodSpec spec_;
};

}  // namespace automask::methods
