#include "results/report.h"

#include <gmock/gmock.h>

#include <regex>

#include "core/atomic_file.h"
#include "fixture.h"
#include "results/markup.h"
#include "results/plot.h"
#include "results/report_data.h"
#include "results/report_text.h"
#include "results/statistics.h"

namespace automask::results {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// Invented rows of four methods under three conditions, marked as such.
std::vector<RunRecord> invented_runs(int seeds) {
  std::vector<RunRecord> runs;
  int index = 0;
  for (const char* method : {"clean_only", "augmented", "augmented_pruned", "automask"}) {
    for (int seed = 0; seed < seeds; ++seed) {
      RunRecord run =
          invented_run(std::string(method) + "-" + std::to_string(seed), method, seed, 85 + index + seed * 0.5);
      run.metrics.push_back({"top1", "jpeg:q10", 70.0 + index, 69.0 + index, 71.0 + index, "measured", 1000});
      run.metrics.push_back({"top1", "jpeg:q9", 68.0 + index, 67.0 + index, 69.0 + index, "measured", 1000});
      for (const auto& [part, size] : {std::pair("weights_bytes", 90'000), std::pair("masks_bytes", 100),
                                       std::pair("normalisation_bytes", 5'000), std::pair("structure_bytes", 4'900)})
        run.metrics.push_back({part, "", static_cast<double>(size), nan, nan, "counted", 1});
      runs.push_back(run);
    }
    ++index;
  }
  return runs;
}

// Every element closed in order, no attribute unquoted, no character loose: what an XML parser would insist on.
// Returns the first fault, or nothing.
std::string fault_in(const std::string& page) {
  std::string text = page;
  const std::size_t style = text.find("<style>"), style_end = text.find("</style>");
  if (style != std::string::npos) text.erase(style + 7, style_end - style - 7);
  text = std::regex_replace(text, std::regex("^<!DOCTYPE html>"), "");
  static const std::regex opening(R"re(^<([a-zA-Z0-9]+)(( [a-zA-Z0-9:-]+="[^"<>]*")*)(/?)>)re");
  static const std::regex closing(R"(^</([a-zA-Z0-9]+)>)");
  static const std::regex entity(R"(^&(amp|lt|gt|quot|#39);)");
  std::vector<std::string> open;
  for (std::size_t i = 0; i < text.size();) {
    std::smatch match;
    const std::string rest = text[i] == '<' || text[i] == '&' || text[i] == '>' ? text.substr(i, 4000) : "";
    if (text[i] == '<') {
      if (std::regex_search(rest, match, closing)) {
        if (open.empty() || open.back() != match[1]) return "closes what is not open: " + rest.substr(0, 60);
        open.pop_back();
      } else if (std::regex_search(rest, match, opening)) {
        const std::string attributes = match[2];
        if (std::regex_search(attributes, std::regex("&(?!(amp|lt|gt|quot|#39);)"))) return "loose &: " + attributes;
        if (match[4].length() == 0) open.push_back(match[1]);
      } else {
        return "no element: " + rest.substr(0, 60);
      }
      i += static_cast<std::size_t>(match.length());
    } else {
      if (text[i] == '>' || (text[i] == '&' && !std::regex_search(rest, entity))) return "loose: " + rest.substr(0, 60);
      ++i;
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

TEST(FaultIn, FindsFaults) {
  EXPECT_EQ(fault_in("<p a=\"b\">x &amp; y<br/></p>"), "");
  EXPECT_NE(fault_in("<p><b></p></b>"), "");
  EXPECT_NE(fault_in("<p>"), "");
  EXPECT_NE(fault_in("<p a=b></p>"), "");
  EXPECT_NE(fault_in("<p>a & b</p>"), "");
  EXPECT_NE(fault_in("<p>a < b</p>"), "");
}

std::vector<std::string> all(const std::string& text, const std::string& pattern) {
  std::vector<std::string> found;
  const std::regex expression(pattern);
  for (std::sregex_iterator it(text.begin(), text.end(), expression), end; it != end; ++it) found.push_back((*it)[1]);
  return found;
}

// Ids are unique and every link leads to one.
void expect_links_hold(const std::string& page) {
  std::vector<std::string> ids = all(page, " id=\"([^\"]*)\"");
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
  const std::vector<std::string> links = all(page, " href=\"([^\"]*)\"");
  for (const std::string& link : links) {
    ASSERT_EQ(link.substr(0, 1), "#") << link;
    EXPECT_TRUE(std::binary_search(ids.begin(), ids.end(), link.substr(1))) << link;
  }
}

class Report : public StoreTest {
 protected:
  std::string page(const Store& store) { return core::read_file(write_report(store, "invented", folder / "out").html); }
};

TEST_F(Report, SetsThePredictedConditionBesideTheGivenOne) {
  Store store = Store::open(file);
  std::vector<RunRecord> runs = {invented_run("one", "augmented", 0, 79), invented_run("two", "automask", 0, 81)};
  store.record(runs[0]);
  EXPECT_THAT(markdown_summary(store, "invented"), Not(HasSubstr("Who knows the condition")));
  runs[1].metrics.insert(runs[1].metrics.end(),
                         {{"predicted_top1", "clean", 80.5, 79.5, 81.5, "measured", 1000},
                          {"predicted_top1", "gaussian_noise:3", 60, 59, 61, "measured", 1000},
                          {"estimator_accuracy", "clean", 98, 97, 99, "measured", 1000},
                          {"estimator_accuracy", "gaussian_noise:3", 100, 99, 100, "measured", 9},
                          {"predicted_latency_median", "clean", 0.5625, nan, nan, "measured", 9}});
  store.record(runs[1]);
  const std::string html = page(store), text = markdown_summary(store, "invented");
  EXPECT_EQ(fault_in(html), "");
  expect_links_hold(html);
  EXPECT_THAT(html, HasSubstr("Who knows the condition"));
  EXPECT_THAT(text, HasSubstr("| method | given, mean | predicted, mean | clean | gaussian_noise:3 | estimator right, "
                              "mean | given, median ms | predicted, median ms |"));
  EXPECT_THAT(text, HasSubstr("| automask | 71.00 [69.8, 72.2] M | 70.25 [69.2, 71.2] M | 80.50 [79.5, 81.5] M | "
                              "60.00 [59.0, 61.0] M | 99.00 [98.0, 99.5] M |"));
  EXPECT_THAT(text, HasSubstr("| augmented | – | – | – | – | – |"));
  // What is compared is what a camera gets.
  EXPECT_THAT(text, HasSubstr("| automask | **70.25** [69.2, 71.2] M | **80.50** [79.5, 81.5] M | **60.00**"));
  EXPECT_THAT(text, HasSubstr("For automask the package's estimator predicted each picture's condition"));

  const SavedQuery saved = find_saved_query(saved_queries({}), "estimator");
  const Table table = query(store, saved.sql);
  ASSERT_EQ(table.rows.size(), 2U) << "the run with an estimator alone";
  EXPECT_EQ(table.rows[0][4], "clean");
  EXPECT_EQ(table.rows[0][6], 81.0);
  EXPECT_EQ(table.rows[0][7], 80.5);
  EXPECT_EQ(table.rows[1][10], 100.0);
}

TEST_F(Report, IsOneSelfContainedWellFormedPage) {
  Store store = Store::open(file);
  store.record(invented_runs(1));
  const std::string html = page(store);
  EXPECT_EQ(fault_in(html), "");
  expect_links_hold(html);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("@import")));
  EXPECT_THAT(html, Not(HasSubstr("url(")));
  EXPECT_THAT(all(html, "(https?://[^\"]*)"), testing::Each("http://www.w3.org/2000/svg"));
  EXPECT_THAT(html, HasSubstr("prefers-color-scheme: dark"));
  EXPECT_EQ(all(html, "(<svg )").size(), 6u);
  EXPECT_TRUE(std::filesystem::exists(folder / "out" / "report.md"));
}

TEST_F(Report, SaysWhoseAlgorithmItIsAndWhoKnewTheCondition) {
  Store store = Store::open(file);
  store.record(invented_runs(1));
  for (const std::string& text : {page(store), markdown_summary(store, "invented")}) {
    EXPECT_THAT(text, HasSubstr("own reading of the abstract"));
    EXPECT_THAT(text, HasSubstr("Condition known to the network (oracle): for automask the masks"));
    EXPECT_THAT(text, HasSubstr("one seed, Wilson intervals"));
  }
}

TEST_F(Report, WidthsAreNoConditions) {
  Store store = Store::open(file);
  RunRecord other = invented_run("one", "kill_test");
  other.metrics.push_back({"macs_share", "clean", 0.75, nan, nan, "counted", 1});
  other.metrics.push_back({"condition_sets", "", 2, nan, nan, "counted", 1});
  store.record(other);
  store.record(invented_widths("two"));
  const ReportData data = gather(store, "invented");
  ASSERT_EQ(data.sections.size(), 1u);
  EXPECT_THAT(data.sections[0].conditions, ElementsAre("clean", "gaussian_noise:3"));
  const MethodRow &kill_test = data.sections[0].methods[0], &slimmable = data.sections[0].methods[1];
  EXPECT_DOUBLE_EQ(kill_test.mean("macs").value, 5e6);
  EXPECT_DOUBLE_EQ(kill_test.mean("macs_share").value, 0.75);
  EXPECT_DOUBLE_EQ(slimmable.mean("macs").value, 3e6) << "the first width's";
  EXPECT_DOUBLE_EQ(slimmable.mean("macs_share").value, 3 / 6.4);
  const std::string html = page(store), text = markdown_summary(store, "invented");
  const std::string plot = html.substr(html.find("Accuracy against computation"));
  EXPECT_THAT(plot.substr(0, plot.find("</svg>")), AllOf(HasSubstr("kill_test"), HasSubstr("slimmable")));
  EXPECT_THAT(text, HasSubstr("(oracle): for kill_test the masks"));
  EXPECT_THAT(text, HasSubstr("The other methods use one network for all conditions."));
}

// What is adapted at test time is in mean_macs already.
TEST_F(Report, MacsOfWidthsCountTheEstimatorAndTheAdaptationOnce) {
  Store store = Store::open(file);
  RunRecord run = invented_widths("k");
  run.metrics.back().value = 336;  // estimator_macs
  run.metrics.push_back({"adaptation_macs", "", 1e6, nan, nan, "counted", 1});
  store.record(run);
  EXPECT_DOUBLE_EQ(gather(store, "invented").sections[0].methods[0].mean("macs").value, 3'000'336);
  EXPECT_EQ(value_of(store, "SELECT macs FROM pareto"), 3'000'336.0);
  EXPECT_EQ(value_of(store, "SELECT macs FROM headline_by_seed"), 3'000'336.0);
}

TEST_F(Report, TheSameDatabaseGivesTheSameBytes) {
  // Written twice, in two orders, under one plan.
  std::vector<RunRecord> runs = invented_runs(2);
  std::vector<std::string> keys, pages, summaries;
  for (const RunRecord& run : runs) keys.push_back(run.key);
  for (const char* name : {"a.db", "b.db"}) {
    Store store = Store::open(folder / name);
    store.record(runs);
    store.set_current("invented", keys);
    pages.push_back(page(store));
    pages.push_back(page(store));
    summaries.push_back(markdown_summary(store, "invented"));
    std::reverse(runs.begin(), runs.end());
  }
  for (const std::string& one : pages) EXPECT_EQ(one, pages[0]);
  EXPECT_EQ(summaries[0], summaries[1]);
}

TEST_F(Report, HostileNamesStayText) {
  Store store = Store::open(file);
  int index = 0;
  for (const char* name :
       {"<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='x", "\xff\x01"}) {
    RunRecord run = invented_run(std::string("key ") + name, name);
    run.dataset = run.model = run.target = name;
    run.reason = name;
    run.environment = {{name, name}};
    run.build = {{name, {{name, name}}}};
    run.metrics[0].condition = name;
    if (++index == 2) run.state = "failed";
    store.record(run);
  }
  const std::string html = page(store);
  EXPECT_EQ(fault_in(html), "");
  expect_links_hold(html);
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("<img")));
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_EQ(html, valid_utf8(html));
  const std::string markdown = markdown_summary(store, "invented");
  EXPECT_THAT(markdown, Not(HasSubstr("<script")));
  EXPECT_EQ(markdown, valid_utf8(markdown));
}

