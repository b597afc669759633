#include "results/published.h"

#include <gmock/gmock.h>

#include "core/atomic_file.h"
#include "core/digest_text.h"
#include "core/hash.h"
#include "fixture.h"
#include "results/parts.h"
#include "results/shared_documents.h"
#include "results/statistics.h"
#include "tests/unit/core/change_bytes.h"

namespace automask::results {
namespace {

using core::ExitCode;
using core::Json;
using testing::AllOf;
using testing::HasSubstr;

class Published : public StoreTest {
 protected:
  RunRecord full_run(const std::string& key, std::int64_t seed) {
    RunRecord run = invented_run(key, "automask", seed, 80 + static_cast<double>(seed) / 3);
    run.portable_key = "portable " + key;
    run.training = {{"losses", Json::array()}, {"seed", seed}};
    for (int i = 0; i < 200; ++i) run.training["losses"].push_back(1.0 / (i + 3));
    return run;
  }
  std::map<std::string, std::string> files(const std::filesystem::path& where) {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(where))
      if (entry.is_regular_file())
        all[std::filesystem::relative(entry.path(), where).generic_string()] = core::read_file(entry.path());
    return all;
  }
  // The cell's file with its keys in it, which is read as well.
  std::string in_full(const std::filesystem::path& cell) {
    const auto parse = [](const std::filesystem::path& json) { return Json::parse(core::read_file(json)); };
    const Json shared = parse(folder / "out/shared.json"), document = parse(cell);
    const Json whole = SharedDocuments({shared, "shared.json"}).with_keys({document["cell"], "cell"});
    std::string text = "{\"schema_version\": 10, \"cell\": {";
    for (const auto& [key, value] : whole.items())
      text += (text.back() == '{' ? "\n" : ",\n") + Json(key).dump() + ": " + value.dump();
    return text + "\n}}\n";
  }
  std::string fault(const std::string& from, const std::string& to) {
    const auto cell = folder / "out/invented/invented_set-resnet8-automask-cpu-seed0.json";
    const std::string text = core::read_file(cell);
    std::string changed = in_full(cell);
    EXPECT_NE(changed.find(from), std::string::npos) << from;
    changed.replace(changed.find(from), from.size(), to);
    core::write_file_atomically(cell, changed);
    const core::Error error = error_of([&] { read_published(folder / "out"); });
    EXPECT_EQ(error.code(), ExitCode::corrupt);
    EXPECT_THAT(error.what(), HasSubstr("seed0.json"));
    core::write_file_atomically(cell, text);
    return error.what();
  }
};

TEST_F(Published, ComesBackAsItWas) {
  Store store = Store::open(file);
  const RunRecord run = full_run("k0", 0);
  store.record(run);
  store.record(full_run("k1", 1));
  const Exported exported = export_published(store, {"invented"}, folder / "out");
  ASSERT_EQ(exported.experiments.size(), 1u);
  EXPECT_EQ(exported.experiments[0].cells, 2u);
  const auto runs = read_published(folder / "out");
  ASSERT_EQ(runs.size(), 2u);
  const RunRecord& back = runs[0];
  EXPECT_EQ(back.key, run.key);
  EXPECT_EQ(back.portable_key, run.portable_key);
  EXPECT_EQ(back.experiment, run.experiment);
  EXPECT_EQ(back.method, run.method);
  EXPECT_EQ(back.method_parameters, run.method_parameters);
  EXPECT_EQ(back.manifest, run.manifest);
  EXPECT_EQ(back.environment, run.environment);
  EXPECT_EQ(back.build, run.build);
  EXPECT_EQ(back.started, run.started);
  EXPECT_EQ(back.state, "passed");
  EXPECT_EQ(back.origin, "invented/invented_set-resnet8-automask-cpu-seed0.json");
  EXPECT_EQ(back.training["losses"].size(), 6u);
  EXPECT_EQ(back.training["losses"][0], 0.333333);
  ASSERT_EQ(back.metrics.size(), run.metrics.size());
  for (const Metric& metric : run.metrics) {
    const auto found = std::find_if(back.metrics.begin(), back.metrics.end(), [&](const Metric& m) {
      return m.name == metric.name && m.condition == metric.condition;
    });
    ASSERT_NE(found, back.metrics.end());
    EXPECT_NEAR(found->value, metric.value, 1e-7 * std::abs(metric.value));
    EXPECT_EQ(std::isnan(found->ci_lo), std::isnan(metric.ci_lo));
    if (!std::isnan(metric.ci_lo)) {
      EXPECT_NEAR(found->ci_lo, metric.ci_lo, 1e-4);
      EXPECT_NEAR(found->ci_hi, metric.ci_hi, 1e-4);
    }
    EXPECT_EQ(found->n, metric.n);
    EXPECT_EQ(found->evidence, metric.evidence);
  }
}

TEST_F(Published, IntervalsAreShortAndConditionsAreNamedOnce) {
  Store store = Store::open(file);
  RunRecord run = full_run("k0", 0);
  const auto share = [](const std::string& name, const std::string& condition, std::int64_t hits) {
    const Interval interval = wilson_percent(hits, 3000);
    return Metric{name, condition, 100 * double(hits) / 3000, interval.low, interval.high, "measured", 3000};
  };
  run.metrics = {share("top1", "clean", 2345),
                 share("top1", "jpeg:q10", 1234),
                 share("predicted_top1", "clean", 0),
                 share("predicted_top1", "jpeg:q10", 3000),
                 share("unseen_severity_top1", "jpeg:q5", 77),
                 {"mean_top1_trained", "", 59.65, 58.9, 60.3, "measured", 6000},
                 {"train_loss", "", 1.25, 1, 1.5, "measured", 7},
                 {"random_condition_top1", "clean", 64.23, 62.649002, 65.810998, "measured", 2000},
                 {"random_condition_top1", "jpeg:q10", 47.77, 46.05316, 49.48684, "measured", 2000},
                 {"top1_validation", "clean", 78, nan, nan, "measured", 500},
                 {"top1_validation", "jpeg:q10", 41.2, nan, nan, "measured", 500},
                 {"macs_share", "clean", 0.5, nan, nan, "counted", 1},
                 {"macs_share", "jpeg:q10", 0.5, nan, nan, "counted", 1},
                 {"macs", "", 1814073344, nan, nan, "counted", 1}};
  run.method_parameters["width"] = 1.0;
  run.training["options"] = run.method_parameters;
  run.training["overlap"] = Json::array({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});  // no curve
  run.training["validation_top1"] = {{"clean", 78}, {"jpeg:q10", 41.2}};
  run.training["mac_share"] = {{"clean", 0.5}, {"jpeg:q10", 0.5}};
  store.record(run);
  export_published(store, {"invented"}, folder / "out");
  const std::string cell = in_full(folder / "out/invented/invented_set-resnet8-automask-cpu-seed0.json");
  const std::string shared = core::read_file(folder / "out/shared.json");
  EXPECT_THAT(shared, HasSubstr(R"(: ["clean","jpeg:q10"])"));
  EXPECT_THAT(cell, HasSubstr(R"("top1":["%",3000,2345,1234])"));
  EXPECT_THAT(cell, HasSubstr(R"("mean_top1_trained":[59.65,6000,58.9,60.3])"));
  EXPECT_THAT(cell, HasSubstr(R"("train_loss":[1.25,7,0.25])"));
  EXPECT_THAT(cell, HasSubstr(R"("random_condition_top1":["+-",2000,64.23,1.581,47.77,1.71684])"));
  EXPECT_THAT(cell, HasSubstr(R"("top1_validation":["=",500,78,41.2])"));
  EXPECT_THAT(shared, HasSubstr(R"("macs":1814073344)"));
  EXPECT_THAT(shared, HasSubstr(R"("macs_share":{"*":0.5})"));
  EXPECT_THAT(shared, HasSubstr(R"("options":"parameters")"));
  EXPECT_THAT(shared, HasSubstr(R"("mac_share":"metrics")"));
  EXPECT_THAT(shared, HasSubstr(R"("validation_top1":"metrics")"));
  const auto back = read_published(folder / "out")[0];
  EXPECT_EQ(back.training["options"], run.method_parameters);
  EXPECT_EQ(back.training["overlap"], run.training["overlap"]);
  EXPECT_EQ(back.training["validation_top1"], run.training["validation_top1"]);
  EXPECT_EQ(back.training["mac_share"], run.training["mac_share"]);
  ASSERT_EQ(back.metrics.size(), run.metrics.size());
  for (const Metric& metric : run.metrics) {
    const auto found = std::find_if(back.metrics.begin(), back.metrics.end(), [&](const Metric& m) {
      return m.name == metric.name && m.condition == metric.condition;
    });
    ASSERT_NE(found, back.metrics.end()) << metric.name << " " << metric.condition;
    EXPECT_NEAR(found->value, metric.value, 1e-6);
    EXPECT_EQ(found->n, metric.n);
    if (std::isnan(metric.ci_lo)) continue;
    EXPECT_NEAR(found->ci_lo, metric.ci_lo, 1e-4);
    EXPECT_NEAR(found->ci_hi, metric.ci_hi, 1e-4);
  }
  EXPECT_THAT(fault(R"(3000,2345,)", R"(3000,3001,)"), HasSubstr("/metrics/measured/top1/2"));
  EXPECT_THAT(fault(R"([77,3000,"%"])", R"([77,3000,"p"])"), HasSubstr("must be \"%\""));
  EXPECT_THAT(fault(R"([1.25,7,0.25])", R"([1.25,7,null])"), HasSubstr("/metrics/measured/train_loss/2"));
  EXPECT_THAT(fault(R"(47.77,1.71684)", R"(47.77)"), HasSubstr("a number and a spread for each condition"));
  EXPECT_THAT(fault(R"(,47.77,1.71684)", ""), HasSubstr("has 1 entries, the cell has 2 conditions"));
  EXPECT_THAT(fault(R"(64.23,1.581)", R"(64.23,"p")"), HasSubstr("/metrics/measured/random_condition_top1/3"));
  EXPECT_THAT(fault(R"("top1_validation":["=",500,78,41.2])", R"("top1_validation":{"*":[0.5,1],"clean":[0.5,1]})"),
              HasSubstr("unknown key \"clean\""));
  EXPECT_THAT(fault(R"(["=",500,78,41.2])", R"(["=",500,78])"), HasSubstr("has 1 entries, the cell has 2 conditions"));
  EXPECT_THAT(fault(R"(["=",500,78,41.2])", R"(["="])"), HasSubstr("has 0 entries"));
  EXPECT_THAT(fault(R"("top1_validation")", R"("top1_validatoin")"),
              AllOf(HasSubstr("/training"), HasSubstr("in the metric top1_validation, which the cell lacks")));
  EXPECT_THAT(fault(R"({"measured":)", R"({"counted":{},"measured":)"), HasSubstr("/metrics/counted"));
  EXPECT_THAT(fault(R"(["=",500,78,41.2])", R"(["=",500,78,"x"])"), HasSubstr("/metrics/measured/top1_validation/3"));
  EXPECT_THAT(fault(R"("conditions": ")", R"("conditions": null, "was": ")"), HasSubstr("unknown key \"was\""));
  EXPECT_THAT(fault(R"("conditions": ")", R"("conditions": "a)"), HasSubstr("shared.json does not hold"));
  EXPECT_THAT(fault(R"(2345,)", ""), HasSubstr("has 1 entries, the cell has 2 conditions"));
  // The list of conditions stands among the shared documents, under the name that its content gives it.
  const std::string list = content_name(Json::array({"clean", "jpeg:q10"}));
  const Json twice = Json::array({"clean", "clean"});
  EXPECT_THAT(fault("\"conditions\": \"" + list, "\"conditions\": \""), HasSubstr("array of conditions"));
  Json changed = Json::parse(shared);
  changed["conditions"][content_name(twice)] = twice;
  core::write_file_atomically(folder / "out/shared.json", changed.dump());
  EXPECT_THAT(fault(list, content_name(twice)), AllOf(HasSubstr("/conditions/1"), HasSubstr("stands twice")));
}

TEST_F(Published, KeysAndTimesAreShortAndTheirLongFormsAreRead) {
  RunRecord run = full_run("k0", 0);
  const std::string name = "invented/invented_set-resnet8-automask-cpu-seed0.json", digits = core::sha256_hex("x");
  const auto back_as = [&](const std::string& portable_key, const std::string& finished) {
    run.portable_key = portable_key;
    run.finished = finished;
    std::filesystem::remove_all(folder / "out");
    std::filesystem::remove_all(folder / "of_one");
    std::filesystem::create_directories(folder / "of_one");
    Store store = Store::open(folder / "of_one/results.sqlite");
    store.record(run);
    export_published(store, {"invented"}, folder / "out");
    const RunRecord back = read_published(folder / "out").at(0);
    EXPECT_EQ(back.portable_key, portable_key);
    EXPECT_EQ(back.started, run.started);
    EXPECT_EQ(back.finished, finished);
    return in_full(folder / "out" / name);
  };
  const std::string key = digits.substr(0, 40) + "-" + digits.substr(40, 23), finished = "2026-03-01T00:00:05Z";
  const std::string cell = back_as(key, finished);
  const std::string short_key = core::digest_base64(digits.substr(0, 63) + "0");
  EXPECT_THAT(cell, HasSubstr("\"portable_key\": \"" + short_key + "\""));
  EXPECT_THAT(cell, HasSubstr("\"finished\": 5097605"));  // 31 + 28 days and 5 seconds after it started
  EXPECT_THAT(back_as(digits, "2025-12-31T23:59:59Z"), HasSubstr("\"finished\": -1"));
  EXPECT_THAT(back_as(key.substr(0, 60), "yesterday"), HasSubstr("\"finished\": \"yesterday\""));
  EXPECT_THAT(back_as(key.substr(0, 60) + "XYZ!", "2026-01-01T00:00:61Z"), HasSubstr("00:00:61Z\""));
  // As version 9 wrote them.
  std::string older = back_as(key, finished);
  for (const auto& [from, to] : std::map<std::string, std::string>{
           {"\"schema_version\": 10", "\"schema_version\": 9"}, {short_key, key}, {"5097605", "\"" + finished + "\""}})
    older.replace(older.find(from), from.size(), to);
  core::write_file_atomically(folder / "out" / name, older);
  const RunRecord back = read_published(folder / "out").at(0);
  EXPECT_EQ(back.portable_key, key);
  EXPECT_EQ(back.finished, finished);
  EXPECT_THAT(fault("\"finished\": \"" + finished + "\"", "\"finished\": 1e300"), HasSubstr("/finished"));
  back_as(key, finished);
  EXPECT_THAT(fault("\"started\": \"2026-01-01T00:00:00Z\"", "\"started\": \"\""), HasSubstr("that is no time"));
}

TEST_F(Published, LeavesOutPicturesAndWhereAskedLatencies) {
  Store store = Store::open(file);
  RunRecord run = full_run("k0", 0);
  const Metric latency{"latency_median", "clean", 1.5, 1.4, 1.6, "measured", 100};
  run.metrics = {latency,
                 {"predicted_latency_p90", "clean", 2, 1.9, 2.1, "measured", 100},
                 {"latency_median", "jpeg:q10", 3, 3, 3, "modelled", 100},
                 {"top1", "clean", 80, 79, 81, "measured", 1000}};
  run.manifest = {{"datasets", {{"toy", {{"path", "/home/me/toy"}, {"reader", "idx"}}}}}};
  run.artifacts.push_back({"bb", "variant", "cache/variant/b/images.idx", 1});
  store.record(run);
  for (const bool latencies : {true, false}) {
    export_published(store, {"invented"}, folder / "out", latencies);
    const auto runs = read_published(folder / "out");
    ASSERT_EQ(runs.size(), 1u);
    EXPECT_EQ(runs[0].metrics.size(), latencies ? 4u : 2u);
    EXPECT_EQ(runs[0].metrics.back().name, "top1");
    ASSERT_EQ(runs[0].artifacts.size(), 1u);
    EXPECT_EQ(runs[0].artifacts[0].kind, "package");
    EXPECT_EQ(runs[0].manifest["datasets"]["toy"], core::Json({{"reader", "idx"}}));
  }
}

TEST_F(Published, MergingTwiceChangesNothingAndExportingAgainGivesTheSameBytes) {
  Store store = Store::open(file);
  for (int seed = 0; seed < 3; ++seed) store.record(full_run("k" + std::to_string(seed), seed));
  export_published(store, {"invented"}, folder / "out");
  const auto before = files(folder / "out");
  Store other = Store::open(folder / "other.db");
  for (int i = 0; i < 2; ++i) other.record(read_published(folder / "out"));
  EXPECT_EQ(value_of(other, "SELECT count(*) FROM run"), 3);
  EXPECT_EQ(imported_runs(other).size(), 3u);
  EXPECT_EQ(imported_runs(other)[0].portable_key, "portable k0");
  EXPECT_TRUE(imported_runs(store).empty());
  export_published(other, {"invented"}, folder / "again");
  EXPECT_EQ(files(folder / "again"), before);
}

// Two experiments, two targets: a training's record, the manifest's parts and the pictures' counts stand once.
TEST_F(Published, WhatCellsShareStandsOnce) {
  Store store = Store::open(file);
  for (int i = 0; i < 3; ++i) {
    RunRecord run = full_run("k" + std::to_string(i), i == 2);
    run.target = i == 0 ? "cpu" : "cpu_int8";
    run.manifest_sha256 = core::sha256_hex("manifest " + std::to_string(i));
    run.manifest = {{"description", "number " + std::to_string(i)}, {"methods", {{"automask", run.method_parameters}}}};
    run.manifest["methods"]["automask"]["note"] = std::string(100, 'n');
    run.environment = {{"cpu", "invented"}, {"device", {{"name", "x"}, {"state", {{"load", i}}}}}};
    run.metrics = {{"encoded_bytes_mean", "gaussian_noise:3 > jpeg:q20", 781.7424, nan, nan, "counted", 10000},
                   {"encoded_bytes_mean", "jpeg:q10", 699.9825, nan, nan, "counted", 10000}};
    for (const char* condition : {"clean", "gaussian_noise:3 > jpeg:q20", "jpeg:q10"})
      run.metrics.push_back({"top1", condition, 80.0 + i, 79, 86, "measured", 1000});
    run.experiment = i == 2 ? "other" : "invented";
    store.record(run);
  }
  export_published(store, {"invented"}, folder / "out");
  export_published(store, {"other"}, folder / "out");
  const Json shared = Json::parse(core::read_file(folder / "out/shared.json"));
  EXPECT_EQ(shared["manifests"].size(), 3u);
  EXPECT_EQ(shared["trainings"].size(), 2u);
  EXPECT_EQ(shared["environments"].size(), 1u);
  const std::string text = shared.dump();
  for (const char* once : {"781.7424", "nnnnnnnnnn\""}) {
    const auto first = text.find(once);
    ASSERT_NE(first, std::string::npos) << once;
    EXPECT_EQ(text.find(once, first + 1), std::string::npos) << once;
  }
  const auto runs = read_published(folder / "out");
  ASSERT_EQ(runs.size(), 3u);
  EXPECT_EQ(runs[0].training, runs[1].training);
  EXPECT_EQ(runs[2].manifest["description"], "number 2");
  EXPECT_EQ(runs[2].manifest["methods"]["automask"]["note"], std::string(100, 'n'));
  for (const RunRecord& run : runs) {
    ASSERT_EQ(run.metrics.size(), 5u);
    EXPECT_EQ(run.metrics[0].value, 781.7424);
    EXPECT_EQ(run.metrics[1].condition, "jpeg:q10");
  }
  // One cell's file alone finds what it names.
  EXPECT_EQ(read_published(folder / "out/other/invented_set-resnet8-automask-cpu_int8-seed1.json").size(), 1u);
}

TEST_F(Published, DocumentsThatNoCellNamesGo) {
  Store store = Store::open(file);
  RunRecord run = full_run("k0", 0);
  run.environment = {{"cpu", "the first"}};
  store.record(run);
  export_published(store, {"invented"}, folder / "out");
  Store other = Store::open(folder / "other.db");
  run.environment = {{"cpu", "the second"}};
  other.record(run);
  export_published(other, {"invented"}, folder / "out");
  EXPECT_THAT(core::read_file(folder / "out/shared.json"),
              AllOf(HasSubstr("the second"), testing::Not(HasSubstr("the first"))));
}

TEST_F(Published, DamagedSharedDocumentsAreOneSentence) {
  Store store = Store::open(file);
  RunRecord run = full_run("k0", 0);
  run.training["teacher"] = {{"method", "dense_bn_k"}, {"note", std::string(100, 'n')}};
  run.training["teachers"] = {run.training["teacher"]};
  store.record(run);
  export_published(store, {"invented"}, folder / "out");
  const Json whole = Json::parse(core::read_file(folder / "out/shared.json"));
  ASSERT_FALSE(whole["parts"].empty());
  const auto says = [&](const Json& changed) {
    core::write_file_atomically(folder / "out/shared.json", changed.dump());
    const core::Error error = error_of([&] { read_published(folder / "out"); });
    EXPECT_EQ(error.code(), ExitCode::corrupt);
    return std::string(error.what());
  };
  Json changed = whole;
  changed["schema_version"] = 2;
  EXPECT_THAT(says(changed), HasSubstr("is 2, this program reads 9 to 10"));
  changed = whole;
  changed["trainigs"] = Json::object();
  EXPECT_THAT(says(changed), HasSubstr("did you mean \"trainings\""));
  changed = whole;
  changed["builds"] = 7;
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/builds"), HasSubstr("must be an object of documents")));
  changed = whole;
  changed["parts"].erase(changed["parts"].begin());
  EXPECT_THAT(says(changed), HasSubstr("names the part \""));
  changed = whole;
  changed["parts"] = 7;
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/parts"), HasSubstr("must be an object of parts")));
  changed = whole;
  changed["conditions"].begin().value() = "clean";
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/conditions/"), HasSubstr("must be an array")));
  changed["conditions"] = whole["conditions"];
  changed["cell_keys"].begin().value() = Json::object();
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/cell_keys/"), HasSubstr("must be an array")));
  for (const char* kind : {"manifests", "environments", "builds", "parameters", "trainings", "counted"})
    for (const Json& other : {Json(7), Json("x"), Json(), Json::array({1, 2})}) {
      changed = whole;
      changed[kind].begin().value() = other;
      EXPECT_THAT(says(changed), AllOf(HasSubstr(std::string("/") + kind + "/"), HasSubstr("must be an object")));
    }
  changed = whole;
  changed["parameters"].begin().value()["mac_budget"] = 0.123;
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/parameters/"), HasSubstr("is not what its name was given for")));
  changed = whole;
  changed["manifests"].begin().value()["sha256"] = "another";
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/manifests/"), HasSubstr("is not what its name was given for")));
  changed = whole;
  changed["parts"].begin().value()["note"] = "another";
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/parts/"), HasSubstr("is not what its name was given for")));
  // Parts of parts of parts: what names them has no end in practice.
  changed = whole;
  std::string name = "0123456789";
  for (int level = 0; level < 30; ++level) {
    Json part = Json::object();
    for (int i = 0; i < 8; ++i) part[std::to_string(i)] = {{"$", name}};
    name = core::sha256_hex(name).substr(0, 10);
    changed["parts"][name] = part;
  }
  changed["parts"]["0123456789"] = {{"$", name}};
  changed["manifests"].begin().value() = {{"name", {{"$", name}}}};
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/manifests/"), HasSubstr("have no end")));
  // And one that has, but is larger than any that is true.
  changed = whole;
  const Json large = Json(std::vector<int>(10'000, 1));
  const std::string its_name = content_name(large);
  changed["parts"][its_name] = large;
  Json many = Json::object();
  for (int i = 0; i < 600; ++i) many[std::to_string(i)] = {{"$", its_name}};
  changed["manifests"].begin().value() = many;
  EXPECT_THAT(says(changed), HasSubstr("have no end"));
}

// What every cell would repeat: its keys, those of its metrics.
TEST_F(Published, KeysOfCellsStandOnce) {
  Store store = Store::open(file);
  for (int seed = 0; seed < 2; ++seed) store.record(full_run("k" + std::to_string(seed), seed));
  export_published(store, {"invented"}, folder / "out");
  const auto path = folder / "out/invented/invented_set-resnet8-automask-cpu-seed0.json";
  const std::string text = core::read_file(path);
  for (const char* key : {"portable_key", "environment", "mean_top1_trained"})
    EXPECT_EQ(text.find(key), std::string::npos) << key;
  EXPECT_LT(text.size() + 200, in_full(path).size());
  const RunRecord cell = read_published(folder / "out")[0];
  core::write_file_atomically(path, in_full(path));
  EXPECT_EQ(read_published(folder / "out")[0].metrics.size(), cell.metrics.size());
  const Json whole = Json::parse(text);
  const auto says = [&](const Json& values) {
    Json changed = whole;
    changed["cell"]["$"] = values;
    core::write_file_atomically(path, changed.dump());
    const core::Error error = error_of([&] { read_published(folder / "out"); });
    EXPECT_EQ(error.code(), ExitCode::corrupt);
    return std::string(error.what());
  };
  Json values = whole["cell"]["$"];
  const std::string keys = std::to_string(values.size() - 1);
  values.push_back(1);
  EXPECT_THAT(says(values), AllOf(HasSubstr("seed0.json: /cell/$"), HasSubstr("values for " + keys + " keys")));
  values[0] = "0123456789";
  EXPECT_THAT(says(values), AllOf(HasSubstr("/cell/$/0"), HasSubstr("shared.json does not hold")));
  values[0] = 7;
  EXPECT_THAT(says(values), HasSubstr("/cell/$/0"));
  for (const Json& none : {Json::array(), Json(3), Json::object()})
    EXPECT_THAT(says(none), AllOf(HasSubstr("/cell/$"), HasSubstr("array of keys' name and values")));
  Json beside = whole;
  beside["cell"]["seed"] = 1;
  core::write_file_atomically(path, beside.dump());
  EXPECT_THAT(error_of([&] { read_published(folder / "out"); }).what(), HasSubstr("unknown key \"seed\""));
  beside["cell"] = "x";
  core::write_file_atomically(path, beside.dump());
  EXPECT_THAT(error_of([&] { read_published(folder / "out"); }).what(), HasSubstr("/cell"));
}

// A value in two places stands once, one in a single place where it is; what is put together again is as it was.
TEST(Parts, WhatStandsOnceIsNoPart) {
  const Json often = {{"note", std::string(100, 'o')}}, once = {{"note", std::string(100, 'u')}};
  const Json inner = {{"inner", {{"note", std::string(100, 'i')}}}};  // in two places only within another value
  const Json outer = {{"of", inner}, {"and", "more"}};
  const Json documents = {{"trainings", {{"a", {{"x", often}, {"y", once}}}, {"b", {{"x", {1, often}}, {"z", outer}}}}},
                          {"builds", {{"c", {{"z", outer}, {"small", {1, 2}}}}, {"d", {{"small", {1, 2}}}}}}};
  const Json all = divided(documents);
  EXPECT_EQ(all["parts"].size(), 2u);
  EXPECT_EQ(all["parts"].at(content_name(often)), often);
  EXPECT_EQ(all["parts"].at(content_name(outer)), outer);
  EXPECT_EQ(all["trainings"]["a"]["y"], once);
  EXPECT_EQ(all["trainings"]["b"]["x"], Json::array({1, {{"$", content_name(often)}}}));
  EXPECT_EQ(all["builds"]["d"], documents["builds"]["d"]);
  EXPECT_EQ(undivided({all, "shared.json"}), documents);
}

// A small value becomes a part where that makes the text shorter, and only there.
TEST(Parts, ANameIsGivenWhereItPays) {
  for (const std::size_t size : {10, 14, 20, 30, 44, 60})
    for (const int times : {2, 3, 5, 40}) {
      Json documents = {{"trainings", Json::object()}};
      for (int i = 0; i < times; ++i)
        documents["trainings"][std::to_string(i)] = Json::array({i, {std::string(size, 'v')}});
      Json all = divided(documents);
      const bool named = !all["parts"].empty();
      for (const char* none : {"parts", "keys"})
        if (all[none].empty()) all.erase(none);
      const std::size_t before = documents.dump().size(), after = all.dump().size();
      if (named) {
        EXPECT_LT(after, before + std::string("\"parts\":{},").size()) << size << " " << times;
      }
      // 4 characters of quotes and brackets, 15 of a reference, 13 of a line.
      EXPECT_EQ(named, times * (size + 4) > times * 15 + 13 + size + 4) << size << " " << times;
      EXPECT_EQ(undivided({all, "shared.json"}), documents);
    }
}

// Keys that objects have in common stand once; few or short ones stand where they are.
TEST(Parts, KeysOfManyObjectsStandOnce) {
  const auto metrics = [](int n) {
    return Json{{"encoded_bytes_mean", n}, {"package_bytes", {n, 1}}, {"weights_bytes", {{"of", n}}}};
  };
  const Json documents = {{"counted", {{"a", metrics(1)}, {"b", metrics(2)}, {"c", {{"of", 7}}}}},
                          {"trainings", {{"d", {{"inside", Json::array({metrics(3)})}}}}}};
  const Json all = divided(documents);
  const Json names = {"encoded_bytes_mean", "package_bytes", "weights_bytes"};
  ASSERT_EQ(all["keys"].size(), 1u);
  EXPECT_EQ(all["keys"].at(content_name(names)), names);
  const Json values = {content_name(names), 2, {2, 1}, {{"of", 2}}};
  EXPECT_EQ(all["counted"]["b"], (Json{{"$", values}}));
  EXPECT_EQ(all["counted"]["c"], (Json{{"of", 7}}));
  EXPECT_EQ(undivided({all, "shared.json"}), documents);
}

TEST(Parts, KeysThatAreNotThereAreOneSentence) {
  const auto object = [](int n) { return Json{{"a_name_that_is_long_enough", n}, {"and_another", n}}; };
  const Json whole = divided({{"counted", {{"a", object(1)}, {"b", object(2)}, {"c", object(3)}}}});
  ASSERT_EQ(whole["keys"].size(), 1U);
  const auto says = [](const Json& changed) {
    return std::string(error_of([&] { undivided({changed, "shared.json", "", ExitCode::corrupt}); }).what());
  };
  const std::string name = whole["keys"].begin().key();
  Json changed = whole;
  changed["keys"].erase(name);
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/counted/a"), HasSubstr("names the keys \"" + name)));
  changed = whole;
  changed["keys"] = 7;
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/keys"), HasSubstr("must be an object of keys")));
  for (const Json& other : {Json(7), Json::array({"another"}), Json::array({1, 2})}) {
    changed = whole;
    changed["keys"][name] = other;
    EXPECT_THAT(says(changed), AllOf(HasSubstr("/keys/" + name), HasSubstr("is not what its name was given for")));
  }
  changed = whole;
  changed["keys"][content_name({1, 2})] = {1, 2};
  changed["counted"]["a"]["$"] = {content_name({1, 2}), 1, 2};
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/keys/"), HasSubstr("string")));
  changed = whole;
  changed["counted"]["a"]["$"].push_back(3);
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/counted/a"), HasSubstr("has 3 values for 2 keys")));
  changed["counted"]["a"]["$"] = {7};
  EXPECT_THAT(says(changed), AllOf(HasSubstr("/counted/a"), HasSubstr("name no keys")));
  changed["counted"]["a"]["$"] = Json::array();
  EXPECT_THAT(says(changed), HasSubstr("name no keys"));
  // Values of values of values.
  changed = whole;
  Json deep = 1;
  for (int level = 0; level < 300; ++level) deep = {{"$", {name, deep, 1}}};
  changed["counted"]["a"] = deep;
  EXPECT_THAT(says(changed), HasSubstr("have no end"));
}

