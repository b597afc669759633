#include "harness/steps/turn.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>

#include "core/error.h"
#include "harness/steps/run_step.h"

namespace automask::harness::steps {
namespace {

// The kernel wakes who waits, but gives the lock to whoever asks first: time enough to be that one.
constexpr auto courtesy = std::chrono::milliseconds(3);

}  // namespace

Turn::Turn(const std::filesystem::path& store, const std::string& name) : file_(store / "turns" / (name + ".lock")) {
  std::error_code error;
  std::filesystem::create_directories(file_.parent_path(), error);
  descriptor_ = error ? -1 : ::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0)
    throw core::Error(core::ExitCode::steps_failed, file_.string(),
                      "cannot be created: " + (error ? error.message() : std::string(std::strerror(errno))),
                      "free some space or choose a writable place with --store");
  try {
    take();
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

Turn::~Turn() { ::close(descriptor_); }

void Turn::pass_on() {
  ::flock(descriptor_, LOCK_UN);
  std::this_thread::sleep_for(courtesy);
  take();
}

void Turn::take() {
  while (::flock(descriptor_, LOCK_EX) != 0) {
    if (errno != EINTR)
      throw core::Error(core::ExitCode::steps_failed, file_.string(),
                        std::string("cannot be locked: ") + std::strerror(errno),
                        "choose a store on a file system with locks");
    if (stop_requested())
      throw core::Error(core::ExitCode::interrupted, file_.string(), "was interrupted while waiting for its turn",
                        "start `automask run` again");
  }
}

}  // namespace automask::harness::steps