TEST_F(Report, WithoutRunsOrWithFailedOnesOnly) {
  Store store = Store::open(file);
  store.set_current("invented", {"later"});
  EXPECT_THAT(page(store), HasSubstr("No run of this experiment is recorded yet."));
  RunRecord run = invented_run("later");
  run.state = "dead";
  run.reason = "the runner died of signal 9";
  run.metrics.clear();
  store.record(run);
  const std::string html = page(store);
  EXPECT_EQ(fault_in(html), "");
  EXPECT_THAT(html, HasSubstr("No run of this experiment has passed"));
  EXPECT_THAT(html, HasSubstr("the runner died of signal 9"));
  EXPECT_THAT(markdown_summary(store, "invented"), HasSubstr("the runner died of signal 9"));
  store.record(invented_run("other", "augmented"));
  store.set_current("invented", {"later", "other"});
  EXPECT_THAT(page(store), HasSubstr("clean_only seed 0 (dead)"));
}

TEST_F(Report, AnUnknownExperimentIsRefused) {
  Store store = Store::open(file);
  EXPECT_STREQ(error_of([&] { markdown_summary(store, "invented"); }).what(),
               "report: no experiment named \"invented\" is stored; run one first");
  store.record(invented_run("k"));
  const core::Error error = error_of([&] { markdown_summary(store, "inventd"); });
  EXPECT_EQ(error.code(), core::ExitCode::usage);
  EXPECT_THAT(error.what(), HasSubstr("did you mean \"invented\"?"));
}

