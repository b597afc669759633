#include "methods/recipes/test_time.h"

#include <ATen/ATen.h>
#include <torch/nn/module.h>
#include <torch/optim/adam.h>
#include <torch/utils.h>

#include <algorithm>

#include "core/error.h"
#include "methods/evaluate.h"
#include "methods/network_needs.h"
#include "methods/training/feed.h"
#include "models/network.h"

namespace automask::methods {
namespace {

using graph::Op;

// Test time is no training: nothing is dropped.
models::Checkpoint without_dropout(models::Checkpoint checkpoint) {
  for (graph::Node& node : checkpoint.graph.nodes)
    if (node.op == Op::dropout) node.attributes.probability = 0;
  return checkpoint;
}

// begin of each batch, and the end.
std::vector<std::size_t> batches(std::size_t pictures, std::size_t batch) {
  std::vector<std::size_t> bounds;
  for (std::size_t begin = 0; begin < pictures; begin += batch) bounds.push_back(begin);
  if (bounds.size() > 1 && batch > 1 && pictures - bounds.back() == 1) bounds.pop_back();
  bounds.push_back(pictures);
  return bounds;
}

// Puts statistics of the trained network and of the batch at hand into each normalisation, just before it is executed.
class BatchStatistics {
 public:
  BatchStatistics(models::Network& network, double prior) : prior_(prior) {
    const auto buffers = network.named_buffers();
    const graph::Graph& graph = network.graph();
    for (const graph::Node& node : graph.nodes) {
      if (node.op != Op::batch_norm) continue;
      const torch::Tensor mean = buffers[node.name + ".running_mean"], var = buffers[node.name + ".running_var"];
      norms_.push_back({node.inputs.front(), mean, var, mean.clone(), var.clone()});
    }
    network.observe([this](int node, const torch::Tensor& value) {
      for (const Norm& norm : norms_)
        if (norm.input == node) mix(norm, value);
      return value;
    });
  }

 private:
  struct Norm {
    int input;
    torch::Tensor mean, var, trained_mean, trained_var;
  };

  void mix(const Norm& norm, const torch::Tensor& value) const {
    const double n = static_cast<double>(value.size(0)), own = n / (prior_ + n);
    const std::vector<std::int64_t> axes =
        value.dim() == 4 ? std::vector<std::int64_t>{0, 2, 3} : std::vector<std::int64_t>{0};
    const torch::Tensor mean = value.mean(axes);
    const torch::Tensor var = value.square().mean(axes).sub_(mean.square()).clamp_min_(0);
    torch::Tensor(norm.mean).copy_(norm.trained_mean * (1 - own) + mean * own);
    torch::Tensor(norm.var).copy_(norm.trained_var * (1 - own) + var * own);
  }

  double prior_;
  std::vector<Norm> norms_;
};

class Judge {
 public:
  Judge(const datasets::PictureSet& pictures, const models::InputScaling& scaling, int batch)
      : pictures_(pictures),
        scaling_(scaling),
        bounds_(batches(pictures.size(), static_cast<std::size_t>(batch))),
        order_(stream_order(pictures.size())),
        right_(pictures.size()) {}

  // `answer` gives a batch's logits.
  std::vector<std::uint8_t> run(const std::function<torch::Tensor(const torch::Tensor& x)>& answer,
                                const std::function<bool()>& stop_requested, const std::string& name) {
    for (std::size_t b = 0; b + 1 < bounds_.size(); ++b) {
      if (stop_requested && stop_requested())
        throw core::Error(core::ExitCode::interrupted, name, "was interrupted", "start `automask run` again");
      const std::size_t begin = bounds_[b], count = bounds_[b + 1] - begin;
      std::vector<std::uint8_t> pixels, memory;
      for (std::size_t i = begin; i < begin + count; ++i) {
        const auto picture = pictures_.picture(order_[i], memory);
        pixels.insert(pixels.end(), picture.begin(), picture.end());
      }
      const torch::Tensor x = input_of(pixels.data(), static_cast<std::int64_t>(count), pictures_, scaling_);
      const torch::Tensor best = answer(x).detach().argmax(1).contiguous();
      for (std::size_t i = 0; i < count; ++i)
        right_[order_[begin + i]] = best.data_ptr<std::int64_t>()[i] == pictures_.labels[order_[begin + i]];
    }
    return std::move(right_);
  }

 private:
  const datasets::PictureSet& pictures_;
  const models::InputScaling& scaling_;
  std::vector<std::size_t> bounds_;
  std::vector<std::uint32_t> order_;
  std::vector<std::uint8_t> right_;
};

}  // namespace

std::vector<std::uint32_t> stream_order(std::size_t count) { return epoch_order(0, 0, count); }

std::vector<std::uint8_t> adapted_answers(const MethodSpec& spec, const models::Checkpoint& checkpoint,
                                          const datasets::PictureSet& pictures, int threads,
                                          const std::function<bool()>& stop_requested) {
  check_network(checkpoint.graph, spec);
  at::set_num_threads(threads);
  models::Network network(without_dropout(checkpoint));
  Judge judge(pictures, checkpoint.input, spec.test_batch);
  if (spec.method == "bn_adapt") {
    const torch::NoGradGuard no_grad;
    network.eval();
    const BatchStatistics statistics(network, spec.prior);
    return judge.run([&](const torch::Tensor& x) { return network.forward(x); }, stop_requested, spec.name);
  }
  network.train();
  std::vector<torch::Tensor> learnt;
  auto parameters = network.named_parameters();
  for (auto& parameter : parameters) parameter.value().set_requires_grad(false);
  for (const graph::Node& node : network.graph().nodes) {
    if (node.op != Op::batch_norm) continue;
    for (const char* part : {".weight", ".bias"})
      learnt.push_back(parameters[node.name + part].set_requires_grad(true));
  }
  torch::optim::Adam optimizer(learnt, torch::optim::AdamOptions(spec.test_learning_rate));
  return judge.run(
      [&](const torch::Tensor& x) {
        optimizer.zero_grad();
        const torch::Tensor logits = network.forward(x);
        const torch::Tensor log_answers = logits.log_softmax(1);
        (log_answers.exp() * log_answers).sum(1).mean().neg().backward();
        optimizer.step();
        return logits;
      },
      stop_requested, spec.name);
}

std::int64_t adaptation_macs(const MethodSpec& spec, const graph::Graph& graph) {
  const auto costs = graph::node_costs(graph);
  const auto shapes = graph::infer_shapes(graph);
  std::vector<char> reached(graph.nodes.size(), 0);  // by a normalisation's gradient
  std::int64_t macs = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const graph::Node& node = graph.nodes[i];
    bool from = false;
    for (const int input : node.inputs) from = from || reached[static_cast<std::size_t>(input)] != 0;
    if (node.op == Op::batch_norm) {
      macs += std::int64_t{shapes[i].channels} * shapes[i].height * shapes[i].width;
      from = true;
    } else if (from && spec.method == "tent") {
      macs += costs[i].macs;
    }
    reached[i] = from ? 1 : 0;
  }
  return macs;
}

}  // namespace automask::methods
