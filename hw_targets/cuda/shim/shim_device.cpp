#include "hw_targets/cuda/shim/shim_device.h"

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <unordered_map>

#include "hw_targets/cuda/shim/call.h"
#include "hw_targets/protocol/protocol.h"

namespace automask::cuda {
namespace shim {

Constants launched_constants;

}  // namespace shim

namespace {

struct ShimKernel : Kernel {
  KernelKey key;
  shim::Callable callable;
};

class ShimDevice : public Device {
 public:
  explicit ShimDevice(std::size_t memory_bytes) : free_(memory_bytes) {}

  nlohmann::json describe() const override {
    return {{"name", "CUDA kernels on this processor, for tests"},
            {"serial", ""},
            {"toolchain", std::string("g++ ") + __VERSION__},
            {"evidence", "modelled"}};
  }
  bool fast_half() const override { return true; }
  bool has_half() const override { return true; }
  bool measures() const override { return false; }
  std::size_t free_bytes() const override { return free_; }

  Address allocate(std::size_t bytes) override {
    if (bytes > free_)
      throw DeviceError(protocol::out_of_memory,
                        std::to_string(bytes) + " bytes are asked for, " + std::to_string(free_) + " are free");
    void* memory = std::malloc(bytes == 0 ? 1 : bytes);
    if (memory == nullptr) throw DeviceError(protocol::out_of_memory, "the machine's memory is used up");
    std::memset(memory, 0xff, bytes);  // no number: who reads what nobody wrote shows it
    free_ -= bytes;
    sizes_[reinterpret_cast<Address>(memory)] = bytes;
    return reinterpret_cast<Address>(memory);
  }
  void release(Address address) noexcept override {
    const auto found = sizes_.find(address);
    if (found == sizes_.end()) return;
    free_ += found->second;
    std::free(reinterpret_cast<void*>(address));
    sizes_.erase(found);
  }
  void to_device(Address to, const void* from, std::size_t bytes) override {
    std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  }
  void from_device(void* to, Address from, std::size_t bytes) override {
    std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  }
  void fill_zero(Address at, std::size_t bytes) override { std::memset(reinterpret_cast<void*>(at), 0, bytes); }

  Kernel& kernel(const KernelKey& key) override {
    for (ShimKernel& kernel : kernels_)
      if (kernel.key == key) return kernel;
    ShimKernel kernel;
    kernel.key = key;
    kernel.callable = key.half ? shim::find_kernel_half(key.name.c_str()) : shim::find_kernel_float(key.name.c_str());
    if (kernel.callable.call == nullptr) throw std::logic_error("no kernel " + key.name);
    kernels_.push_back(kernel);
    return kernels_.back();
  }
  void launch(Kernel& kernel, const Grid& grid, const std::vector<Address>& arguments) override {
    const auto& own = static_cast<ShimKernel&>(kernel);
    shim::launched_constants = own.key.constants;
    shim::run_grid({grid.blocks_x, grid.blocks_y, 1}, grid.threads, [&] { own.callable.call(arguments); });
  }
  void synchronise() override {}
  double time_launches(Kernel& kernel, const Grid& grid, const std::vector<Address>& arguments,
                       int repetitions) override {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < repetitions; ++i) launch(kernel, grid, arguments);
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  }

 private:
  std::size_t free_;
  std::unordered_map<Address, std::size_t> sizes_;
  std::deque<ShimKernel> kernels_;
};

}  // namespace

std::unique_ptr<Device> shim_device(std::size_t memory_bytes) { return std::make_unique<ShimDevice>(memory_bytes); }

}  // namespace automask::cuda
