#pragma once
// What each channel is worth to each condition, estimated while training: the interface that the trainer knows, and the
// table of those that the option `scorer` may name (scorer_names()).
#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <vector>

#include "core/json.h"
#include "graph/graph.h"
#include "methods/catalogue.h"
#include "methods/masks/budget.h"
#include "models/network.h"

namespace automask::methods {

class Scorer {
 public:
  virtual ~Scorer() = default;

  // Whether this step's backward passes shall leave gate gradients (Network::record_gates). Only asked while masks are
  // still open. Default: no.
  virtual bool wants_gates(std::int64_t step) const;
  // Before the forward pass that shows a condition's pictures, maybe among others', in a step that wants gates: e.g. to
  // set gate values. Default: nothing.
  virtual void before_forward(models::Network& network, int condition, std::int64_t step);
  // After the backward pass. `scale` undoes the loss' mean, so that rows of network.gate_gradients(condition) times it
  // are gradients of one picture's loss. Default: nothing.
  virtual void after_backward(models::Network& network, int condition, double scale);
  // Before masks are cut; where the worth follows from the weights alone, it is computed here. Default: nothing.
  virtual void before_cut(models::Network& network);

  // By condition, group and member; 0 or more; groups that cannot be masked are empty.
  virtual const Scores& own(int condition) const = 0;

  // All that a resumed training needs to go on with the same bits. Default: nothing.
  virtual core::Json state() const;
  virtual void restore(const core::Json& state);
};

// `name`: one of scorer_names(). `gates`: of those that learn.
std::unique_ptr<Scorer> make_scorer(const std::string& name, const graph::ChannelGroups& groups, int conditions,
                                    std::uint64_t seed, const GateOptions& gates = {});

// All zero, of the shape that own() has.
Scores zero_scores(const graph::ChannelGroups& groups);

}  // namespace automask::methods
