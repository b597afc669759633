#include "harness/progress.h"

#include <gmock/gmock.h>

#include <sstream>

#include "support.h"

namespace automask::harness {
namespace {

using test::Json;
using testing::HasSubstr;
using testing::Not;

struct Screen {
  explicit Screen(ProgressKind kind)
      : sink(make_progress(
            kind, out, [this] { return now; }, 60)) {
    step.label = "train toy";
    step.stage = Stage::train;
    step.key = "k";
  }
  Json event(double done, double total) const {
    return {{"event", "progress"}, {"phase", "train"},     {"done", done}, {"total", total},
            {"rate", 1234.5},      {"unit", "pictures/s"}, {"loss", 0.5}};
  }
  // What stands there since the last call.
  std::string take() {
    const std::string text = out.str();
    out.str("");
    return text;
  }

  double now = 100;
  std::ostringstream out;
  std::unique_ptr<ProgressSink> sink;
  Step step;
};

TEST(Plain, OneLinePerChangeAndEveryTenSeconds) {
  Screen screen(ProgressKind::plain);
  screen.sink->begin(12, 3);
  EXPECT_EQ(screen.take(), "12 steps to do, 3 finished before\n");
  screen.sink->started(0, screen.step);
  EXPECT_EQ(screen.take(), "[ 0/12] train toy: started\n");
  screen.sink->progress(0, screen.step, screen.event(0, 100));
  screen.now += 9;
  screen.sink->progress(0, screen.step, screen.event(10, 100));
  EXPECT_EQ(screen.take(), "");
  screen.now += 1;
  screen.sink->progress(0, screen.step, screen.event(20, 100));
  EXPECT_EQ(screen.take(), "[ 0/12] train toy: train 20 %, 1234 pictures/s, loss 0.500, 40.0 s left\n");
  screen.sink->ended(0, screen.step, {Outcome::passed, "", "", "", "", 75});
  EXPECT_EQ(screen.take(), "[ 1/12] train toy: done in 1 min 15 s\n");
  screen.sink->ended(1, screen.step, {Outcome::failed, "dead", "it died", "", "", 1});
  EXPECT_EQ(screen.take(), "[ 2/12] train toy: dead: it died\n");
}

TEST(Terminal, RedrawsALineOfTheTerminalsWidth) {
  Screen screen(ProgressKind::terminal);
  screen.sink->begin(1, 0);
  screen.sink->started(0, screen.step);
  screen.take();
  screen.now += 10;
  screen.sink->progress(0, screen.step, screen.event(50, 100));
  const std::string drawn = screen.take();
  EXPECT_EQ(drawn.rfind("\x1b[1A\x1b[J[##########..........] train toy: train 50 %", 0), 0u) << drawn;
  EXPECT_LT(drawn.size() - std::string("\x1b[1A\x1b[J").size(), 61u);  // no wrapped line
  screen.sink->progress(0, screen.step, screen.event(51, 100));
  EXPECT_EQ(screen.take(), "");  // not more than ten times a second
  screen.sink->ended(0, screen.step, {Outcome::passed, "", "", "", "", 3});
  EXPECT_THAT(screen.take(), testing::EndsWith("[1/1] train toy: done in 3.0 s\n"));
}

TEST(Jsonl, EveryLineIsAnObject) {
  Screen screen(ProgressKind::jsonl);
  screen.sink->begin(1, 2);
  screen.sink->started(0, screen.step);
  screen.sink->progress(0, screen.step, screen.event(1, 2));
  screen.sink->note("a note");
  screen.sink->ended(0, screen.step, {Outcome::failed, "failed", "why", "", "", 1});
  screen.sink->end();
  std::istringstream lines(screen.take());
  std::vector<std::string> events;
  for (std::string line; std::getline(lines, line);) {
    const Json event = Json::parse(line);
    EXPECT_EQ(event["schema_version"], 1);
    events.push_back(event["event"]);
    if (event["event"] == "progress") {
      EXPECT_EQ(event["done"], 1);
    }
    if (event["event"] == "ended") {
      EXPECT_EQ(event["outcome"], "failed");
      EXPECT_EQ(event["reason"], "why");
    }
  }
  EXPECT_THAT(events, testing::ElementsAre("begin", "started", "progress", "note", "ended", "end"));
}

TEST(None, IsSilent) {
  Screen screen(ProgressKind::none);
  screen.sink->begin(1, 2);
  screen.sink->note("x");
  EXPECT_EQ(screen.take(), "");
}

TEST(Progress, NamesUnknownKinds) {
  EXPECT_EQ(parse_progress("jsonl"), ProgressKind::jsonl);
  EXPECT_THAT(test::sentence_of([] { parse_progress("json"); }, core::ExitCode::usage), HasSubstr("\"jsonl\""));
}

TEST(Human, UnitsFitTheSize) {
  EXPECT_EQ(human_seconds(2.34), "2.3 s");
  EXPECT_EQ(human_seconds(250), "4 min 10 s");
  EXPECT_EQ(human_seconds(7500), "2 h 5 min");
  EXPECT_EQ(human_bytes(812), "812 B");
  EXPECT_EQ(human_bytes(7864320), "7.5 MiB");
}

}  // namespace
}  // namespace automask::harness