// Whatever a file was damaged to: cells, or one sentence that names it.
TEST_F(Published, ChangedBytesAreReadOrRefused) {
  Store store = Store::open(file);
  RunRecord run = full_run("k0", 0);
  run.training["teacher"] = {{"method", "dense_bn_k"}, {"note", std::string(100, 'n')}};
  run.training["teachers"] = {run.training["teacher"]};
  store.record(run);
  export_published(store, {"invented"}, folder / "out");
  std::mt19937 random(31);
  int refused = 0;
  for (const char* name : {"invented/invented_set-resnet8-automask-cpu-seed0.json", "shared.json"}) {
    const std::string good = core::read_file(folder / "out" / name);
    for (int trial = 0; trial < 300; ++trial) {
      std::string bytes = good;
      damage::change_bytes(bytes, random, 1 + random() % 3);
      core::write_file_atomically(folder / "out" / name, bytes);
      try {
        read_published(folder / "out");
      } catch (const core::Error& error) {
        ++refused;
        EXPECT_EQ(error.code(), ExitCode::corrupt) << error.what();
        EXPECT_THAT(error.what(), HasSubstr(".json"));
      }
    }
    core::write_file_atomically(folder / "out" / name, good);
  }
  EXPECT_GT(refused, 300);
  EXPECT_LT(refused, 600) << "some changes are harmless";
}

