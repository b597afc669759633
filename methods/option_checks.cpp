#include "methods/option_checks.h"

#include <algorithm>
#include <string>

#include "methods/options.h"

namespace automask::methods {
namespace {

// Whether an option says something else than where it is left out.
bool differs(const MethodSpec& spec, const std::string& key) {
  MethodSpec usual;
  usual.method = spec.method;
  return option(key).write(spec) != option(key).write(usual);
}

bool has_option(const MethodInfo& info, const std::string& key) {
  return std::find(info.options.begin(), info.options.end(), key) != info.options.end();
}

// No epochs: the network stays as the initial weights have it, which has a meaning for one method alone.
void check_no_epochs(const core::JsonCursor& cursor, const MethodSpec& spec, const MethodInfo& info) {
  const core::JsonCursor at = cursor.has("train") && cursor.at("train").has("epochs") ? cursor.at("train") : cursor;
  if (spec.init == "scratch") at.fail("0 epochs leave a network of random weights", "add \"init\", or raise epochs");
  if (info.name != "clean") at.fail("0 epochs train no " + info.name, "use the method \"clean\", or raise epochs");
  for (const char* key : {"distillation", "qat"})
    if (differs(spec, key)) cursor.at(key).fail("does nothing in 0 epochs", "remove it, or raise epochs");
}

// Only sets that the deployed network has not are learnt, of a method whose sets can be added.
void check_deployed(const core::JsonCursor& cursor, const MethodSpec& spec) {
  const core::JsonCursor at = cursor.at("backbone");
  if (spec.method != "automask" && spec.method != "kill_test" && spec.method != "dense_bn_k")
    at.fail("is \"deployed\", which is of automask, kill_test and dense_bn_k",
            "take one of them, or \"frozen\", which learns all conditions anew");
  if (spec.init == "scratch" || spec.init == "published" || spec.init == "clean")
    at.fail("is \"deployed\", but init names no network for several conditions",
            "name the checkpoint of the deployed network as \"init\"");
  if (spec.normalisation == Normalisation::shared)
    cursor.at("normalisation").fail("is shared: a new condition would change what the others have", "remove it");
  if (!spec.consensus)
    cursor.at("consensus")
        .fail("is chosen by trainings of all conditions, and only new ones are learnt", "give it a number");
  if (spec.byte_budget > 0) cursor.at("byte_budget").fail("is of the whole package, which is deployed", "remove it");
  const std::pair<const char*, bool> of_all[] = {{"frequencies", !spec.frequencies.empty()},
                                                 {"mask_groups", !spec.mask_groups.empty()},
                                                 {"consistency", spec.consistency > 0}};
  for (const auto& [option, given] : of_all)
    if (given) cursor.at(option).fail("says something of all conditions, and only new ones are learnt", "remove it");
}

// What does nothing is a misunderstanding.
void check_for_effect(const core::JsonCursor& cursor, const MethodSpec& spec, const MethodInfo& info) {
  const auto given = [&](const std::string& key) { return cursor.has(key) && differs(spec, key); };
  if (spec.consensus == 1 && spec.union_penalty > 0)
    cursor.at("union_penalty").fail("does nothing with one mask for all, which consensus 1 is", "lower consensus");
  if (spec.consensus == 1 && !spec.mask_groups.empty())
    cursor.at("mask_groups").fail("do nothing with one mask for all, which consensus 1 is", "lower consensus");
  if (cursor.has("freeze_at") && !spec.has_budget())
    cursor.at("freeze_at").fail("does nothing without a budget", "give mac_budget, byte_budget or latency_budget");
  // But for slimming's loss, and sets that differ though they share their normalisation: each weighs in it. Lanes may
  // stay where a sweep takes a budget away.
  if (!spec.has_budget() && spec.scorer != "slimming")
    for (const char* key : {"consensus", "scorer", "criterion", "union_penalty", "mask_groups"})
      if (given(key) && !(std::string(key) == "consensus" && spec.normalisation == Normalisation::shared))
        cursor.at(key).fail("does nothing without a budget: no channel is masked",
                            "give mac_budget, byte_budget or latency_budget, or remove it");
  if (given("slimming_penalty") && spec.scorer != "slimming")
    cursor.at("slimming_penalty")
        .fail("is of slimming, and channels are chosen by " + spec.scorer,
              "remove it, or write \"" + std::string(has_option(info, "criterion") ? "criterion" : "scorer") +
                  "\": \"slimming\"");
  if (given("qat") && spec.qat.epochs == 0)
    cursor.at("qat")
        .at("learning_rate")
        .fail("is of a fine-tuning that has no epochs", "give qat.epochs, or remove it");
  // Several normalisations or masks of one network are what there is to choose from.
  if (given("estimator") && has_option(info, "normalisation") && spec.normalisation == Normalisation::shared &&
      spec.consensus == 1)
    (spec.estimator.others.empty() ? cursor.at("estimator") : cursor.at("estimator").at("others"))
        .fail("has nothing to choose from: conditions share their normalisation and mask",
              "give them their own (\"normalisation\": \"bn_k\"), or remove it");
  if (spec.method == "external" && spec.files.size() == 1 && spec.files.count("*") == 1)
    if (given("estimator"))
      cursor.at("estimator")
          .fail("does nothing: one network serves all conditions", "remove it, or give a file for every condition");
  if (spec.method == "external" && spec.init != "scratch")
    cursor.at("init").fail("is where training starts, and external trains nothing",
                           "remove it; \"file\" names the network");
}

}  // namespace

void check_options(const core::JsonCursor& cursor, const MethodSpec& spec, const MethodInfo& info) {
  if (spec.train.epochs == 0) check_no_epochs(cursor, spec, info);
  if (spec.method == "piggyback" && spec.train.device != Processor::cpu)
    cursor.at("train").at("device").fail("piggyback trains on the processor alone", "remove it");
  if (spec.latency_budget && cursor.has("mac_budget"))
    cursor.at("mac_budget").fail("stands beside latency_budget", "give one of them: what a channel costs is either");
  if (spec.has_budget() && has_option(info, "freeze_at") && spec.freeze_at <= spec.train.warmup)
    (cursor.has("freeze_at") ? cursor.at("freeze_at") : cursor)
        .fail("masks freeze at " + core::Json(spec.freeze_at).dump() +
                  " of the steps, within the warm-up, and the budget ramps down between the two",
              "raise freeze_at above train.warmup, " + core::Json(spec.train.warmup).dump());
  if (spec.method == "denoise" && spec.has_budget() && spec.freeze_at <= spec.denoiser.pretraining)
    cursor.fail("freezes masks while the denoiser alone is trained: nothing is known of the classifier's channels then",
                "raise \"freeze_at\" above denoiser.pretraining, " + core::Json(spec.denoiser.pretraining).dump());
  if (spec.general_set && spec.normalisation == Normalisation::shared)
    cursor.at("general_set")
        .fail("is one more normalisation, but conditions share theirs",
              "give them their own (\"normalisation\": \"bn_k\"), or remove it");
  if (!spec.estimator.others.empty() && info.product != Product::network)
    cursor.at("estimator")
        .at("others")
        .fail("is measured on the sets of one network; " + info.name + " has a network for each condition",
              "remove it");
  if (spec.consistency > 0 && info.per_condition && spec.normalisation == Normalisation::shared && spec.consensus != 1)
    cursor.at("consistency")
        .fail("compares answers of sets that have normalisations of their own, but conditions share theirs",
              "give them their own (\"normalisation\": \"bn_k\"), or one mask for all (\"consensus\": 1)");
  // Slimming has a loss of its own; learnt gates are set for one condition's pass, and this makes two.
  for (const char* scorer : {"slimming", "straight_through", "hard_concrete"})
    if (spec.consistency > 0 && spec.scorer == scorer)
      cursor.at("consistency").fail(std::string("does not go with ") + scorer, "take another scorer");
  if (spec.stem == Stem::own && spec.normalisation == Normalisation::shared)
    cursor.at("stem").fail("is private, but conditions share their normalisation",
                           "give them their own (\"normalisation\": \"bn_k\")");
  if (spec.stem == Stem::own && spec.backbone != Backbone::trained)
    cursor.at("stem").fail("is private, but the backbone is frozen", "let the backbone train, or share the stem");
  if (spec.backbone == Backbone::frozen && spec.init == "scratch")
    cursor.at("backbone")
        .fail("is \"frozen\", and there are no weights to start from",
              R"(write "init": "published", "clean" or a file of weights, or let the backbone train)");
  if (spec.backbone == Backbone::deployed) check_deployed(cursor, spec);
  if (spec.init == "clean" && spec.trained_spec().method == "clean")
    cursor.at("init").fail("is the method itself", "start it from \"scratch\", \"published\" or a file");
  if (spec.method == "external" && spec.files.empty())
    cursor.fail("names no file", "give \"file\": a path, or an object of conditions and paths");
  if (spec.method == "tent" && spec.test_batch < 2)
    cursor.at("test_batch").fail("must be 2 at least", "the statistics of one picture are no statistics");
  check_for_effect(cursor, spec, info);
}

}  // namespace automask::methods
