#include "methods/objectives/consistency.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/utils.h>

#include <cmath>

namespace automask::methods {
namespace {

using Rows = std::vector<std::vector<double>>;

at::Tensor tensor_of(const Rows& rows) {
  std::vector<double> flat;
  for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
  return at::tensor(flat).view({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(rows[0].size())});
}

Rows softmax(const Rows& logits) {
  Rows result = logits;
  for (auto& row : result) {
    double sum = 0;
    for (double& v : row) sum += v = std::exp(v);
    for (double& v : row) v /= sum;
  }
  return result;
}

const Rows a = {{0.5, -1, 2}, {0, 0, 0}}, b = {{1, 1, -2}, {3, 0, -1}}, c = {{-0.5, 0.25, 0}, {0.1, 0.2, 0.3}};

double jensen_shannon_by_hand(const std::vector<Rows>& logits) {
  double sum = 0;
  std::vector<Rows> p;
  for (const Rows& view : logits) p.push_back(softmax(view));
  for (std::size_t n = 0; n < logits[0].size(); ++n)
    for (std::size_t k = 0; k < logits[0][0].size(); ++k) {
      double mean = 0;
      for (const Rows& view : p) mean += view[n][k] / double(p.size());
      for (const Rows& view : p) sum += view[n][k] * std::log(view[n][k] / mean) / double(p.size());
    }
  return sum;
}

TEST(Consistency, JensenShannonByHand) {
  EXPECT_NEAR(jensen_shannon({tensor_of(a), tensor_of(b), tensor_of(c)}).item<double>(),
              jensen_shannon_by_hand({a, b, c}), 1e-10);
  EXPECT_NEAR(jensen_shannon({tensor_of(a), tensor_of(a), tensor_of(a)}).item<double>(), 0, 1e-12);
  // Views that are certain of different classes: log 3 each, the largest there is.
  EXPECT_NEAR(
      jensen_shannon({tensor_of({{90, 0, 0}}), tensor_of({{0, 90, 0}}), tensor_of({{0, 0, 90}})}).item<double>(),
      std::log(3), 1e-9);
}

TEST(Consistency, StabilityByHand) {
  const Rows p = softmax(a), q = softmax(b);
  double expected = 0;
  for (std::size_t n = 0; n < p.size(); ++n)
    for (std::size_t k = 0; k < p[n].size(); ++k) expected -= p[n][k] * std::log(q[n][k]);
  EXPECT_NEAR(stability(tensor_of(a), tensor_of(b)).item<double>(), expected, 1e-10);
}

// Against finite differences, to every view.
TEST(Consistency, GradientsReachEveryView) {
  const auto losses = [](const std::vector<at::Tensor>& views) {
    return jensen_shannon(views) + 0.5 * stability(views[0], views[1]);
  };
  std::vector<at::Tensor> views = {tensor_of(a), tensor_of(b), tensor_of(c)};
  for (at::Tensor& view : views) view.set_requires_grad(true);
  losses(views).backward();
  const torch::NoGradGuard no_grad;
  for (std::size_t v = 0; v < 3; ++v)
    for (int n = 0; n < 2; ++n)
      for (int k = 0; k < 3; ++k) {
        const auto at_step = [&](double step) {
          std::vector<at::Tensor> moved = {tensor_of(a), tensor_of(b), tensor_of(c)};
          moved[v][n][k] += step;
          return losses(moved).item<double>();
        };
        const double expected = (at_step(1e-5) - at_step(-1e-5)) / 2e-5;
        EXPECT_NEAR(views[v].grad()[n][k].item<double>(), expected, 1e-8) << v;
      }
}

}  // namespace
}  // namespace automask::methods
