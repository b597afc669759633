#pragma once
// A child process with pipes to its standard streams, in a process group of its own. POSIX only.
//
// Plain posix_spawn and poll instead of Boost.Process 1.74: its pipes block, or need Boost.Asio with a timer and an
// io_context around every read and write to get a deadline; and it can reset neither the signal mask nor dispositions.
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace automask::host {

using Clock = std::chrono::steady_clock;

// The last bytes of a log that may be endless.
class LogTail {
 public:
  void append(const char* data, std::size_t size);
  std::string text() const;       // at most `limit` bytes
  std::string last_line() const;  // the last line with anything on it, printable

  static constexpr std::size_t limit = 64 * 1024;

 private:
  std::string bytes_;  // up to twice the limit, so that trimming is rare
};

class Process {
 public:
  // Throws std::system_error with exec's own error when the program cannot be started.
  explicit Process(const std::vector<std::string>& command);
  ~Process() { kill(); }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // One wait of at most until `deadline`: moves what can be moved without blocking.
  struct Moved {
    std::size_t written = 0;    // bytes of `to_write` taken by the child
    std::string read;           // from its standard output
    bool input_closed = false;  // the child takes no more
    bool output_closed = false;
  };
  Moved move(std::string_view to_write, Clock::time_point deadline);

  void close_input();
  void drain_log();  // what is there now, without waiting
  const LogTail& log() const { return log_; }

  // Waits for the end while the log and the output are drained; false when it still runs at the deadline.
  bool wait(Clock::time_point deadline);
  bool clean_exit() const;     // ended, with status 0
  int exit_status() const;     // -1 while it runs, or when a signal ended it
  std::string ending() const;  // "exited with status 3", "was killed by signal 9 (Killed)"
  // SIGKILL to the whole group, then reaps the child. Does nothing when that is done already.
  void kill();

 private:
  bool exited();  // and reaps it, after killing what is left of its group
  bool read_log();

  int pid_ = -1, input_ = -1, output_ = -1, log_descriptor_ = -1;
  bool reaped_ = false;
  int status_ = 0;
  LogTail log_;
};

}  // namespace automask::host
