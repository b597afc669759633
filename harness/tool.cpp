#include "harness/tool.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <new>

#include "core/atomic_file.h"
#include "core/exceptions.h"
#include "harness/interrupt.h"
#include "harness/launch.h"

namespace automask::harness {
namespace {

using core::Error;
using core::ExitCode;
using core::Json;

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "automask-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw Error(ExitCode::steps_failed, name, "cannot be created", "set TMPDIR to a folder that may be written");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

[[noreturn]] void rethrow(const std::filesystem::path& failure, const LaunchEvent& event, const std::string& label) {
  const Json told = std::filesystem::exists(failure) ? Json::parse(core::read_file(failure), nullptr, false) : Json();
  if (told.is_object())
    throw Error(static_cast<ExitCode>(told.value("code", 1)), told.value("where", ""), told.value("problem", ""),
                told.value("remedy", ""));
  if (InterruptGuard::level() > 0) throw Error(ExitCode::interrupted, label, "interrupted");
  const std::string how = WIFSIGNALED(event.wait_status)
                              ? "was killed by signal " + std::to_string(WTERMSIG(event.wait_status))
                              : "exited with status " + std::to_string(WEXITSTATUS(event.wait_status));
  throw Error(ExitCode::steps_failed, label,
              "the working process " + how + (event.last_line.empty() ? "" : ": ") + event.last_line);
}

std::atomic<bool> stop{false};
std::mutex out_mutex;

void on_signal(int) {
  if (stop.exchange(true)) ::_exit(static_cast<int>(ExitCode::interrupted));
}

void emit(const Json& event) {
  const std::lock_guard lock(out_mutex);
  std::cout << event.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
}

int fail(const std::filesystem::path& folder, const Error& error) {
  std::cerr << error.what() << std::endl;
  const Json failure = {{"code", static_cast<int>(error.code())},
                        {"where", error.where()},
                        {"problem", error.problem()},
                        {"remedy", error.remedy()}};
  try {
    core::write_file_atomically(folder / "failure.json", failure.dump(-1, ' ', false, Json::error_handler_t::replace));
  } catch (const std::exception& second) {
    std::cerr << second.what() << std::endl;
  }
  return static_cast<int>(error.code());
}

}  // namespace

Json run_tool(const std::filesystem::path& program, const Json& job, const std::string& label, ProgressKind progress) {
  const TemporaryFolder folder;
  const auto job_file = folder.path() / "job.json", result = folder.path() / "result.json";
  core::write_file_atomically(job_file, job.dump());
  const auto sink = make_progress(progress, std::cerr);
  const auto launcher = make_local_launcher(program);
  Step step;
  step.label = label;
  const InterruptGuard guard;
  launcher->start(0, job_file, folder.path(), -1);
  sink->begin(1, 0);
  sink->started(0, step);
  int told = 0;
  for (;;) {
    for (; told < InterruptGuard::level(); ++told) launcher->signal_all(told == 0 ? SIGTERM : SIGKILL);
    for (LaunchEvent& event : launcher->wait(200)) {
      if (event.kind == LaunchEvent::Kind::progress) {
        sink->progress(0, step, event.data);
      } else if (event.kind == LaunchEvent::Kind::log) {
        sink->note(event.data.value("message", ""));
      } else {
        sink->end();
        if (!std::filesystem::exists(result)) rethrow(folder.path() / "failure.json", event, label);
        return Json::parse(core::read_file(result));
      }
    }
    sink->tick();
  }
}

int tool_main(int argc, char** argv, Json (*work)(const Json& job)) {
  if (argc != 3) {
    std::cerr << "usage: " << argv[0] << " JOB.json FOLDER   (started by `automask`)\n";
    return static_cast<int>(ExitCode::usage);
  }
  struct sigaction action = {};
  action.sa_handler = on_signal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  const std::filesystem::path folder = argv[2];
  try {
    const Json result = work(core::read_json_file(argv[1], ExitCode::internal));
    core::write_file_atomically(folder / "result.json", result.dump(-1, ' ', false, Json::error_handler_t::replace));
    return 0;
  } catch (const Error& error) {
    return fail(folder, error);
  } catch (const std::exception& error) {
    if (core::out_of_memory(error))
      return fail(folder, {ExitCode::steps_failed, "", "out of memory", "use fewer --threads"});
    return fail(folder, {ExitCode::internal, "", core::first_line(error)});
  }
}

bool tool_stop_requested() { return stop; }

void tool_progress(const std::string& phase, double done, double total, const Json& more) {
  Json event = {{"event", "progress"}, {"phase", phase}, {"done", done}, {"total", total}};
  if (more.is_object()) event.update(more);
  emit(event);
}

void tool_note(const std::string& sentence) { emit({{"event", "log"}, {"message", sentence}}); }

}  // namespace automask::harness
