#include "hw_targets/z7020/board_port.h"

#include <poll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "hw_targets/z7020/hls/registers.h"
#include "hw_targets/z7020/instructions.h"

namespace automask {
namespace z7020 {
namespace {

std::string hex(std::uint32_t value) {
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(value));
  return text;
}

double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

// Whatever was written to the buffer is there before the next register is written, and a register is read before the
// buffer is.
void order_memory() {
#if defined(__arm__)
  __asm__ volatile("dsb" ::: "memory");
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

class Mapping {
 public:
  Mapping(const File& file, std::uint64_t offset, std::size_t bytes, const std::string& name) : bytes_(bytes) {
    address_ = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), static_cast<off_t>(offset));
    if (address_ == MAP_FAILED)
      throw PortError(name + ": " + std::to_string(bytes) + " bytes cannot be mapped: " + std::strerror(errno) +
                      "; does the device tree give it that much?");
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { munmap(address_, bytes_); }
  std::uint32_t* words() const { return static_cast<std::uint32_t*>(address_); }

 private:
  void* address_;
  std::size_t bytes_;
};

class BoardPort : public Port {
 public:
  BoardPort(BoardFiles files, const BoardOptions& options)
      : files_(std::move(files)),
        options_(options),
        registers_(files_.registers, 0, registers::bytes, files_.registers_name),
        buffer_(files_.buffer, files_.buffer_offset, files_.buffer_bytes, files_.buffer_name) {
    if (flock(files_.registers.get(), LOCK_EX | LOCK_NB) != 0)
      throw PortError(files_.registers_name + ": another program uses the engine; wait for its end");
    if (files_.bus_address % 8 != 0 || files_.bus_address + files_.buffer_bytes > (std::uint64_t(1) << 32))
      throw PortError(files_.buffer_name + ": lies where the engine's 32-bit masters do not reach");
    if ((read(registers::control) & registers::idle) == 0)
      throw PortError(files_.registers_name + ": the engine is not idle, its control register reads " +
                      hex(read(registers::control)) + ": load the bitstream (again)");
    greet();
  }

  std::uint32_t* reserve(std::uint32_t words) override {
    if (std::uint64_t(words) * 4 > files_.buffer_bytes)
      throw PortError(files_.buffer_name + ": the buffer has " + std::to_string(files_.buffer_bytes) +
                      " bytes, this network needs " + std::to_string(std::uint64_t(words) * 4) +
                      ": give it more in the device tree overlay");
    return buffer_.words();
  }

  std::uint32_t run(std::uint32_t commands) override {
    if (stuck_)
      throw PortError(files_.registers_name +
                      ": the engine hung before; load the bitstream and start the runner again");
    const auto base = static_cast<std::uint32_t>(files_.bus_address);
    for (const std::uint32_t port : {registers::read0, registers::read1, registers::read2, registers::read3,
                                     registers::write0, registers::write1, registers::write2, registers::stream})
      write(port, base);
    write(registers::commands, commands);
    if (options_.interrupt) arm_interrupt();
    order_memory();
    write(registers::control, registers::start);
    const double limit = now() + options_.timeout_seconds;
    if (options_.interrupt) await_interrupt(commands, limit);
    await_done(commands, limit);
    order_memory();
    return read(registers::executed);
  }

  bool measures() const override { return true; }
  std::string name() const override { return "engine at " + files_.registers_name; }

 private:
  std::uint32_t read(std::uint32_t at) const {
    return static_cast<const volatile std::uint32_t*>(registers_.words())[at / 4];
  }
  void write(std::uint32_t at, std::uint32_t value) {
    static_cast<volatile std::uint32_t*>(registers_.words())[at / 4] = value;
  }

  // A stream of one `end`.
  void greet() {
    volatile std::uint32_t* const words = buffer_.words();
    for (int w = 0; w < instruction_words; ++w) words[w] = 0;
    const std::uint32_t executed = run(0);
    const std::uint32_t version = read(registers::version);
    if (version != registers::engine_version)
      throw PortError(files_.registers_name + ": the engine's version is " + hex(version) + ", this program's " +
                      hex(registers::engine_version) + ": build the bitstream from the sources of the program");
    if (executed != 1)
      throw PortError(files_.registers_name + ": the engine executed " + std::to_string(executed) +
                      " instructions of an empty stream: it does not see the buffer at bus address " +
                      hex(static_cast<std::uint32_t>(files_.bus_address)));
  }

  int interrupts() const { return files_.interrupts.get() >= 0 ? files_.interrupts.get() : files_.registers.get(); }

  void arm_interrupt() {
    write(registers::global_interrupt, 1);
    write(registers::interrupt_enable, 1);
    const std::uint32_t enable = 1;
    if (::write(interrupts(), &enable, sizeof enable) != static_cast<ssize_t>(sizeof enable))
      throw PortError(files_.registers_name + ": its interrupt cannot be enabled: " + std::strerror(errno) +
                      "; does the overlay name one? Without --interrupt the control register is looked at");
  }

  void await_interrupt(std::uint32_t commands, double limit) {
    pollfd wait{interrupts(), POLLIN, 0};
    int ready;
    do {
      const double left = limit - now();
      ready = poll(&wait, 1, left > 0 ? static_cast<int>(left * 1e3) + 1 : 0);
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) hung(commands, "no interrupt came");
    std::uint32_t count;
    if (::read(interrupts(), &count, sizeof count) != static_cast<ssize_t>(sizeof count))
      throw PortError(files_.registers_name + ": its interrupt cannot be read: " + std::strerror(errno));
    write(registers::interrupt_status, 1);
  }

  void await_done(std::uint32_t commands, double limit) {
    for (int looks = 0; (read(registers::control) & registers::done) == 0; ++looks) {
      if (now() > limit) hung(commands, "it was not done");
      // The first looks cost only the bus; a long stream leaves the processor to others.
      if (looks < 1000) continue;
      const timespec pause{0, 20000};
      nanosleep(&pause, nullptr);
    }
  }

  [[noreturn]] void hung(std::uint32_t commands, const std::string& how) {
    stuck_ = true;  // it may still write to the buffer
    char seconds[32];
    std::snprintf(seconds, sizeof seconds, "%g", options_.timeout_seconds);
    throw PortError(files_.registers_name + ": the engine did not end the stream at word " + std::to_string(commands) +
                    " within " + seconds + " s: " + how + ", its control register reads " +
                    hex(read(registers::control)) +
                    "; load the bitstream again, and look for a wrong clock or buffer address");
  }

  BoardFiles files_;
  BoardOptions options_;
  Mapping registers_, buffer_;
  bool stuck_ = false;
};

}  // namespace

std::unique_ptr<Port> board_port(BoardFiles files, const BoardOptions& options) {
  return std::unique_ptr<Port>(new BoardPort(std::move(files), options));
}

}  // namespace z7020
}  // namespace automask
