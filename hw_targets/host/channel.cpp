#include "hw_targets/host/channel.h"

#include <filesystem>
#include <system_error>

namespace automask::host {
namespace {

constexpr std::size_t early_limit = std::size_t(1) << 20;  // an answer that overtakes its request is an error: short

std::string command_line(const RunnerSpec& spec) {
  std::string line;
  for (const std::string& word : spec.command) line += (line.empty() ? "" : " ") + word;
  return line;
}

// Beside the running program first, so that a build uses its own runners; else as written, which PATH resolves.
std::vector<std::string> located(std::vector<std::string> command) {
  if (command.front().find('/') != std::string::npos) return command;
  std::error_code ignored;
  const auto beside = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path() / command.front();
  if (std::filesystem::is_regular_file(beside, ignored)) command.front() = beside.string();
  return command;
}

}  // namespace

Channel::Channel(const RunnerSpec& spec) : spec_(spec) {
  if (spec_.command.empty() || spec_.command.front().empty())
    throw RunnerFailure(FailureKind::not_started, spec_.name, "has no command", "register one in " + spec_.file);
  try {
    process_ = std::make_unique<Process>(located(spec_.command));
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
  fail(FailureKind::died, (ended ? process_->ending() : std::string("closed its standard output")) + " while " + doing +
                              (reader_.empty() ? "" : ", within a frame"));
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

protocol::Frame Channel::receive(std::size_t limit, Clock::time_point deadline, const std::string& doing) {
  still_good();
  if (early_) {
    protocol::Frame frame = std::move(*early_);
    early_.reset();
    return frame;
  }
  reader_.set_limit(limit);
  protocol::Frame frame;
  while (!next(frame, doing)) {
    // Checked however much arrives: a trickle of bytes must not outlast the limit.
    if (Clock::now() >= deadline) fail(FailureKind::timed_out, "did not answer in time while " + doing);
    const Process::Moved moved = process_->move({}, deadline);
    reader_.feed(moved.read.data(), moved.read.size());
    if (moved.output_closed) died(doing);
  }
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
