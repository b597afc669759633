#include "harness/launch.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>

#include "harness/store_layout.h"

namespace automask::harness {
namespace {

constexpr std::size_t longest_line = 1 << 20;  // of a child's stdout; more is no event
constexpr std::size_t longest_log = 1 << 20;   // bytes of log.txt before its first half goes

// log.txt as it grows; at most about longest_log bytes.
class Log {
 public:
  explicit Log(const std::filesystem::path& file)
      : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {}
  Log(Log&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)), tail_(std::move(other.tail_)) {}
  ~Log() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  void append(const char* data, std::size_t size) {
    tail_.append(data, size);
    if (tail_.size() > longest_log) {
      tail_.erase(0, tail_.size() - longest_log / 2);
      if (descriptor_ < 0 || ::ftruncate(descriptor_, 0) != 0) return;
      ::lseek(descriptor_, 0, SEEK_SET);
      write(tail_.data(), tail_.size());
    } else {
      write(data, size);
    }
  }
  std::string last_line() const {
    const auto end = tail_.find_last_not_of("\r\n \t");
    if (end == std::string::npos) return {};
    const auto start = tail_.find_last_of('\n', end);
    const std::size_t from = start == std::string::npos ? 0 : start + 1;
    return tail_.substr(from, std::min<std::size_t>(end - from + 1, 500));
  }

 private:
  // A log that cannot be written (full disk) must not end the step.
  void write(const char* data, std::size_t size) {
    while (descriptor_ >= 0 && size > 0) {
      const ssize_t n = ::write(descriptor_, data, size);
      if (n <= 0) return;
      data += n;
      size -= static_cast<std::size_t>(n);
    }
  }
  int descriptor_;
  std::string tail_;
};

struct Child {
  pid_t pid = -1;
  int out = -1, err = -1;
  std::string line;  // unfinished line of stdout
  Log log;
};

[[noreturn]] void fail(const std::string& program) {
  throw core::Error(core::ExitCode::internal, program, std::string("cannot be started: ") + std::strerror(errno),
                    "check the installation with `automask doctor`");
}

// OpenMP threads that wait by spinning take the cores from the other steps: training beside other work becomes several
// times slower. So they sleep, unless the user says otherwise. The marker tells keep_inheritance_here that this is
// ours.
constexpr const char* wait_policy = "OMP_WAIT_POLICY";
constexpr const char* wait_policy_is_ours = "AUTOMASK_SET_OMP_WAIT_POLICY";

// The children's environment variables, ready for exec.
class Environment {
 public:
  Environment() {
    for (char** variable = ::environ; *variable != nullptr; ++variable) pointers_.push_back(*variable);
    if (std::getenv(wait_policy) == nullptr) {
      pointers_.push_back(passive_.data());
      pointers_.push_back(marker_.data());
    }
    pointers_.push_back(nullptr);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  char* const* pointers() const { return pointers_.data(); }

 private:
  std::string passive_ = std::string(wait_policy) + "=passive", marker_ = std::string(wait_policy_is_ours) + "=1";
  std::vector<char*> pointers_;
};

class LocalLauncher : public Launcher {
 public:
  explicit LocalLauncher(std::filesystem::path program) : program_(std::move(program)) {
    if (::access(program_.c_str(), X_OK) != 0) fail(program_.string());
  }
  ~LocalLauncher() override {
    signal_all(SIGKILL);
    for (auto& [id, child] : children_) {
      close_pipes(child);
      ::waitpid(child.pid, nullptr, 0);
    }
  }

  void start(std::size_t id, const std::filesystem::path& step_file, const std::filesystem::path& folder,
             int lock) override {
    int out[2], err[2];
    if (::pipe2(out, O_CLOEXEC) != 0) fail(program_.string());
    if (::pipe2(err, O_CLOEXEC) != 0) {
      ::close(out[0]);
      ::close(out[1]);
      fail(program_.string());
    }
    const std::string program = program_.string(), file = step_file.string(), at = folder.string();
    char* const arguments[] = {const_cast<char*>(program.c_str()), const_cast<char*>(file.c_str()),
                               const_cast<char*>(at.c_str()), nullptr};
    const Environment environment;  // before fork, after which nothing may allocate
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) {
      // Only async-signal-safe calls from here to exec.
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(127);  // the parent died before the line above
      ::setpgid(0, 0);
      ::signal(SIGINT, SIG_DFL);
      ::signal(SIGTERM, SIG_DFL);
      ::signal(SIGHUP, SIG_DFL);
      ::signal(SIGPIPE, SIG_DFL);
      const int nothing = ::open("/dev/null", O_RDONLY);
      ::dup2(nothing, STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(err[1], STDERR_FILENO);
      if (lock >= 0) ::fcntl(lock, F_SETFD, 0);  // the lock lasts as long as the step, even without us
      ::execve(program.c_str(), arguments, environment.pointers());
      ::_exit(127);
    }
    const int error = errno;
    ::close(out[1]);
    ::close(err[1]);
    if (pid < 0) {
      ::close(out[0]);
      ::close(err[0]);
      errno = error;
      fail(program_.string());
    }
    ::setpgid(pid, pid);  // both sides, so that it is true for whoever comes first
    ::fcntl(out[0], F_SETFL, O_NONBLOCK);
    ::fcntl(err[0], F_SETFL, O_NONBLOCK);
    children_.emplace(id, Child{pid, out[0], err[0], {}, Log(folder / "log.txt")});
  }

