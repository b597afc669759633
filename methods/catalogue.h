#pragma once
// The methods a manifest may name and the options each takes, checked. No LibTorch here.
#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "corruptions/condition.h"

namespace automask::methods {

struct MethodInfo {
  std::string name;
  std::string summary;               // one line for help texts and reports
  std::vector<std::string> options;  // keys besides "method" and "train"
  bool per_condition;                // has a normalisation (and maybe a mask) per condition
};
const std::vector<MethodInfo>& method_infos();

// The schedule, the same for every method: SGD with Nesterov momentum, cosine decay to 0, label smoothing.
// `views` counts pictures shown: views = epochs x pictures, whatever the method, so that budgets are equal.
struct TrainOptions {
  double epochs = 3;  // 0: the initial weights as they are
  int batch = 128;
  double learning_rate = 0.1, momentum = 0.9, weight_decay = 5e-4, label_smoothing = 0.05;
  double warmup = 0.05;         // share of the steps with linearly rising rate
  int checkpoint_seconds = 20;  // a resumable checkpoint at least this often
  int threads = 2;              // decides results (summation order), so part of the key
};

// What picks the condition where a method has several (methods/estimator.h).
struct EstimatorOptions {
  int hidden = 16;      // units of its hidden layer
  int epochs = 30;      // over the training views
  int pictures = 2000;  // training pictures, each shown under every condition
  double margin = 0;    // nats: where the best condition leads by less, the first condition or `clean` is taken
};

// One method entry of a manifest, complete with defaults.
struct MethodSpec {
  std::string name;    // the manifest's key, as it stands in tables
  std::string method;  // a MethodInfo's name
  // Where training starts: "scratch", "published" (the model's weights, as found by harness/weights.h), or the path of
  // a file with weights, absolute or relative to the manifest's.
  std::string init = "scratch";
  TrainOptions train;
  double mac_budget = 1;  // share of the dense MACs, (0, 1]
  double consensus = 1;   // automask: weight of the mean score against the condition's own, [0, 1]
  EstimatorOptions estimator;
  int lanes = 1;  // kept channels per group are rounded down to multiples of this (at least one multiple)

  // {"method": "automask", "mac_budget": 0.5, "consensus": 0.6, "lanes": 4, "train": {...}}; `defaults` is the
  // manifest's common "train" object. Fails with pointer and "did you mean".
  static MethodSpec from_json(const core::JsonCursor& cursor, const std::string& name, const core::Json& defaults);
  core::Json parameters() const;  // canonical, complete
};

}  // namespace automask::methods
