#include "harness/interrupt.h"

#include <atomic>
#include <csignal>

namespace automask::harness {
namespace {

std::atomic<int> interrupts{0};
static_assert(std::atomic<int>::is_always_lock_free, "signal handlers may only touch lock-free atomics");

struct sigaction before_int, before_term, before_hup;

void on_interrupt(int) { ++interrupts; }
void on_stop(int) { interrupts = 2; }

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupts = 0;
  struct sigaction action = {};
  // No SA_RESTART: waiting ends, so that the signal is heeded at once.
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, &before_int);
  action.sa_handler = on_stop;
  ::sigaction(SIGTERM, &action, &before_term);
  ::sigaction(SIGHUP, &action, &before_hup);
}

InterruptGuard::~InterruptGuard() {
  ::sigaction(SIGINT, &before_int, nullptr);
  ::sigaction(SIGTERM, &before_term, nullptr);
  ::sigaction(SIGHUP, &before_hup, nullptr);
}

int InterruptGuard::level() {
  const int count = interrupts;
  return count > 2 ? 2 : count;
}

}  // namespace automask::harness