// Cells of earlier exports are read before anything is written, and keep what they name whatever happens later.
TEST_F(Published, AnExportThatFailsLeavesEarlierCellsReadable) {
  Store store = Store::open(file);
  store.record(full_run("k0", 0));
  export_published(store, {"invented"}, folder / "out");
  RunRecord other = full_run("k1", 1);
  other.experiment = "other";
  other.environment = {{"cpu", "another"}};
  store.record(other);
  const auto before = files(folder / "out");
  core::write_file_atomically(folder / "out/old/cell.json", R"({"schema_version": 2})");
  EXPECT_THAT(error_of([&] { export_published(store, {"other"}, folder / "out"); }).what(),
              AllOf(HasSubstr("old/cell.json"), HasSubstr("is 2, this program reads 9 to 10")));
  std::filesystem::remove_all(folder / "out/old");
  EXPECT_EQ(files(folder / "out"), before);
  // A folder stands where the cell's file belongs.
  std::filesystem::create_directories(folder / "out/other/invented_set-resnet8-automask-cpu-seed1.json");
  EXPECT_ANY_THROW(export_published(store, {"other"}, folder / "out"));
  EXPECT_EQ(read_published(folder / "out").size(), 1u);
}

TEST_F(Published, CellsBehindLinksAndOddPathsAreCells) {
  Store store = Store::open(file);
  store.record(full_run("k0", 0));
  export_published(store, {"invented"}, folder / "out");
  std::filesystem::rename(folder / "out/invented", folder / "elsewhere");
  std::filesystem::create_directory_symlink(folder / "elsewhere", folder / "out/invented");
  RunRecord other = full_run("k1", 1);
  other.experiment = "other";
  store.record(other);
  export_published(store, {"other"}, folder / "out");
  EXPECT_EQ(read_published(folder / "out").size(), 2u);
  const auto here = std::filesystem::current_path();
  std::filesystem::current_path(folder / "out/invented");
  std::filesystem::current_path(folder / "out/other");
  EXPECT_EQ(read_published(".").size(), 1u);
  EXPECT_EQ(read_published("./invented_set-resnet8-automask-cpu-seed1.json").size(), 1u);
  EXPECT_EQ(read_published("invented_set-resnet8-automask-cpu-seed1.json").size(), 1u);
  std::filesystem::current_path(here);
}

