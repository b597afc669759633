#pragma once
// A board made of files: the trees of /sys and /dev that the board's port reads, and the engine played on the mapped
// files by the C simulation, which sees nothing of the program but registers and buffer.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "hw_targets/z7020/hls/registers.h"
#include "hw_targets/z7020/hls/units.h"

namespace automask::z7020 {

enum class Fault { none, hangs, old_version, blind, busy };

class FakeBoard {
 public:
  static constexpr std::uint32_t bus_address = 0x10000000;

  FakeBoard(std::filesystem::path root, std::size_t buffer_bytes, Fault fault = Fault::none)
      : root_(std::move(root)), bytes_(buffer_bytes), fault_(fault) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    write("sys/class/uio/uio0/name", "xadc\n");
    write("sys/class/uio/uio3/name", "automask_z7020\n");
    write("sys/class/uio/uio3/maps/map0/size", "0x00001000\n");
    write("sys/class/uio/uio3/maps/map1/addr", "0x10000000\n");
    write("sys/class/uio/uio3/maps/map1/size", std::to_string(bytes_) + "\n");
    write("sys/class/u-dma-buf/udmabuf0/phys_addr", "0x10000000\n");
    write("sys/class/u-dma-buf/udmabuf0/size", std::to_string(bytes_) + "\n");
    // Map 1 of the UIO device, at its second page, and the buffer of u-dma-buf are memory of their own.
    write("dev/uio3", "");
    write("dev/udmabuf0", "");
    registers_ = map("dev/uio3", page + bytes_);
    buffer_ = map("dev/udmabuf0", bytes_);
    second_map_ = registers_ + page / 4;
    at(registers::control) = fault == Fault::busy ? registers::start : registers::idle;
  }
  FakeBoard(const FakeBoard&) = delete;
  FakeBoard& operator=(const FakeBoard&) = delete;
  ~FakeBoard() { stop(); }

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path path(const std::string& file) const { return root_ / file; }
  int runs() const { return runs_; }

  // The engine at work, on a thread of its own. `uses_second_map`: the buffer is the UIO device's. `raise`: called when
  // a stream has ended and its interrupt is enabled.
  void play(bool uses_second_map = false, std::function<void()> raise = {}) {
    thread_ = std::thread([this, uses_second_map, raise] {
      while (!stopped_) {
        if (!step(uses_second_map ? second_map_ : buffer_)) {
          std::this_thread::yield();
        } else if (raise && at(registers::global_interrupt) == 1 && at(registers::interrupt_enable) == 1) {
          raise();
        }
      }
    });
  }
  void stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  volatile std::uint32_t& at(std::uint32_t address) const { return registers_[address / 4]; }

  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }

  std::uint32_t* map(const std::string& file, std::size_t bytes) const {
    std::filesystem::resize_file(root_ / file, bytes);
    const int descriptor = open((root_ / file).c_str(), O_RDWR | O_CLOEXEC);
    void* const address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    close(descriptor);
    if (address == MAP_FAILED) throw std::runtime_error("cannot map " + file);
    return static_cast<std::uint32_t*>(address);  // kept until the process ends
  }

  bool sees_buffer() const {
    for (const std::uint32_t base : {registers::read0, registers::read1, registers::read2, registers::read3,
                                     registers::write0, registers::write1, registers::write2, registers::stream})
      if (at(base) != bus_address) return false;
    return true;
  }

  bool step(std::uint32_t* memory) {
    if ((at(registers::control) & registers::start) == 0 || fault_ == Fault::busy) return false;
    if (fault_ == Fault::hangs && runs_ > 0) return false;
    std::atomic_thread_fence(std::memory_order_seq_cst);
    at(registers::control) = 0;
    ++runs_;
    at(registers::executed) = fault_ == Fault::blind || !sees_buffer()
                                  ? 0
                                  : hls::engine(hls::masters(memory), at(registers::commands), *buffers_);
    at(registers::version) = registers::engine_version - (fault_ == Fault::old_version ? 1 : 0);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    at(registers::control) = registers::done | registers::idle;
    return true;
  }

  std::filesystem::path root_;
  std::size_t bytes_;
  Fault fault_;
  std::uint32_t *registers_ = nullptr, *buffer_ = nullptr, *second_map_ = nullptr;
  std::unique_ptr<hls::Buffers> buffers_ = std::make_unique<hls::Buffers>();
  std::atomic<bool> stopped_{false};
  std::atomic<int> runs_{0};
  std::thread thread_;
};

}  // namespace automask::z7020
