#include "results/query.h"

#include <gmock/gmock.h>

#include <sstream>

#include "fixture.h"

namespace automask::results {
namespace {

using core::ExitCode;
using core::Json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class Query : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    Store::open(file).record(invented_run("k1"));
  }
  std::string refusal(const std::string& sql, const Json& parameters = Json::object()) {
    // As well where the connection could write.
    const Store store = Store::open(file);
    const core::Error error = error_of([&] { query(store, sql, parameters); });
    EXPECT_EQ(error.code(), ExitCode::usage) << error.what();
    EXPECT_EQ(value_of(store, "SELECT count(*) FROM run"), 1);
    const Store reader = Store::open_read_only(file);
    EXPECT_STREQ(error_of([&] { query(reader, sql, parameters); }).what(), error.what());
    return error.what();
  }
};

TEST_F(Query, OnlyReads) {
  EXPECT_EQ(refusal("INSERT INTO run(key) VALUES('x')"),
            "query: only reading is allowed, this statement would write to run; use SELECT");
  EXPECT_THAT(refusal("UPDATE run SET state = 'failed'"), HasSubstr("would change run"));
  EXPECT_THAT(refusal("DELETE FROM metric"), HasSubstr("would delete from metric"));
  EXPECT_THAT(refusal("WITH x AS (SELECT 1) DELETE FROM metric"), HasSubstr("only reading"));
  EXPECT_THAT(refusal("DROP VIEW latency"), HasSubstr("only reading"));
  EXPECT_THAT(refusal("CREATE TABLE t(a)"), HasSubstr("only reading"));
  EXPECT_THAT(refusal("CREATE TEMP TABLE t(a)"), HasSubstr("only reading"));
  EXPECT_THAT(refusal("ATTACH '" + (folder / "new.db").string() + "' AS a"), HasSubstr("would open another database"));
  EXPECT_FALSE(std::filesystem::exists(folder / "new.db"));
  EXPECT_THAT(refusal("VACUUM INTO '" + (folder / "new.db").string() + "'"), HasSubstr("only reading"));
  EXPECT_FALSE(std::filesystem::exists(folder / "new.db"));
  EXPECT_THAT(refusal("PRAGMA user_version = 7"), HasSubstr("would use the pragma user_version"));
  EXPECT_THAT(refusal("PRAGMA journal_mode = DELETE"), HasSubstr("pragma"));
  EXPECT_THAT(refusal("PRAGMA writable_schema = ON"), HasSubstr("pragma"));
  EXPECT_THAT(refusal("UPDATE sqlite_master SET sql = ''"), HasSubstr("sqlite_master may not be modified"));
  EXPECT_THAT(refusal("BEGIN IMMEDIATE"), HasSubstr("transaction"));
  EXPECT_THAT(refusal("SELECT load_extension('x')"), HasSubstr("only reading"));
  EXPECT_THAT(refusal("REINDEX"), HasSubstr("only reading"));
  EXPECT_THAT(refusal("ANALYZE"), HasSubstr("only reading"));
}

TEST_F(Query, OneStatement) {
  EXPECT_EQ(refusal("SELECT 1; SELECT 2"), "query: holds more than one statement; give one SELECT at a time");
  EXPECT_THAT(refusal("SELECT 1; DROP TABLE run"), HasSubstr("more than one statement"));
  EXPECT_THAT(refusal("SELECT 1; nonsense"), HasSubstr("more than one statement"));
  EXPECT_THAT(refusal(" -- nothing\n"), HasSubstr("empty"));
  EXPECT_THAT(refusal(std::string("SELECT 1\0", 9)), HasSubstr("zero byte"));
  EXPECT_EQ(value_of(Store::open_read_only(file), "SELECT 1; -- done\n /* really */ ;"), 1);
}