TEST_F(Published, AnExperimentIsItsFolder) {
  Store store = Store::open(file);
  store.record(full_run("k0", 0));
  export_published(store, {"invented"}, folder / "out");
  for (const char* name : {"../../out", "a/b", "", "shared.json"})
    EXPECT_THAT(fault(R"("experiment": "invented")", "\"experiment\": \"" + std::string(name) + "\""),
                AllOf(HasSubstr("/experiment"), HasSubstr("lies in a folder invented")));
}

TEST_F(Published, AnExportKeepsTheCellsOfEarlierOnes) {
  Store store = Store::open(file);
  store.record(full_run("k0", 0));
  export_published(store, {"invented"}, folder / "out");
  RunRecord later = full_run("k1", 1);
  later.environment = {{"cpu", "another"}};
  Store other = Store::open(folder / "other.db");
  other.record(later);
  export_published(other, {"invented"}, folder / "out");
  const auto runs = read_published(folder / "out");
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].environment["cpu"], "invented");
  EXPECT_EQ(runs[1].environment["cpu"], "another");
}

TEST_F(Published, NamesEachFaultWithItsPlace) {
  Store store = Store::open(file);
  store.record(full_run("k0", 0));
  export_published(store, {"invented"}, folder / "out");
  EXPECT_THAT(fault("\"seed\"", "\"sead\""), AllOf(HasSubstr("sead"), HasSubstr("did you mean \"seed\"")));
  EXPECT_THAT(fault("\"schema_version\": 10", "\"schema_version\": 11"),
              HasSubstr("is 11, this program reads 9 to 10"));
  EXPECT_THAT(fault("1000,80,", "1000,\"80\","), HasSubstr("/metrics/measured/top1/2"));
  EXPECT_THAT(fault("{", "["), HasSubstr("line"));
  EXPECT_THAT(fault("\"environment\": \"", "\"environment\": \"0"),
              AllOf(HasSubstr("/environment"), HasSubstr("out/shared.json does not hold")));
  std::filesystem::remove(folder / "out/shared.json");
  EXPECT_THAT(error_of([&] { read_published(folder / "out"); }).what(), HasSubstr("without shared.json"));
  EXPECT_EQ(error_of([&] { read_published(folder / "nowhere"); }).code(), ExitCode::usage);
  std::filesystem::create_directories(folder / "empty");
  EXPECT_EQ(error_of([&] { read_published(folder / "empty"); }).code(), ExitCode::nothing_ran);
}

