#include "harness/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>
#include <vector>

namespace automask::harness {
namespace {

using core::Json;

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double number(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_number() ? found->get<double>() : 0;
}

std::string text(const Json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_string() ? found->get<std::string>() : "";
}

// A running step, as its last event told.
struct State {
  std::string label;
  double start = 0, phase_start = 0, spoken = 0;
  std::string phase;
  Json event = Json::object();

  void take(const Json& news, double now) {
    if (text(news, "phase") != phase) {
      phase = text(news, "phase");
      phase_start = now;
    }
    event = news;
  }
  double share() const {
    const double total = number(event, "total");
    return total > 0 ? std::min(1.0, std::max(0.0, number(event, "done") / total)) : 0;
  }
  // By the share done since the phase began; negative where it can't be told.
  double seconds_left(double now) const {
    const double done = share(), passed = now - phase_start;
    return done > 0.01 && passed > 1 ? passed * (1 - done) / done : -1;
  }
  // "train 45 %, 3400 pictures/s, loss 0.53, 25 s left"
  std::string tell(double now) const {
    std::string line = phase;
    if (number(event, "total") > 0) line += fmt::format(" {:.0f} %", 100 * share());
    if (number(event, "rate") > 0) {
      const std::string unit = text(event, "unit");
      line += fmt::format(", {:.0f} {}", number(event, "rate"), unit.empty() ? "/s" : unit);
    }
    if (number(event, "loss") > 0) line += fmt::format(", loss {:.3f}", number(event, "loss"));
    if (const double left = seconds_left(now); left >= 0) line += ", " + human_seconds(left) + " left";
    return line;
  }
};

std::string tell_outcome(const StepOutcome& outcome) {
  switch (outcome.outcome) {
    case Outcome::found:
      return "found";
    case Outcome::passed:
      return "done in " + human_seconds(outcome.seconds);
    case Outcome::skipped:
      return "skipped: " + outcome.reason;
    case Outcome::interrupted:
      return "interrupted";
    default:
      return (outcome.state == "failed" ? "failed: " : outcome.state + ": ") + outcome.reason;
  }
}

// What the sinks for people share: counting, and what is worth a line.
class PeopleSink : public ProgressSink {
 public:
  PeopleSink(std::ostream& out, std::function<double()> clock) : out_(out), clock_(std::move(clock)) {}

  void begin(std::size_t to_do, std::size_t found) override {
    to_do_ = to_do;
    begun_ = true;
    if (to_do > 0) say(fmt::format("{} step{} to do, {} finished before", to_do, to_do == 1 ? "" : "s", found));
  }
  void started(std::size_t id, const Step& step) override {
    const double now = clock_();
    running_[id] = {step.label, now, now, now, "", Json::object()};
  }
  void progress(std::size_t id, const Step&, const Json& event) override { running_[id].take(event, clock_()); }
  void ended(std::size_t id, const Step& step, const StepOutcome& outcome) override {
    running_.erase(id);
    if (outcome.outcome == Outcome::found && !begun_) return;  // counted in the first line
    ++ended_;
    say(count() + step.label + ": " + tell_outcome(outcome));
  }
  void note(const std::string& sentence) override { say(sentence); }

 protected:
  std::string count() const {
    const std::size_t digits = std::to_string(to_do_).size();
    return fmt::format("[{:>{}}/{}] ", ended_, digits, to_do_);
  }
  virtual void say(const std::string& line) { out_ << line << std::endl; }

  std::ostream& out_;
  std::function<double()> clock_;
  std::size_t to_do_ = 0, ended_ = 0;
  bool begun_ = false;
  std::map<std::size_t, State> running_;
};

class PlainSink : public PeopleSink {
 public:
  using PeopleSink::PeopleSink;

  void started(std::size_t id, const Step& step) override {
    PeopleSink::started(id, step);
    say(count() + step.label + ": started");
  }
  void progress(std::size_t id, const Step& step, const Json& event) override {
    PeopleSink::progress(id, step, event);
    State& state = running_[id];
    const double now = clock_();
    if (now - state.spoken < seconds_between_lines) return;
    state.spoken = now;
    say(count() + state.label + ": " + state.tell(now));
  }

 private:
  static constexpr double seconds_between_lines = 10;
};

class TerminalSink : public PeopleSink {
 public:
  TerminalSink(std::ostream& out, std::function<double()> clock, int columns)
      : PeopleSink(out, std::move(clock)), columns_(columns) {}

  void started(std::size_t id, const Step& step) override {
    PeopleSink::started(id, step);
    draw();
  }
  void progress(std::size_t id, const Step& step, const Json& event) override {
    PeopleSink::progress(id, step, event);
    tick();
  }
  void tick() override {
    if (clock_() - drawn_ >= seconds_between_frames) draw();
  }
  void end() override {
    running_.clear();
    draw();
  }