TEST_F(Query, SaysWhatSqliteSays) {
  EXPECT_THAT(refusal("SELEC 1"), HasSubstr("near \"SELEC\": syntax error"));
  EXPECT_EQ(refusal("SELECT * FROM acuracy_by_condition"),
            "query: no such table: acuracy_by_condition; did you mean \"accuracy_by_condition\"?");
  EXPECT_THAT(refusal("SELECT staet FROM run"), HasSubstr("no such column: staet"));
  EXPECT_THAT(refusal("SELECT json_extract('{', '$.a')"), HasSubstr("malformed JSON"));
}

TEST_F(Query, LooksAtTheSchema) {
  const Store store = Store::open_read_only(file);
  EXPECT_GT(query(store, "PRAGMA table_info(run)").rows.size(), 5u);
  EXPECT_GT(value_of(store, "SELECT count(*) FROM pragma_table_info('run')"), 5);
  EXPECT_EQ(value_of(store, "SELECT sum(value) FROM json_each('[1,2,3]')"), 6);
  EXPECT_FALSE(query(store, "EXPLAIN QUERY PLAN SELECT * FROM latency").rows.empty());
  EXPECT_EQ(
      value_of(store,
               "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 9) SELECT max(i) FROM c"),
      9);
}

TEST_F(Query, BindsParametersByName) {
  const Store store = Store::open_read_only(file);
  const std::string sql = "SELECT :a, :b, :c, :d, :e";
  const Table table = query(store, sql, {{"a", 1}, {"b", 2.5}, {"c", "x'y"}, {"d", nullptr}, {"e", true}});
  EXPECT_THAT(table.rows[0], ElementsAre(Json(1), Json(2.5), Json("x'y"), Json(nullptr), Json(1)));
  EXPECT_EQ(refusal("SELECT :method", {{"metod", 1}}),
            "query: the parameter :method has no value; give it one, or write the value into the SQL");
  EXPECT_THAT(refusal("SELECT :method", {{"method", 1}, {"metod", 1}}), HasSubstr("did you mean \"method\"?"));
  EXPECT_THAT(refusal("SELECT ?"), HasSubstr(":name"));
}

TEST_F(Query, KeepsTypes) {
  const Table table = query(Store::open_read_only(file), "SELECT 1, 0.1, 'a', NULL, x'00ff', 9007199254740993, 3.0");
  EXPECT_THAT(table.rows[0], ElementsAre(Json(1), Json(0.1), Json("a"), Json(nullptr), Json("00ff"),
                                         Json(9007199254740993), Json(3.0)));
  EXPECT_TRUE(table.rows[0][6].is_number_float());
}

TEST_F(Query, AViewHasTheColumnsPromised) {
  const Store store = Store::open_read_only(file);
  const auto columns = [&](const std::string& view) { return query(store, "SELECT * FROM " + view).columns; };
  EXPECT_THAT(columns("accuracy_by_condition"),
              ElementsAre("experiment", "dataset", "model", "method", "condition", "seed", "top1", "ci_lo", "ci_hi",
                          "evidence", "n", "target", "condition_source", "run", "position"));
  EXPECT_THAT(columns("latency"),
              ElementsAre("experiment", "dataset", "model", "method", "target", "condition", "seed", "median_ms",
                          "ci_lo", "ci_hi", "p90_ms", "p99_ms", "mean_ms", "evidence", "n", "run", "position"));
  EXPECT_THAT(columns("storage"), testing::IsSupersetOf({"package_bytes", "dense_bytes", "masks_bytes", "evidence"}));
  EXPECT_THAT(columns("pareto"), testing::IsSupersetOf({"mean_top1", "macs", "package_bytes", "on_macs_front"}));
  EXPECT_THAT(columns("robustness"),
              testing::IsSupersetOf({"mean_top1", "clean_top1", "worst_top1", "worst_condition", "conditions"}));
  EXPECT_THAT(columns("runs"), testing::IsSupersetOf({"state", "reason", "run", "started", "attempts"}));
}