TEST_F(Report, MarkdownOfOneSeed) {
  Store store = Store::open(file);
  store.record(invented_runs(1));
  const std::string text = markdown_summary(store, "invented");
  EXPECT_THAT(text, HasSubstr("| method | mean | clean | gaussian_noise:3 | jpeg:q9 | jpeg:q10 |\n"
                              "| --- | ---: | ---: | ---: | ---: | ---: |\n"
                              "| clean_only | 72.00 [70.9, 73.1] M | 85.00 [84.0, 86.0] M | 65.00 [63.5, 66.5] M | "
                              "68.00 [67.0, 69.0] M | 70.00 [69.0, 71.0] M |\n"));
  EXPECT_THAT(text, HasSubstr("| automask | **75.00** [73.9, 76.1] M | **88.00** [87.0, 89.0] M |"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "| automask | 97.7 KiB C | 87.9 KiB C | 100 B C | 4.88 KiB C | – | 4.79 KiB C | 391 KiB C | 5.00 M C |"));
}

// Three seeds at 85, 85.5 and 86: mean 85.5, t interval 85.5 -+ 4.303 * 0.5 / sqrt(3).
TEST_F(Report, SeveralSeedsAreAveraged) {
  Store store = Store::open(file);
  store.record(invented_runs(3));
  const ReportData data = gather(store, "invented");
  ASSERT_EQ(data.sections.size(), 1u);
  ASSERT_EQ(data.sections[0].methods.size(), 4u);
  EXPECT_THAT(data.sections[0].conditions, ElementsAre("clean", "gaussian_noise:3", "jpeg:q9", "jpeg:q10"));
  const MethodRow& method = data.sections[0].methods[0];
  EXPECT_EQ(method.label, "clean_only");
  const Number& clean = method.metric("top1", "clean");
  EXPECT_EQ(clean.seeds, 3);
  EXPECT_DOUBLE_EQ(clean.value, 85.5);
  EXPECT_NEAR(clean.low, 85.5 - 4.303 * 0.5 / std::sqrt(3), 1e-3);
  EXPECT_THAT(clean.runs, ElementsAre("clean_only-0", "clean_only-1", "clean_only-2"));
  EXPECT_THAT(clean.evidences, ElementsAre("measured"));
  // The mean over conditions: per seed first, so that its interval is over seeds.
  EXPECT_NEAR(method.mean("top1").value, (85.5 + 65.5 + 70 + 68) / 4, 1e-9);
  EXPECT_NEAR(method.mean("top1").high - method.mean("top1").value, 4.303 * 0.25 / std::sqrt(3), 1e-3);
  // Counted and the same for all seeds: exact.
  EXPECT_EQ(method.metric("package_bytes").value, 100'000);
  EXPECT_TRUE(std::isnan(method.metric("package_bytes").low));
  EXPECT_THAT(page(store), HasSubstr("mean of 3 seeds, Student&#39;s t intervals"));
  expect_links_hold(page(store));
}

TEST_F(Report, MixedEvidenceIsNamed) {
  Store store = Store::open(file);
  RunRecord run = invented_run("k");
  run.metrics[1].evidence = "modelled";
  store.record(run);
  const ReportData data = gather(store, "invented");
  EXPECT_THAT(data.sections[0].methods[0].mean("top1").evidences, ElementsAre("measured", "modelled"));
  EXPECT_EQ(evidence_letters(data.sections[0].methods[0].mean("top1")), "ME");
}

TEST_F(Report, AMeanNeedsAllConditions) {
  Store store = Store::open(file);
  store.record(invented_run("a", "whole"));
  RunRecord run = invented_run("b", "part");
  run.metrics.erase(run.metrics.begin() + 1);
  store.record(run);
  const ReportData data = gather(store, "invented");
  EXPECT_TRUE(data.sections[0].methods[0].mean("top1").known);
  EXPECT_FALSE(data.sections[0].methods[1].mean("top1").known);
  EXPECT_THAT(page(store), HasSubstr("Without a mean, because some condition is missing: part."));
}

TEST_F(Report, MethodsOfOneNameAreToldApartByTheirParameters) {
  Store store = Store::open(file);
  for (const double budget : {0.25, 0.5}) {
    RunRecord run = invented_run("k" + std::to_string(budget), "pruned");
    run.method_parameters = {{"method", "pruned"}, {"mac_budget", budget}, {"train", {{"epochs", 3}}}};
    store.record(run);
  }
  store.record(invented_run("z", "other"));
  const ReportData data = gather(store, "invented");
  ASSERT_EQ(data.sections[0].methods.size(), 3u);
  EXPECT_EQ(data.sections[0].methods[0].label, "pruned (mac_budget 0.25)");
  EXPECT_EQ(data.sections[0].methods[1].label, "pruned (mac_budget 0.5)");
  EXPECT_EQ(data.sections[0].methods[2].label, "other");
}

TEST(ReportText, BestOfAColumn) {
  Number low, high, unknown;
  low.known = high.known = true;
  low.value = 1;
  high.value = 2;
  EXPECT_THAT(best_rows({low, high, unknown}, true), ElementsAre(false, true, false));
  EXPECT_THAT(best_rows({low, high, low}, false), ElementsAre(true, false, true));
  EXPECT_THAT(best_rows({low, unknown}, true), ElementsAre(false, false));  // nothing to be better than
  EXPECT_THAT(best_rows({low, low}, true), ElementsAre(false, false));
  EXPECT_THAT(best_rows({unknown}, true), ElementsAre(false));
}

TEST(ReportText, NaturalOrder) {
  std::vector<std::string> names = {"jpeg:q100", "jpeg:q9", "jpeg:q10", "blur:3", "jpeg", "jpeg:q09"};
  std::sort(names.begin(), names.end(), natural_less);
  EXPECT_THAT(names, ElementsAre("blur:3", "jpeg", "jpeg:q09", "jpeg:q9", "jpeg:q10", "jpeg:q100"));
}

TEST(Markup, EscapesAndBalances) {
  EXPECT_EQ(escaped("a<b>&\"'\x01\xff\xc3\xa9"), "a&lt;b&gt;&amp;&quot;&#39;\xef\xbf\xbd\xef\xbf\xbd\xc3\xa9");
  EXPECT_EQ(valid_utf8("\xc0\xaf\xed\xa0\x80x"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx");
  EXPECT_EQ(anchor("run-", "a1-_ <"), "run-a1-_.20.3c");
  Markup markup;
  markup.open("p", {{"title", "\""}}).text("<");
  EXPECT_THROW(markup.str(), std::logic_error);
  markup.close();
  EXPECT_EQ(markup.str(), "<p title=\"&quot;\">&lt;</p>");
  EXPECT_THROW(markup.close(), std::logic_error);
}

TEST(Numbers, ForPeople) {
  EXPECT_EQ(si(0), "0");
  EXPECT_EQ(si(999), "999");
  EXPECT_EQ(si(999.7), "1.00 k");
  EXPECT_EQ(si(3'290'000), "3.29 M");
  EXPECT_EQ(si(1.8e9), "1.80 G");
  EXPECT_EQ(bytes(0), "0 B");
  EXPECT_EQ(bytes(1023), "1023 B");
  EXPECT_EQ(bytes(1024), "1.00 KiB");
  EXPECT_EQ(bytes(88'450), "86.4 KiB");
  EXPECT_EQ(bytes(5.5 * 1024 * 1024), "5.50 MiB");
  EXPECT_EQ(milliseconds(0.012345), "0.0123");
  EXPECT_EQ(milliseconds(12.345), "12.3");
}

TEST(Plot, TicksAreRound) {
  EXPECT_THAT(plot::nice_ticks(61, 94, 7), ElementsAre(60, 65, 70, 75, 80, 85, 90, 95));
  EXPECT_THAT(plot::nice_ticks(0, 300 * 1024, 5, true), ElementsAre(0, 65536, 131072, 196608, 262144, 327680));
  EXPECT_THAT(plot::nice_ticks(0, 1, 4), ElementsAre(0, 0.5, 1));
}

TEST(Plot, DrawsEdgesWithoutNonsense) {
  plot::DotPlot empty;
  EXPECT_EQ(fault_in(draw(empty)), "");
  plot::DotPlot one;
  one.rows = {"all"};
  one.series = {"a", "b"};
  one.marks = {{plot::Mark{100, plot::none, plot::none, "#x", "tip"}, plot::Mark{}}};
  plot::Scatter same;
  same.points = {{"a", 5, {50, 50, 50, "#x", "t"}}, {"b", 5, {50, plot::none, plot::none, "#x", "t"}, 1}};
  plot::Spread spread;
  spread.rows = {{"a", {0.5, plot::none, plot::none, "#x", "t"}, plot::none, plot::none}};
  plot::Stack stack;
  stack.parts = {"p"};
  stack.rows = {{"a", "0 B", "#x", {0}}, {"b", "?", "#x", {plot::none}}};
  for (const std::string& svg : {draw(one), draw(same), draw(spread), draw(stack)}) {
    EXPECT_EQ(fault_in(svg), "");
    EXPECT_THAT(svg, Not(HasSubstr("nan")));
    EXPECT_THAT(svg, Not(HasSubstr("inf")));
  }
}

// Marks stand where the values are: equal steps in value are equal steps on paper, and better is to the right.
TEST(Plot, MarksAreToScale) {
  plot::DotPlot plot;
  plot.rows = {"one", "two", "three"};
  plot.series = {"a"};
  for (const double value : {10.0, 20.0, 40.0})
    plot.marks.push_back({plot::Mark{value, value - 1, value + 1, "#x", ""}});
  std::vector<double> x;
  for (const std::string& at : all(draw(plot), "<line x1=\"([0-9.]+)\"[^>]*class=\"whisker s0\""))
    x.push_back(std::stod(at));
  ASSERT_EQ(x.size(), 9u);  // line and two caps each
  EXPECT_NEAR((x[6] - x[3]) / (x[3] - x[0]), 2, 0.02);
  EXPECT_GT(x[3], x[0]);
}

}  // namespace
}  // namespace automask::results
