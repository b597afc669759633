#include "hw_targets/host/process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <system_error>

#include "hw_targets/protocol/protocol.h"

extern char** environ;

namespace automask::host {
namespace {

constexpr std::size_t chunk_size = 1 << 16;  // a pipe's capacity on Linux

[[noreturn]] void fail(int error, const char* doing) { throw std::system_error(error, std::generic_category(), doing); }

void close_descriptor(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

struct Pipe {
  int read_end = -1, write_end = -1;

  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) fail(errno, "pipe");
    // Away from 0-2: a parent without standard streams would otherwise hand out descriptors that dup2 overwrites.
    for (int& end : ends) {
      if (end > 2) continue;
      const int moved = ::fcntl(end, F_DUPFD_CLOEXEC, 3);
      ::close(end);
      end = moved;
    }
    read_end = ends[0];
    write_end = ends[1];
  }
  ~Pipe() {
    close_descriptor(read_end);
    close_descriptor(write_end);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
};

int take(int& descriptor) {
  ::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  return std::exchange(descriptor, -1);
}

// Writing to a runner that died raises SIGPIPE; it is held back for this thread and thrown away, so that neither the
// program's own handling nor other threads notice.
class HoldSigpipe {
 public:
  HoldSigpipe() {
    sigset_t pending;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~HoldSigpipe() {
    const int saved = errno;
    const timespec now{};
    if (!was_pending_) {
      while (sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = saved;
  }
  HoldSigpipe(const HoldSigpipe&) = delete;
  HoldSigpipe& operator=(const HoldSigpipe&) = delete;

 private:
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<long long>(left, 0, 1'000'000));
}

// Own signal settings are not inherited: the runner starts with defaults, in its own group, so that an interrupt typed
// at the terminal reaches the harness alone.
class SpawnSettings {
 public:
  SpawnSettings(int input, int output, int log) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, log, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) sigaddset(&usual, signal);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace

void LogTail::append(const char* data, std::size_t size) {
  bytes_.append(data, size);
  if (bytes_.size() > 2 * limit) bytes_.erase(0, bytes_.size() - limit);
}

std::string LogTail::text() const { return bytes_.substr(bytes_.size() - std::min(bytes_.size(), limit)); }

std::string LogTail::last_line() const {
  const auto end = bytes_.find_last_not_of(" \t\r\n");
  if (end == std::string::npos) return "";
  const auto start = bytes_.find_last_of("\r\n", end);
  return protocol::printable(bytes_.substr(start + 1, end - start), 200);  // npos + 1 is the beginning
}

Process::Process(const std::vector<std::string>& command) {
  Pipe input, output, log;
  const SpawnSettings settings(input.read_end, output.write_end, log.write_end);
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int error =
      ::posix_spawnp(&pid_, arguments[0], &settings.actions, &settings.attributes, arguments.data(), environ);
  if (error != 0) {
    pid_ = -1;
    fail(error, "spawn");
  }
  input_ = take(input.write_end);
  output_ = take(output.read_end);
  log_descriptor_ = take(log.read_end);
}

bool Process::read_log() {
  std::array<char, chunk_size> chunk;
  const ssize_t got = ::read(log_descriptor_, chunk.data(), chunk.size());
  if (got > 0) log_.append(chunk.data(), static_cast<std::size_t>(got));
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) close_descriptor(log_descriptor_);
  return got > 0;
}

void Process::drain_log() {
  // Bounded: a process that outlives its group's leader could go on writing for ever.
  constexpr int most_chunks = 64;
  for (int i = 0; i < most_chunks && log_descriptor_ >= 0 && read_log();) ++i;
}

Process::Moved Process::move(std::string_view to_write, Clock::time_point deadline) {
  Moved moved;
  pollfd watched[3] = {
      {to_write.empty() ? -1 : input_, POLLOUT, 0}, {output_, POLLIN, 0}, {log_descriptor_, POLLIN, 0}};
  moved.input_closed = input_ < 0;
  moved.output_closed = output_ < 0;
  if (output_ < 0 && log_descriptor_ < 0 && watched[0].fd < 0) return moved;  // nothing will ever come
  if (::poll(watched, 3, milliseconds_until(deadline)) <= 0) return moved;
  if (watched[2].revents != 0) read_log();
  if (watched[1].revents != 0) {
    moved.read.resize(chunk_size);
    const ssize_t got = ::read(output_, moved.read.data(), moved.read.size());
    moved.read.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
      close_descriptor(output_);
      moved.output_closed = true;
    }
  }
  if (watched[0].revents != 0) {
    const HoldSigpipe hold;
    const ssize_t put = ::write(input_, to_write.data(), to_write.size());
    if (put > 0) moved.written = static_cast<std::size_t>(put);
    if (put < 0 && errno != EAGAIN && errno != EINTR) {
      close_descriptor(input_);
      moved.input_closed = true;
    }
  }
  return moved;
}

void Process::close_input() { close_descriptor(input_); }

bool Process::exited() {
  if (reaped_ || pid_ < 0) return true;
  siginfo_t info{};
  // The child is left a zombie for a moment, so that its number still names its group and no other.
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
    return false;
  ::kill(-pid_, SIGKILL);
  ::waitpid(pid_, &status_, 0);
  reaped_ = true;
  return true;
}

bool Process::wait(Clock::time_point deadline) {
  // Short waits rather than the end of its pipes: a grandchild may keep those open.
  while (!exited()) {
    if (Clock::now() >= deadline) return false;
    if (output_ < 0 && log_descriptor_ < 0) {
      ::poll(nullptr, 0, 2);
    } else {
      move({}, std::min(deadline, Clock::now() + std::chrono::milliseconds(2)));
    }
  }
  drain_log();
  return true;
}

bool Process::clean_exit() const { return reaped_ && WIFEXITED(status_) && WEXITSTATUS(status_) == 0; }

int Process::exit_status() const { return reaped_ && WIFEXITED(status_) ? WEXITSTATUS(status_) : -1; }

std::string Process::ending() const {
  if (!reaped_) return "is still running";
  if (WIFSIGNALED(status_))
    return "was killed by signal " + std::to_string(WTERMSIG(status_)) + " (" + ::strsignal(WTERMSIG(status_)) + ")";
  return "exited with status " + std::to_string(WEXITSTATUS(status_));
}

void Process::kill() {
  if (pid_ >= 0 && !reaped_) {
    ::kill(-pid_, SIGKILL);
    // A process stuck in a driver cannot be killed; it is left behind rather than waited for.
    wait(Clock::now() + std::chrono::seconds(5));
  }
  close_descriptor(input_);
  close_descriptor(output_);
  close_descriptor(log_descriptor_);
}

}  // namespace automask::host