TEST_F(Query, ViewsShowTheNumbersRecorded) {
  {
    Store store = Store::open(file);
    store.record(invented_run("k2", "automask", 0, 90));
    RunRecord failed = invented_run("k3", "broken");
    failed.state = "mistrusted";
    store.record(failed);
    store.set_current("invented", {"k2", "k1", "k3"});
  }
  const Store store = Store::open_read_only(file);
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM runs"), 3);
  EXPECT_EQ(value_of(store, "SELECT count(*) FROM accuracy_by_condition"), 4);
  EXPECT_EQ(
      value_of(store, "SELECT top1 FROM accuracy_by_condition WHERE method = 'automask' AND condition <> 'clean'"),
      70.0);
  EXPECT_EQ(value_of(store, "SELECT condition_source FROM robustness WHERE method = 'automask'"), "oracle");
  EXPECT_EQ(value_of(store, "SELECT condition_source FROM robustness WHERE method = 'clean_only'"), "none");
  EXPECT_EQ(
      value_of(store, "SELECT mean_top1 || worst_condition || conditions FROM robustness WHERE method = 'automask'"),
      "80.0gaussian_noise:32");
  EXPECT_EQ(value_of(store, "SELECT clean_top1 - worst_top1 FROM robustness WHERE method = 'clean_only'"), 20.0);
  EXPECT_EQ(value_of(store, "SELECT p99_ms FROM latency WHERE method = 'automask'"), 1.5);
  EXPECT_EQ(value_of(store, "SELECT share_of_dense FROM storage WHERE method = 'automask'"), 0.25);
}

TEST_F(Query, ConditionSourceFollowsWhatTheRunSays) {
  Store store = Store::open(file);
  RunRecord run = invented_run("k4", "bn_k");
  run.metrics.push_back({"condition_sets", "", 5, nan, nan, "counted", 1});
  store.record(run);
  run = invented_run("k5", "automask");
  run.method_parameters["condition_source"] = "predicted";
  store.record(run);
  EXPECT_EQ(value_of(store, "SELECT condition_source FROM robustness WHERE run = 'k4'"), "oracle");
  EXPECT_EQ(value_of(store, "SELECT condition_source FROM robustness WHERE run = 'k5'"), "predicted");
}

// The first width serves all pictures: its cost is the network's, and nobody selects by condition.
TEST_F(Query, WidthsAreNoConditions) {
  Store store = Store::open(file);
  RunRecord run = invented_widths("k4");
  run.metrics.push_back({"unseen_corruption_top1", "fog:3", 61, 60, 62, "measured", 1000});
  run.metrics.push_back({"mean_top1_trained", "", 70, 69, 71, "measured", 2000});
  store.record(run);
  const auto saved = [&](const std::string& name, const std::string& columns) {
    return value_of(store, "SELECT " + columns + " FROM (" + find_saved_query(saved_queries({}), name).sql +
                               ") WHERE method = 'slimmable'");
  };
  EXPECT_EQ(saved("robustness", "condition_source"), "none");
  EXPECT_EQ(saved("pareto", "macs || condition_source"), "3000000.0none");
  EXPECT_EQ(saved("headline", "macs"), 3e6);
  EXPECT_EQ(saved("headline", "budget"), 0.469) << "of 6.4 million";
  EXPECT_EQ(saved("held_out", "top1"), 61.0);
}

// What no camera tells, the estimator predicts; its multiply-accumulates count.
TEST_F(Query, RobustnessAndFrontGoByThePredictedCondition) {
  Store store = Store::open(file);
  RunRecord run = invented_run("k4", "bn_k");
  run.metrics.push_back({"condition_sets", "", 2, nan, nan, "counted", 1});
  run.metrics.push_back({"predicted_top1", "clean", 75, nan, nan, "measured", 1000});
  run.metrics.push_back({"predicted_top1", "gaussian_noise:3", 55, nan, nan, "measured", 1000});
  run.metrics.push_back({"estimator_macs", "", 336, nan, nan, "counted", 1});
  run.metrics.push_back({"mean_macs", "", 5e6, nan, nan, "counted", 2});
  run.metrics.push_back({"mean_top1_trained", "", 65, nan, nan, "measured", 2000});
  store.record(run);
  EXPECT_EQ(value_of(store,
                     "SELECT mean_top1 || ' ' || clean_top1 || ' ' || worst_top1 || condition_source "
                     "FROM robustness WHERE run = 'k4'"),
            "65.0 75.0 55.0predicted");
  EXPECT_EQ(value_of(store, "SELECT mean_top1 || ' ' || macs || condition_source FROM pareto WHERE method = 'bn_k'"),
            "65.0 5000336.0predicted");
  EXPECT_EQ(value_of(store, "SELECT macs FROM headline_by_seed WHERE method = 'bn_k'"), 5000336.0);
  EXPECT_EQ(value_of(store, "SELECT top1 FROM accuracy_by_condition WHERE run = 'k4' AND condition = 'clean'"), 80.0);
}