class Headline : public StoreTest {
 protected:
  // A run with the headline that harness/summaries.cpp would have given it.
  RunRecord run(const std::string& method, std::int64_t seed, double mean, double budget = 1) {
    RunRecord record = invented_run(method + std::to_string(seed), method, seed, 80);
    record.method_parameters["mac_budget"] = budget;
    record.metrics.push_back({"mean_top1_trained", "", mean, mean - 2, mean + 2, "measured", 2000});
    record.metrics.push_back({"mean_top1_oracle", "", mean + 0.25, nan, nan, "measured", 2000});
    record.metrics.push_back({"clean_top1", "", mean + 10, nan, nan, "measured", 1000});
    record.metrics.push_back({"mean_macs", "", 1000 * budget, nan, nan, "counted", 1});
    return record;
  }
  Json saved(const Store& store, const std::string& name) {
    const auto queries = saved_queries({});
    const Table table = query(store, find_saved_query(queries, name).sql);
    Json rows = Json::array();
    for (const auto& row : table.rows) {
      Json object = Json::object();
      for (std::size_t i = 0; i < table.columns.size(); ++i) object[table.columns[i]] = row[i];
      rows.push_back(object);
    }
    return rows;
  }
};

TEST_F(Headline, AveragesSeedsWithStudentsInterval) {
  Store store = Store::open(file);
  const double means[] = {70, 71, 73};
  for (int seed = 0; seed < 3; ++seed) store.record(run("automask", seed, means[seed], 0.5));
  store.record(run("augment", 0, 68));
  const Json rows = saved(store, "headline");
  ASSERT_EQ(rows.size(), 2u);
  const Json& row = rows[0]["method"] == "automask" ? rows[0] : rows[1];
  const Json& one = rows[0]["method"] == "automask" ? rows[1] : rows[0];
  // Mean 71.3333, deviation 1.527525, t(2) = 4.302653: half = 4.302653 x 1.527525 / sqrt(3).
  EXPECT_NEAR(row["mean_top1"].get<double>(), 71.333333, 1e-6);
  EXPECT_NEAR(row["ci_lo"].get<double>(), 71.333333 - 3.794583, 1e-5);
  EXPECT_NEAR(row["ci_hi"].get<double>(), 71.333333 + 3.794583, 1e-5);
  EXPECT_EQ(row["seeds"], 3);
  EXPECT_EQ(row["budget"], 0.5);
  EXPECT_EQ(row["macs"], 500);
  EXPECT_EQ(row["bytes"], 100000);
  EXPECT_NEAR(row["oracle_mean_top1"].get<double>(), 71.583333, 1e-6);
  EXPECT_EQ(row["interval"], "seeds");
  EXPECT_EQ(one["ci_lo"], 66);
  EXPECT_EQ(one["interval"], "pictures");
}

