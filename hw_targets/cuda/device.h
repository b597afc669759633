#pragma once
// What the runner asks of a GPU: memory, kernels, a stream of work. Two implementations: gpu.h (the driver and NVRTC,
// loaded when the program runs) and shim/shim_device.h (the same kernels on this processor, for tests). C++14.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "hw_targets/cuda/constants.h"

namespace automask {
namespace cuda {

// One clear sentence with its remedy. `code`: what the protocol answers (docs/runner-protocol.md), as a number so that
// this header needs no protocol.
class DeviceError : public std::runtime_error {
 public:
  DeviceError(int code, const std::string& sentence) : std::runtime_error(sentence), code_(code) {}
  int code() const { return code_; }

 private:
  int code_;
};

using Address = std::uint64_t;  // in the device's memory; 0 is none

struct Grid {
  unsigned blocks_x = 1, blocks_y = 1, threads = 1;
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  // Of one thread and of one block; 0 where nobody knows.
  virtual int registers() const { return 0; }
  virtual int shared_bytes() const { return 0; }
  virtual std::size_t workspace_bytes() const { return 0; }  // of the device's memory, its own
};

// Work that was recorded once and is launched as a whole.
class Recording {
 public:
  virtual ~Recording() = default;
};

// Throws DeviceError: out_of_memory, unsupported, internal_error. All work goes to one stream, in order.
class Device {
 public:
  virtual ~Device() = default;

  // "name", "serial", "toolchain", "evidence", and facts of the device: "compute_capability", "multiprocessors", ...
  virtual nlohmann::json describe() const = 0;
  // Half arithmetic in pairs at twice the speed of float: sm_53, 60, 62 and from 70 on.
  virtual bool fast_half() const = 0;
  virtual bool has_half() const = 0;  // at any speed
  virtual bool measures() const = 0;  // false: times say nothing about a GPU
  virtual std::size_t free_bytes() const = 0;

  virtual Address allocate(std::size_t bytes) = 0;
  virtual void release(Address address) noexcept = 0;
  virtual void to_device(Address to, const void* from, std::size_t bytes) = 0;  // done when it returns
  virtual void from_device(void* to, Address from, std::size_t bytes) = 0;      // waits for all work before it
  virtual void fill_zero(Address at, std::size_t bytes) = 0;

  // "cuDNN 8.2.1": then kernel() also makes keys named "cudnn", of what cudnn_can() says; empty: there is none.
  virtual std::string library() const { return ""; }
  // Compiled once for each key, and kept.
  virtual Kernel& kernel(const KernelKey& key) = 0;
  // Every argument of every kernel is an address.
  virtual void launch(Kernel& kernel, const Grid& grid, const std::vector<Address>& arguments) = 0;
  virtual void synchronise() = 0;

  // The launches between begin and end are recorded, not executed; nullptr where the driver can't.
  virtual bool begin_recording() { return false; }
  virtual std::unique_ptr<Recording> end_recording() { return nullptr; }
  virtual void launch(Recording&) {}

  // Milliseconds of `repetitions` launches together, by the device's own clock.
  virtual double time_launches(Kernel& kernel, const Grid& grid, const std::vector<Address>& arguments,
                               int repetitions) = 0;
};

// Device memory with an owner.
class Memory {
 public:
  Memory() = default;
  Memory(Device& device, std::size_t bytes) : device_(&device), bytes_(bytes), address_(device.allocate(bytes)) {}
  Memory(Memory&& other) noexcept { *this = std::move(other); }
  Memory& operator=(Memory&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(bytes_, other.bytes_);
    std::swap(address_, other.address_);
    return *this;
  }
  ~Memory() {
    if (address_ != 0) device_->release(address_);
  }
  Address address() const { return address_; }
  std::size_t bytes() const { return bytes_; }

 private:
  Device* device_ = nullptr;
  std::size_t bytes_ = 0;
  Address address_ = 0;
};

// A vector of plain values in device memory.
template <class Value>
Memory on_device(Device& device, const std::vector<Value>& values) {
  Memory memory(device, values.empty() ? sizeof(Value) : values.size() * sizeof(Value));
  if (!values.empty()) device.to_device(memory.address(), values.data(), values.size() * sizeof(Value));
  return memory;
}

}  // namespace cuda
}  // namespace automask