// Accuracy up, cost down: who is beaten by none. Ties in cost and in accuracy included.
TEST_F(Query, ParetoFindsTheFront) {
  Store store = Store::open(file);
  const auto add = [&](const std::string& method, double top1, double macs) {
    RunRecord run = invented_run(method, method, 0, top1);
    run.experiment = "front";
    run.metrics.back().value = macs;
    store.record(run);
  };
  add("cheap", 70, 1e6);
  add("better", 80, 2e6);
  add("dominated", 75, 3e6);
  add("same_cost_worse", 79, 2e6);
  add("same_accuracy_dearer", 80, 4e6);
  add("best", 90, 5e6);
  const Table front =
      query(store, "SELECT method FROM pareto WHERE experiment = 'front' AND on_macs_front ORDER BY macs");
  ASSERT_EQ(front.rows.size(), 3u);
  EXPECT_EQ(front.rows[0][0], "cheap");
  EXPECT_EQ(front.rows[1][0], "better");
  EXPECT_EQ(front.rows[2][0], "best");
}

TEST_F(Query, EverySavedQueryRunsAndHasASummary) {
  const Store store = Store::open_read_only(file);
  const std::vector<SavedQuery> queries = saved_queries({});
  for (const char* name : {"accuracy_by_condition", "latency", "storage", "pareto", "robustness", "runs"})
    EXPECT_NO_THROW(find_saved_query(queries, name));
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(AUTOMASK_SOURCE_DIR "/experiments/queries"))
    files += entry.path().extension() == ".sql" ? 1 : 0;
  EXPECT_EQ(queries.size(), files);
  for (const SavedQuery& saved : queries) {
    EXPECT_FALSE(saved.summary.empty()) << saved.name;
    EXPECT_NO_THROW(query(store, saved.sql)) << saved.name;
  }
  const Table accuracy = query(store, find_saved_query(queries, "accuracy_by_condition").sql);
  EXPECT_THAT(accuracy.columns, testing::IsSupersetOf({"dataset", "model", "method", "condition", "seed", "top1",
                                                       "ci_lo", "ci_hi", "evidence"}));
  EXPECT_EQ(accuracy.rows.size(), 2u);
}

TEST_F(Query, FoldersAddAndReplaceSavedQueries) {
  std::filesystem::create_directory(folder / "q");
  std::ofstream(folder / "q" / "mine.sql") << "\n--  My own\n-- more\nSELECT 1";
  std::ofstream(folder / "q" / "runs.sql") << "SELECT 2";
  std::ofstream(folder / "q" / "notes.txt") << "not SQL";
  const std::vector<SavedQuery> queries = saved_queries({folder / "q", folder / "absent"});
  EXPECT_EQ(find_saved_query(queries, "mine").summary, "My own");
  EXPECT_EQ(find_saved_query(queries, "runs").sql, "SELECT 2");
  EXPECT_EQ(find_saved_query(queries, "runs").summary, "");
  const core::Error error = error_of([&] { find_saved_query(queries, "latncy"); });
  EXPECT_EQ(error.code(), ExitCode::usage);
  EXPECT_STREQ(error.what(), "query: no saved query is named \"latncy\"; did you mean \"latency\"?");
}