TEST_F(Headline, SaysUnresolvedWhereTheDifferenceLiesInItsInterval) {
  Store store = Store::open(file);
  const double a[] = {70, 71, 73}, b[] = {69, 70.1, 71.9}, c[] = {72, 69, 73};
  for (int seed = 0; seed < 3; ++seed) {
    store.record(run("a", seed, a[seed]));
    store.record(run("b", seed, b[seed]));
    store.record(run("c", seed, c[seed]));
  }
  store.record(run("c", 7, 0));  // a seed that only one of them has
  const Json rows = saved(store, "differences");
  ASSERT_EQ(rows.size(), 3u);
  for (const Json& row : rows) EXPECT_EQ(row["seeds"], 3);
  EXPECT_EQ(rows[0]["first"], "a");
  EXPECT_EQ(rows[0]["second"], "b");
  // Differences 1, 0.9, 1.1: paired, they tell more than the seeds' spread.
  EXPECT_NEAR(rows[0]["difference"].get<double>(), 1, 1e-9);
  EXPECT_NEAR(rows[0]["ci_lo"].get<double>(), 1 - 4.302653 * 0.1 / std::sqrt(3), 1e-5);
  EXPECT_EQ(rows[0]["verdict"], "first is better");
  EXPECT_EQ(rows[1]["verdict"], "unresolved");
  EXPECT_EQ(rows[2]["verdict"], "unresolved");
}

