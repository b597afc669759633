#pragma once
// Ctrl-C once finishes what runs, twice stops; SIGTERM and SIGHUP stop at once.

namespace automask::harness {

// Installs the handlers while it lives. One at a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static int level();  // 0, 1: finish what runs, 2: stop now
};

}  // namespace automask::harness
