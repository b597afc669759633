#pragma once
// The methods a manifest may name and the options each takes, checked. No LibTorch here. A new option is a field of
// MethodSpec, a row of the table in options.cpp and a place in the lists of the methods that take it (catalogue.cpp).
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"
#include "corruptions/condition.h"
#include "methods/masks/latency.h"
#include "methods/training/augmentation.h"

namespace automask::methods {

// What training a method gives: one network, one for each condition (methods/members.h), or none of its own: it takes
// that of another method (MethodSpec::trained_spec) or files.
enum class Product { network, networks, none };

struct MethodInfo {
  std::string name;
  std::string summary;               // one line for help texts and reports
  std::vector<std::string> options;  // keys besides "method" and "train"
  bool per_condition;  // has a normalisation (and maybe a mask) per condition unless options say otherwise
  Product product = Product::network;
};
const std::vector<MethodInfo>& method_infos();
const MethodInfo& method_info(const std::string& name);  // one of the table

enum class Processor { cpu, cuda };

// The schedule, the same for every method: SGD with Nesterov momentum, cosine decay to 0, label smoothing.
// `views` counts pictures shown: views = epochs x pictures, whatever the method, so that budgets are equal.
struct TrainOptions {
  double epochs = 3;  // 0: the initial weights as they are
  int batch = 128;
  double learning_rate = 0.1, momentum = 0.9, weight_decay = 5e-4, label_smoothing = 0.05;
  double warmup = 0.05;         // share of the steps with linearly rising rate
  Augmentation augmentation;    // of the pictures, before their conditions
  int checkpoint_seconds = 20;  // a resumable checkpoint at least this often
  // Threads that read, decode and corrupt pictures ahead; 0: as many as training leaves cores, 8 at most, and beside a
  // GPU 32.
  int workers = 0;
  // MiB that training pictures may take in memory; where they take more, each is read whenever it is shown. Empty: a
  // quarter of what is free, since other trainings may run beside.
  std::optional<std::int64_t> picture_memory;
  int threads = 2;                    // decides results (summation order), so part of the key
  Processor device = Processor::cpu;  // likewise
  bool mixed_precision = false;       // on a GPU: bfloat16 where it gains
};

// What picks the condition where a method has several (methods/estimator.h).
struct EstimatorOptions {
  int hidden = 16;      // units of its hidden layer
  int epochs = 30;      // over the training views
  int pictures = 2000;  // training pictures, each shown under every condition
  double margin = 0;    // nats: where the best condition leads by less, the general set, `clean` or the first is taken
  // For pictures that follow each other: a condition is left when another was estimated for so many frames in a row, or
  // once with so large a lead (nats; 0: however large).
  int hysteresis_frames = 1;
  double hysteresis_lead = 0;
  // Conditions (canonical names) that the network is not trained on, whose pictures the estimator learns to send to the
  // set that serves them best (methods/best_sets.h), so that what it never saw is not taken for what looks like it.
  std::vector<std::string> others;
};

// What conditions have for themselves besides masks: batch normalisations; scale and bias per channel, statistics being
// shared; nothing.
enum class Normalisation { bn_k, affine_k, shared };
// Whether all conditions share the convolution that reads the picture, or each learns its own: no MACs, a few KiB.
enum class Stem { shared, own };
// What the weights that a training starts from may become: all learns; only masks, normalisation, estimator and what a
// method adds in front (a denoiser) learn; of a network for several conditions only conditions that it has not.
enum class Backbone { trained, frozen, deployed };

// A dense network, trained on all conditions, whose answers are learnt besides the labels (Hinton
// et al., "Distilling the knowledge in a neural network", 2015): one normalisation for all (`augment`), or one for each
// condition (`dense_bn_k`), which knows under which a picture is shown.
struct DistillationOptions {
  enum class Teacher { none, dense, dense_bn_k } teacher = Teacher::none;
  double weight = 0.5;                // of KL(teacher || student) x temperature^2
  double temperature = 4;             // of both softmaxes
  std::optional<TrainOptions> train;  // the teacher's schedule; empty: the student's
  std::string model;                  // the teacher's network, by its name in the manifest; empty: the student's
  std::optional<std::uint64_t> seed;  // the teacher's; empty: the student's
};

// INT8 quantisation-aware fine-tuning at the end; 0 epochs: none, ranges are calibrated when compiling.
struct QatOptions {
  double epochs = 0;
  double learning_rate = 0.005;
};

// Mixtures of operators as further views (Hendrycks et al., "AugMix", ICLR 2020); the paper's values for CIFAR (section
// 4.1). Its Dirichlet's and Beta's parameter is 1, there and here.
struct AugmixOptions {
  int width = 3;                 // chains of a mixture
  int depth = 0;                 // operators of a chain; 0: one to three, drawn anew
  double severity = 3;           // an operator's level is drawn from [0.1, severity)
  double weight = 12;            // of the Jensen-Shannon divergence in the loss
  bool over_conditions = false;  // what is mixed: pictures under the conditions, or clean ones
};

// A denoiser in front of the classifier: residual and convolutional as DnCNN (Zhang et al., "Beyond a Gaussian
// Denoiser", IEEE TIP 2017, section III), far smaller, since it must not cost more than the classifier saves.
struct DenoiserOptions {
  int layers = 3;            // 3x3 convolutions, at least 2
  int width = 8;             // channels between them
  double pretraining = 0.2;  // share of the steps in which only the denoiser is trained, on pairs of pictures
  // Weight of its squared error then, in squared deviations of the clean pictures. At the rate of 0.1 that suits
  // classification 1 is unstable: the first steps kill the denoiser's ReLUs, and it ends with 94 % of the error it was
  // given; with the effective rate at 0.02 it ends with 47 % (tinynet, 300 pictures of Fashion-MNIST,
  // gaussian_noise:3).
  double restoration_weight = 0.2;
};

// Scorers that learn a number per channel (methods/masks/learned_gates.h), by plain gradient steps.
struct GateOptions {
  // Parameters that name no rate mean these. On CIFAR-10 1000 and 5 are better (experiments/ablations/scorers.json).
  static constexpr double straight_through_rate = 0.1, hard_concrete_rate = 0.5;
  std::optional<double> learning_rate;  // of worths that start at 1, or of log alpha; empty: the scorer's usual one
  double penalty = 0.002;  // hard_concrete: of each channel's probability of being kept, in nats of the loss
  double rate_of(const std::string& scorer) const {
    return learning_rate.value_or(scorer == "straight_through" ? straight_through_rate : hard_concrete_rate);
  }
};

// One method entry of a manifest, complete with defaults.
struct MethodSpec {
  std::string name;    // the manifest's key, as it stands in tables
  std::string method;  // a MethodInfo's name
  // Where training starts: "scratch", "published" (the model's weights, as found by harness/weights.h), or the path of
  // a file with weights, absolute or relative to the manifest's.
  std::string init = "scratch";
  TrainOptions train;
  double mac_budget = 1;                        // share of the dense MACs, (0, 1]
  std::optional<LatencyBudget> latency_budget;  // instead of mac_budget
  std::int64_t byte_budget = 0;  // of the INT8 package: union of the masks, normalisations and all; 0: any size
  double freeze_at = 0.5;        // share of the steps after which masks stay as they are, (0, 1]
  // automask: weight of the mean score against the condition's own, [0, 1]; empty: "auto", chosen on validation data.
  std::optional<double> consensus = 1;
  Normalisation normalisation = Normalisation::bn_k;
  Stem stem = Stem::shared;
  // One more set of normalisation and mask, "*", trained on all conditions mixed: for pictures that are like none of
  // them.
  bool general_set = false;
  double union_penalty = 0;  // share of a channel's score that it loses where no other condition keeps it, [0, 1]
  DistillationOptions distillation;
  std::string scorer = "fisher";  // a name of scorer_names()
  GateOptions gate_learning;      // of a scorer that learns
  QatOptions qat;
  Backbone backbone = Backbone::trained;
  // Of the Jensen-Shannon divergence between the answers to a picture under its condition and to the clean one.
  double consistency = 0;
  // automask: conditions (canonical names) that share a mask; the others have their own. Each stands once at most.
  std::vector<std::vector<std::string>> mask_groups;
  std::map<std::string, double> frequencies;  // per condition (canonical name), sums to 1; empty: all alike
  double slimming_penalty = 1e-4;             // lambda of network slimming; Liu et al., ICCV 2017, section 4.3
  // alpha of stability training. Zheng et al. (CVPR 2016, section 4) have 0.01 for faint noise on a trained network.
  double stability_weight = 1;
  AugmixOptions augmix;
  DenoiserOptions denoiser;
  std::vector<double> widths = {1, 0.5, 0.25};  // of slimmable, the first serves where none is selected
  EstimatorOptions estimator;
  std::string base = "augment";              // bn_adapt, tent: the method whose network adapts at test time
  int test_batch = 64;                       // pictures of one condition that arrive, and adapt, together
  double prior = 16;                         // bn_adapt: pictures that the statistics of training count for
  double test_learning_rate = 1e-3;          // tent: of Adam
  double mask_learning_rate = 1e-4;          // piggyback: of Adam (Mallya et al. 2018, section 4)
  double backbone_share = 0.5;               // piggyback: of the views, (0, 1); the masks share the rest
  std::map<std::string, std::string> files;  // external: file per condition (canonical name), or "*" alone for all
  int lanes = 1;  // kept channels per group are rounded down to multiples of this (at least one multiple)

  // {"method": "automask", "mac_budget": 0.5, "consensus": 0.6, "lanes": 4, "train": {...}}; `defaults` is the
  // manifest's common "train" object. Fails with pointer and "did you mean".
  static MethodSpec from_json(const core::JsonCursor& cursor, const std::string& name, const core::Json& defaults);
  core::Json parameters() const;  // canonical, complete
  // What is trained for it: itself, for methods that adapt at test time their base with the same schedule.
  MethodSpec trained_spec() const;

  // Whether MACs, time or bytes may be less than the dense network's.
  bool has_budget() const { return mac_budget < 1 || latency_budget || byte_budget > 0; }
  // Whether conditions have something for themselves: normalisations, masks, networks.
  bool per_condition() const;

  // Forward passes of the whole network for each picture that a training shows: of all its views, or widths.
  double passes_per_picture() const;

  // p_k of each condition in the order given, sums to 1: the frequencies, or all alike. Error(steps_failed) where the
  // frequencies name a condition that is not among them, or leave one out.
  std::vector<double> weights_of(const std::vector<corruptions::Condition>& conditions) const;
};

}  // namespace automask::methods