 protected:
  void say(const std::string& line) override {
    erase();
    out_ << line << "\n";
    draw();
  }

 private:
  static constexpr double seconds_between_frames = 0.1;

  void erase() {
    if (lines_ > 0) out_ << "\x1b[" << lines_ << "A\x1b[J";
    lines_ = 0;
  }
  void draw() {
    erase();
    const double now = clock_();
    for (const auto& [id, state] : running_) {
      constexpr int width = 20;
      const int full = static_cast<int>(std::lround(state.share() * width));
      std::string line = "[" + std::string(static_cast<std::size_t>(full), '#') +
                         std::string(static_cast<std::size_t>(width - full), '.') + "] " + state.label + ": " +
                         state.tell(now);
      if (state.seconds_left(now) < 0) line += fmt::format(" ({})", human_seconds(now - state.start));
      // A wrapped line would break the count of lines to erase.
      out_ << line.substr(0, static_cast<std::size_t>(std::max(columns_ - 1, 20))) << "\n";
      ++lines_;
    }
    out_ << std::flush;
    drawn_ = now;
  }

  int columns_;
  int lines_ = 0;
  double drawn_ = 0;
};

class JsonlSink : public ProgressSink {
 public:
  explicit JsonlSink(std::ostream& out) : out_(out) {}

  void begin(std::size_t to_do, std::size_t found) override {
    begun_ = true;
    say({{"event", "begin"}, {"to_do", to_do}, {"found", found}});
    for (Json& line : std::exchange(before_, {})) say(std::move(line));
  }
  void started(std::size_t, const Step& step) override { say(about("started", step)); }
  void progress(std::size_t, const Step& step, const Json& event) override {
    Json line = about("progress", step);
    for (const auto& [key, value] : event.items())
      if (!line.contains(key)) line[key] = value;
    say(line);
  }
  void ended(std::size_t, const Step& step, const StepOutcome& outcome) override {
    static const std::map<Outcome, std::string> names = {{Outcome::found, "found"},
                                                         {Outcome::passed, "passed"},
                                                         {Outcome::failed, "failed"},
                                                         {Outcome::skipped, "skipped"},
                                                         {Outcome::interrupted, "interrupted"}};
    Json line = about("ended", step);
    const auto name = names.find(outcome.outcome);
    line["outcome"] = name == names.end() ? "not_started" : name->second;
    line["seconds"] = outcome.seconds;
    if (!outcome.reason.empty()) line.update({{"state", outcome.state}, {"reason", outcome.reason}});
    say(line);
  }
  void note(const std::string& sentence) override { say({{"event", "note"}, {"message", sentence}}); }
  void end() override { say({{"event", "end"}}); }

 private:
  static Json about(const char* event, const Step& step) {
    return {{"event", event}, {"key", step.key}, {"stage", to_string(step.stage)}, {"label", step.label}};
  }
  void say(Json line) {
    if (!begun_) {
      before_.push_back(std::move(line));
      return;
    }
    line["schema_version"] = 1;
    out_ << line.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  std::ostream& out_;
  bool begun_ = false;
  std::vector<Json> before_;  // what was found while counting; "begin" goes first
};

int terminal_columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

ProgressKind parse_progress(const std::string& name) {
  const std::map<std::string, ProgressKind> kinds = {{"auto", ProgressKind::automatic},
                                                     {"plain", ProgressKind::plain},
                                                     {"jsonl", ProgressKind::jsonl},
                                                     {"none", ProgressKind::none}};
  if (const auto found = kinds.find(name); found != kinds.end()) return found->second;
  throw core::Error(core::ExitCode::usage, "--progress " + name, "is unknown",
                    core::suggestion(name, {"auto", "plain", "jsonl", "none"}));
}

std::unique_ptr<ProgressSink> make_progress(ProgressKind kind, std::ostream& out, std::function<double()> clock,
                                            int columns) {
  if (!clock) clock = steady_seconds;
  if (kind == ProgressKind::automatic) {
    const char* terminal = std::getenv("TERM");
    const bool moves = ::isatty(STDERR_FILENO) && terminal != nullptr && std::string(terminal) != "dumb";
    kind = moves ? ProgressKind::terminal : ProgressKind::plain;
  }
  switch (kind) {
    case ProgressKind::terminal:
      return std::make_unique<TerminalSink>(out, std::move(clock), columns > 0 ? columns : terminal_columns());
    case ProgressKind::plain:
      return std::make_unique<PlainSink>(out, std::move(clock));
    case ProgressKind::jsonl:
      return std::make_unique<JsonlSink>(out);
    default:
      return std::make_unique<ProgressSink>();
  }
}

std::string human_seconds(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string human_bytes(std::int64_t bytes) {
  const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  for (; value >= 1024 && unit < 4; ++unit) value /= 1024;
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace automask::harness