TEST(Formats, AreParsed) {
  EXPECT_EQ(parse_format("md"), Format::md);
  EXPECT_EQ(parse_format("csv"), Format::csv);
  EXPECT_THAT(error_of([] { parse_format("jsn"); }).what(), HasSubstr("did you mean \"json\"?"));
}

std::string printed(const Table& table, Format format) {
  std::ostringstream out;
  print(out, table, format);
  return out.str();
}

const Table sample = {{"name", "top1", "n"},
                      {{"plain", 71.52345678901234, 10},
                       {"with, comma", 9.5, 2},
                       {"with \"quotes\"", nullptr, 3},
                       {"two\nlines | \x1b[31m<b>", 100.0, nullptr}}};

TEST(Formats, Csv) {
  EXPECT_EQ(printed(sample, Format::csv),
            "name,top1,n\r\n"
            "plain,71.52345678901234,10\r\n"
            "\"with, comma\",9.5,2\r\n"
            "\"with \"\"quotes\"\"\",,3\r\n"
            "\"two\nlines | \x1b[31m<b>\",100.0,\r\n");
}

TEST(Formats, TableIsAlignedAndRounded) {
  EXPECT_EQ(printed(sample, Format::table),
            "name                          top1   n\n"
            "--------------------------  ------  --\n"
            "plain                        71.52  10\n"
            "with, comma                   9.50   2\n"
            "with \"quotes\"                        3\n"
            "two\\x0alines | \\x1b[31m<b>  100.00\n");
}

TEST(Formats, Markdown) {
  EXPECT_EQ(printed(sample, Format::md),
            "| name | top1 | n |\n"
            "| --- | ---: | ---: |\n"
            "| plain | 71.52 | 10 |\n"
            "| with, comma | 9.50 | 2 |\n"
            "| with \"quotes\" |  | 3 |\n"
            "| two\\\\x0alines \\| \\\\x1b\\[31m&lt;b> | 100.00 |  |\n");
}

TEST(Formats, JsonKeepsEveryDigitAndTheOrderOfColumns) {
  EXPECT_EQ(printed(sample, Format::json),
            "{\"schema_version\": 1, \"rows\": [\n"
            "  {\"name\": \"plain\", \"top1\": 71.52345678901234, \"n\": 10},\n"
            "  {\"name\": \"with, comma\", \"top1\": 9.5, \"n\": 2},\n"
            "  {\"name\": \"with \\\"quotes\\\"\", \"top1\": null, \"n\": 3},\n"
            "  {\"name\": \"two\\nlines | \\u001b[31m<b>\", \"top1\": 100.0, \"n\": null}\n"
            "]}\n");
  const Table twice = {{"a", "a", "a_2"}, {{1, 2, 3}}};
  EXPECT_EQ(Json::parse(printed(twice, Format::json))["rows"][0], (Json{{"a", 1}, {"a_3", 2}, {"a_2", 3}}));
}

TEST(Formats, NoRows) {
  const Table none = {{"a", "b"}, {}};
  EXPECT_EQ(printed(none, Format::json), "{\"schema_version\": 1, \"rows\": []}\n");
  EXPECT_EQ(printed(none, Format::csv), "a,b\r\n");
  EXPECT_EQ(printed(none, Format::table), "a  b\n-  -\n(no rows)\n");
}

TEST(Formats, RoundingFollowsTheColumn) {
  const Table small = {{"ms"}, {{0.012345678}, {0.0001}}};
  EXPECT_EQ(printed(small, Format::table), "     ms\n-------\n0.01235\n0.00010\n");
  const Table large = {{"macs"}, {{12345678.9}, {3.2}}};
  EXPECT_EQ(printed(large, Format::table), "    macs\n--------\n12345679\n       3\n");
}

TEST(Formats, WidthCountsCharactersNotBytes) {
  const Table table = {{"µ", "x"}, {{"é", 1}, {"ab", 2}}};
  EXPECT_EQ(printed(table, Format::table), "µ   x\n--  -\né   1\nab  2\n");
}

}  // namespace
}  // namespace automask::results