  std::vector<LaunchEvent> wait(int milliseconds) override {
    std::vector<pollfd> watched;
    bool draining = false;
    for (const auto& [id, child] : children_) {
      if (child.out >= 0) watched.push_back({child.out, POLLIN, 0});
      if (child.err >= 0) watched.push_back({child.err, POLLIN, 0});
      draining = draining || child.out < 0;  // its stdout is closed: it ends any moment
    }
    ::poll(watched.data(), watched.size(), draining ? std::min(milliseconds, 5) : milliseconds);
    std::vector<LaunchEvent> events;
    for (auto it = children_.begin(); it != children_.end();) {
      auto& [id, child] = *it;
      int status = 0;
      // Asked before reading, so that all it had written is read afterwards.
      const bool ended = ::waitpid(child.pid, &status, WNOHANG) == child.pid;
      read_out(id, child, events);
      read_err(child);
      if (!ended) {
        ++it;
        continue;
      }
      ::kill(-child.pid, SIGKILL);  // what it left behind
      close_pipes(child);
      events.push_back({LaunchEvent::Kind::ended, id, {}, status, child.log.last_line()});
      it = children_.erase(it);
    }
    return events;
  }

  void signal_all(int signal) override {
    for (const auto& [id, child] : children_) ::kill(-child.pid, signal);
  }

 private:
  static void close_pipes(Child& child) {
    for (int* descriptor : {&child.out, &child.err})
      if (*descriptor >= 0) ::close(std::exchange(*descriptor, -1));
  }

  // Reads what is there; closes at the end of file. Returns through `take`.
  template <class Take>
  static void read_pipe(int& descriptor, Take&& take) {
    char buffer[16384];
    while (descriptor >= 0) {
      const ssize_t n = ::read(descriptor, buffer, sizeof buffer);
      if (n > 0) {
        take(buffer, static_cast<std::size_t>(n));
      } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        ::close(std::exchange(descriptor, -1));
      } else {
        return;
      }
    }
  }

  void read_out(std::size_t id, Child& child, std::vector<LaunchEvent>& events) {
    read_pipe(child.out, [&](const char* data, std::size_t size) {
      child.line.append(data, size);
      std::size_t start = 0;
      for (std::size_t end; (end = child.line.find('\n', start)) != std::string::npos; start = end + 1)
        parse(id, child.line.substr(start, end - start), child, events);
      child.line.erase(0, start);
      if (child.line.size() > longest_line) child.line.clear();
    });
  }

  static void parse(std::size_t id, const std::string& line, Child& child, std::vector<LaunchEvent>& events) {
    core::Json event = core::Json::parse(line, nullptr, false);
    const std::string kind = event.is_object() && event.contains("event") && event["event"].is_string()
                                 ? event["event"].get<std::string>()
                                 : "";
    if (kind == "progress") {
      events.push_back({LaunchEvent::Kind::progress, id, std::move(event), 0, {}});
    } else if (kind == "log") {
      events.push_back({LaunchEvent::Kind::log, id, std::move(event), 0, {}});
    } else if (!line.empty()) {
      child.log.append((line + "\n").data(), line.size() + 1);  // a library that prints
    }
  }

  static void read_err(Child& child) {
    read_pipe(child.err, [&](const char* data, std::size_t size) { child.log.append(data, size); });
  }

  std::filesystem::path program_;
  std::map<std::size_t, Child> children_;
};

}  // namespace

std::unique_ptr<Launcher> make_local_launcher(std::filesystem::path program) {
  return std::make_unique<LocalLauncher>(std::move(program));
}

void keep_inheritance_here() {
  ::close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
  if (std::getenv(wait_policy_is_ours) == nullptr) return;
  ::unsetenv(wait_policy);
  ::unsetenv(wait_policy_is_ours);
}

std::filesystem::path step_program() {
  const char* variable = std::getenv("AUTOMASK_STEP");
  return variable != nullptr && *variable != '\0' ? std::filesystem::path(variable)
                                                  : program_folder() / "automask-step";
}

}  // namespace automask::harness