// What is held against what: pairs of seeds, bytes, the estimator's shares, INT8 against another target's FP32.
TEST_F(Headline, HoldsTheClaimsAgainstTheirLimits) {
  Store store = Store::open(file);
  const Json in_manifest = {{"integers", {{"format", "int8"}}}, {"reals", {{"format", "fp32"}}}};
  const double masked[] = {70, 71, 73}, dense[] = {70.9, 71.8, 73.9}, augmented[] = {69, 67, 73};
  for (int seed = 0; seed < 3; ++seed) {
    RunRecord record = run("automask", seed, masked[seed], 0.5);
    for (const auto& [condition, right] : {std::pair{"clean", 98.5}, {"jpeg:q10", 99.7}})
      record.metrics.push_back({"estimator_accuracy", condition, right, nan, nan, "measured", 1000});
    for (const auto& [condition, good, unseen] :
         {std::tuple{"jpeg:q20", 94.0, "unseen_severity_top1"}, {"fog:3", 1.0, "unseen_corruption_top1"}}) {
      record.metrics.push_back({"estimator_good", condition, good, nan, nan, "measured", 1000});
      record.metrics.push_back({unseen, condition, 50, nan, nan, "measured", 1000});
    }
    record.metrics.push_back({"mean_top1_unseen_corruption", "", 50, nan, nan, "measured", 1000});
    record.target = "integers";
    record.manifest["targets"] = in_manifest;
    store.record(record);
    RunRecord in_fp32 = run("automask", seed, masked[seed] + 0.6, 0.5);
    in_fp32.key += " fp32";
    in_fp32.target = "reals";
    in_fp32.manifest["targets"] = in_manifest;
    store.record(in_fp32);
    for (const auto& [method, mean] :
         {std::pair{"dense_bn_k", dense[seed]}, {"augment", augmented[seed]}, {"kill_test", masked[seed]}}) {
      RunRecord other = run(method, seed, mean);
      other.target = "integers";
      other.metrics.push_back({"mean_top1_unseen_corruption", "", 57, nan, nan, "measured", 1000});
      store.record(other);
    }
    if (seed > 0) continue;
    RunRecord again = record;  // a repetition is no seed
    again.key += " again";
    store.record(again);
  }
  RunRecord slim = run("slim_bn_k", 0, 69.9, 0.5);
  slim.target = "integers";
  store.record(slim);
  std::map<std::string, Json> of;
  for (const Json& row : saved(store, "claims"))
    if (row["target"] == "integers") of[row["claim"]] = row;
  const auto says = [&](const char* claim, double measured, int seeds, const char* verdict) {
    ASSERT_TRUE(of.count(claim)) << claim;
    EXPECT_NEAR(of[claim]["measured"].get<double>(), measured, 1e-9) << claim;
    EXPECT_EQ(of[claim]["seeds"], seeds) << claim;
    EXPECT_EQ(of[claim]["verdict"], verdict) << claim;
  };
  says("accuracy over dense_bn_k", -2.6 / 3, 3, "holds by the mean");  // -0.9, -0.8, -0.9; the interval ends at -1.01
  says("accuracy over augment", 5.0 / 3, 3, "fails by the mean");
  says("accuracy over slim_bn_k", 0.1, 1, "one seed, holds");
  says("clean accuracy over augment", 5.0 / 3, 3, "holds by the mean");
  says("bytes in % of dense_bn_k", 100, 3, "fails");
  says("estimator right on trained conditions, %", 99.1, 3, "holds");
  says("estimator as good as right on unseen severities, %", 94, 3, "fails");
  says("accuracy lost by the estimator", 0.25, 3, "fails");
  says("accuracy lost by INT8", 0.6, 3, "fails");
  says("accuracy over kill_test", 0, 3, "equal");
  says("accuracy over augment on unseen corruptions", -7, 3, "fails");
  EXPECT_EQ(of["accuracy over augment on unseen severities"]["verdict"], "not measured");
  EXPECT_EQ(of["accuracy over prune"]["verdict"], "not measured");
  EXPECT_TRUE(of["accuracy over prune"]["measured"].is_null());
  // Differences -0.9, -0.8, -0.9: deviation 0.0577350, half = 4.302653 x 0.0577350 / sqrt(3).
  EXPECT_NEAR(of["accuracy over dense_bn_k"]["ci_hi"].get<double>(), -2.6 / 3 + 0.143422, 1e-5);
  EXPECT_LT(of["accuracy over dense_bn_k"]["ci_lo"].get<double>(), -1.0);
}

