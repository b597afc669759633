#include "hw_targets/host/channel.h"

#include <algorithm>
#include <system_error>

#include "hw_targets/host/command.h"

namespace automask::host {
namespace {

constexpr std::size_t early_limit = std::size_t(1) << 20;  // an answer that overtakes its request is an error: short

constexpr auto interjection_pause = std::chrono::milliseconds(100);
// Exit statuses of ssh(1) and of the shell at its other end (POSIX, "Exit Status for Commands").
constexpr int ssh_failed = 255, not_executable = 126, not_found = 127;

}  // namespace

Channel::Channel(const RunnerSpec& spec) : spec_(spec) {
  if (spec_.command.empty() || spec_.command.front().empty())
    throw RunnerFailure(FailureKind::not_started, spec_.name, "has no command", "register one in " + spec_.file);
  try {
    process_ = std::make_unique<Process>(command_words(spec_));
  } catch (const std::system_error& e) {
    throw RunnerFailure(FailureKind::not_started, spec_.name,
                        "cannot start " + spec_.command.front() + ": " + e.code().message(),
                        "check the command registered in " + spec_.file);
  }
}

void Channel::still_good() const {
  if (failure_) throw RunnerFailure(*failure_);
}

void Channel::fail(FailureKind kind, const std::string& problem) {
  still_good();
  process_->kill();
  const std::string line = process_->log().last_line();
  failure_.emplace(kind, spec_.name, problem + (line.empty() ? "" : "; its log ends with \"" + line + "\""),
                   "start it by hand to see more: " + command_line(spec_));
  throw RunnerFailure(*failure_);
}

void Channel::died(const std::string& doing) {
  // Who closes its output is about to end; a second tells a crash from a runner that merely went silent.
  const bool ended = process_->wait(Clock::now() + std::chrono::seconds(1));
  if (ended && spec_.ssh && !heard_) unreachable(process_->exit_status());
  fail(FailureKind::died, (ended ? process_->ending() : std::string("closed its standard output")) + " while " + doing +
                              (reader_.empty() ? "" : ", within a frame"));
}

void Channel::unreachable(int status) {
  if (status == ssh_failed)
    refuse_start("cannot be reached: ssh to " + spec_.ssh->host + " failed", "try by hand: ssh " + spec_.ssh->host);
  if (status == not_found || status == not_executable)
    refuse_start("cannot be started: " + spec_.ssh->host + " cannot execute " + spec_.command.front(),
                 "check the command registered in " + spec_.file);
}

void Channel::refuse_start(const std::string& problem, const std::string& remedy) {
  process_->kill();
  const std::string line = process_->log().last_line();
  failure_.emplace(FailureKind::not_started, spec_.name, problem + (line.empty() ? "" : " (\"" + line + "\")"), remedy);
  throw RunnerFailure(*failure_);
}

bool Channel::next(protocol::Frame& frame, const std::string& doing) {
  try {
    return reader_.next(frame);
  } catch (const protocol::FramingError& e) {
    fail(FailureKind::garbage, std::string("wrote ") + e.what() + " while " + doing);
  }
}

bool Channel::send(std::string_view bytes, Clock::time_point deadline, const std::string& doing) {
  still_good();
  reader_.set_limit(early_limit);
  early_.reset();
  while (!bytes.empty()) {
    const Process::Moved moved = process_->move(bytes, deadline);
    bytes.remove_prefix(moved.written);
    reader_.feed(moved.read.data(), moved.read.size());
    protocol::Frame frame;
    if (!moved.read.empty() && next(frame, doing)) {
      early_ = std::move(frame);
      return bytes.empty();
    }
    if (moved.output_closed) died(doing);
    if (moved.input_closed) return false;
    if (Clock::now() >= deadline) fail(FailureKind::timed_out, "did not read the request in time while " + doing);
  }
  return true;
}

protocol::Frame Channel::receive(std::size_t limit, Clock::time_point deadline, const std::string& doing,
                                 const std::function<std::string()>& interject) {
  still_good();
  if (early_) {
    protocol::Frame frame = std::move(*early_);
    early_.reset();
    return frame;
  }
  reader_.set_limit(limit);
  protocol::Frame frame;
  std::string unsent;
  while (!next(frame, doing)) {
    // Checked however much arrives: a trickle of bytes must not outlast the limit.
    if (Clock::now() >= deadline) fail(FailureKind::timed_out, "did not answer in time while " + doing);
    if (interject) unsent += interject();
    const Process::Moved moved =
        process_->move(unsent, interject ? std::min(deadline, Clock::now() + interjection_pause) : deadline);
    unsent.erase(0, moved.written);
    reader_.feed(moved.read.data(), moved.read.size());
    if (moved.output_closed) died(doing);
  }
  heard_ = true;
  return frame;
}

void Channel::finish(Clock::time_point deadline) {
  process_->close_input();
  if (!process_->wait(deadline)) fail(FailureKind::timed_out, "did not exit in time after shutdown");
  if (!process_->clean_exit()) fail(FailureKind::died, process_->ending() + " after shutdown");
}

std::string Channel::log_tail() {
  process_->drain_log();
  return process_->log().text();
}

}  // namespace automask::host