// Recipes agree in all but how masks differ and the budget of bytes; what was chosen to be one mask takes no part.
TEST_F(Headline, TheBetIsOfMasksThatDifferAgainstOneByTheSameRecipe) {
  Store store = Store::open(file);
  const auto add = [&](const std::string& name, std::int64_t seed, double mean, const Json& options,
                       double chosen = 0) {
    RunRecord record = run(name, seed, mean);
    const bool one = options["method"] == "kill_test";
    record.method_parameters = {{"mac_budget", 0.25}, {"lanes", 4}, {"byte_budget", one ? 0 : 70'000}};
    record.method_parameters.update(options);
    if (chosen > 0) record.training["log"]["consensus"]["chosen"] = chosen;
    for (Metric& metric : record.metrics) {
      if (metric.name == "mean_macs") metric.value = one ? 400 : 396;
      if (metric.name == "package_bytes") metric.value = one ? 1000 : name == "larger" ? 1040 : 1009;
    }
    store.record(record);
  };
  const double one[] = {70, 71, 72}, better[] = {70.4, 71.5, 72.6}, worse[] = {69.5, 70.4, 71.3};
  for (int seed = 0; seed < 3; ++seed) {
    add("kill_test", seed, one[seed], {{"method", "kill_test"}});
    add("better", seed, better[seed], {{"method", "automask"}, {"consensus", 0.6}, {"union_penalty", 0.5}});
    add("larger", seed, better[seed], {{"method", "automask"}, {"consensus", 0.3}});
    add("worse", seed, worse[seed], {{"method", "automask"}, {"consensus", "auto"}}, 0.9);
    add("chosen_one", seed, 80, {{"method", "automask"}, {"consensus", "auto"}}, 1);
    add("other_recipe", seed, 80, {{"method", "automask"}, {"consensus", 0.6}, {"lanes", 8}});
  }
  std::map<std::string, Json> of;
  for (const Json& row : saved(store, "bet"))
    if (row["one_mask"] == "kill_test") of[row["method"]] = row;
  ASSERT_EQ(of.size(), 3u);
  EXPECT_NEAR(of["better"]["difference"].get<double>(), 0.5, 1e-9);
  EXPECT_NEAR(of["better"]["ci_lo"].get<double>(), 0.5 - 4.302653 * 0.1 / std::sqrt(3), 1e-5);
  EXPECT_EQ(of["better"]["verdict"], "won");
  EXPECT_EQ(of["better"]["macs"], 99);
  EXPECT_NEAR(of["better"]["bytes"].get<double>(), 100.9, 1e-9);
  EXPECT_EQ(of["larger"]["difference"], of["better"]["difference"]);
  EXPECT_EQ(of["larger"]["verdict"], "better, but larger");
  EXPECT_EQ(of["worse"]["verdict"], "one mask is better");
  EXPECT_EQ(of["worse"]["consensus"], 0.9);
  EXPECT_EQ(of["worse"]["seeds"], 3);
  std::map<std::string, Json> bytes;
  for (const Json& row : saved(store, "headline")) bytes[row["method"]] = row["byte_budget"];
  EXPECT_EQ(bytes["better"], 70'000);
  EXPECT_TRUE(bytes["kill_test"].is_null()) << "0 is any";
}

TEST_F(Headline, AccuracyWithoutARunnerCountsAndARunnersRefusalDoesNot) {
  Store store = Store::open(file);
  RunRecord adapted = run("tent", 0, 71);
  adapted.state = "unsupported";
  adapted.reason = "no runner adapts";
  store.record(adapted);
  RunRecord refused = run("refused", 0, 0);
  refused.state = "unsupported";
  refused.metrics.clear();
  refused.samples.clear();
  store.record(refused);
  const Json rows = saved(store, "headline");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["method"], "tent");
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM runs"), 2);
  EXPECT_EQ(value_of(store, "SELECT state FROM runs WHERE method = 'tent'"), "unsupported");
}

}  // namespace
}  // namespace automask::results
