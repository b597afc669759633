#include "hw_targets/cuda/gpu.h"

#include <cstdlib>
#include <deque>

#include "hw_targets/cuda/cudnn.h"
#include "hw_targets/cuda/driver.h"
#include "hw_targets/cuda/kernel_cache.h"
#include "hw_targets/cuda/launch.h"
#include "hw_targets/cuda/nvrtc.h"
#include "hw_targets/protocol/protocol.h"

namespace automask {
namespace cuda {
namespace {

// CUdevice_attribute and CUfunction_attribute, from the documentation of the driver API.
constexpr int clock_khz_attribute = 13, multiprocessors_attribute = 16, integrated_attribute = 18,
              capability_major_attribute = 75, capability_minor_attribute = 76;
constexpr int function_shared_bytes = 1, function_registers = 4;
constexpr int capture_of_this_thread = 1;

struct GpuKernel : Kernel {
  KernelKey key;
  Handle module = nullptr, function = nullptr;
  int registers_ = 0, shared_ = 0;
  int registers() const override { return registers_; }
  int shared_bytes() const override { return shared_; }
};

// A convolution of cuDNN's and, behind it, the affine kernel as its epilogue. Its arguments: x, weights, scale, bias,
// residual, y.
struct LibraryKernel : Kernel {
  LibraryKernel(const Cudnn& cudnn, const KernelKey& k, bool half_sums) : key(k), convolution(cudnn, k, half_sums) {}
  KernelKey key;
  CudnnConvolution convolution;
  Memory workspace;
  Kernel* epilogue = nullptr;
  Grid epilogue_grid;
  std::size_t workspace_bytes() const override { return convolution.workspace_bytes(); }
};

class GpuRecording : public Recording {
 public:
  GpuRecording(const Driver& driver, Handle graph, Handle executable)
      : driver_(driver), graph_(graph), executable_(executable) {}
  ~GpuRecording() override {
    driver_.graph_exec_destroy(executable_);
    driver_.graph_destroy(graph_);
  }
  GpuRecording(const GpuRecording&) = delete;
  GpuRecording& operator=(const GpuRecording&) = delete;
  Handle executable() const { return executable_; }

 private:
  const Driver& driver_;
  Handle graph_, executable_;
};

class Gpu : public Device {
 public:
  explicit Gpu(const GpuOptions& options)
      : driver_(options.driver),
        cudnn_(options.cudnn),
        cache_(options.cache_folder.empty() ? default_cache_folder() : options.cache_folder) {
    choose_device(options.index);
    nvrtc_.reset(new Nvrtc(options.nvrtc, architecture_, driver_version_ / 1000));
    driver_.check(driver_.context_retain(&context_, device_), "the GPU's context cannot be had");
    driver_.check(driver_.context_set(context_), "the GPU's context cannot be used");
    driver_.check(driver_.stream_create(&stream_, 0), "no stream of work can be had");
    driver_.check(driver_.event_create(&begin_, 0), "no event can be had");
    driver_.check(driver_.event_create(&end_, 0), "no event can be had");
    if (cudnn_) cudnn_.open(stream_);
  }
  ~Gpu() override {
    library_kernels_.clear();
    cudnn_.close();
    for (const GpuKernel& kernel : kernels_) driver_.module_unload(kernel.module);
    for (const Handle event : {begin_, end_})
      if (event != nullptr) driver_.event_destroy(event);
    if (stream_ != nullptr) driver_.stream_destroy(stream_);
    if (context_ != nullptr) driver_.context_release(device_);
  }
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  nlohmann::json describe() const override {
    std::size_t total = 0;
    driver_.total_memory(&total, device_);
    return {{"library", library().empty() ? cudnn_.fault() : library()},
            {"name", name_},
            {"serial", ""},
            {"toolchain",
             "CUDA driver " + version_text(driver_version_) + ", NVRTC " + nvrtc_->version() + ", g++ " + __VERSION__},
            {"evidence", "measured"},
            {"compute_capability", "sm_" + std::to_string(architecture_)},
            {"multiprocessors", attribute(multiprocessors_attribute)},
            {"clock_mhz", attribute(clock_khz_attribute) / 1000},
            {"integrated", attribute(integrated_attribute) != 0},
            {"memory_bytes", total},
            {"graphs", driver_.has_graphs()}};
  }
  std::string library() const override { return cudnn_ ? "cuDNN " + cudnn_.version() : ""; }
  bool has_half() const override { return architecture_ >= 53; }
  // CUDA C++ Programming Guide, "Throughput of Native Arithmetic Instructions": 8.6 and 8.9 do as much in half as in
  // float, 6.1 a 64th, all others from 5.3 on more.
  bool fast_half() const override { return architecture_ >= 53 && architecture_ != 61; }
  bool measures() const override { return true; }
  std::size_t free_bytes() const override {
    std::size_t free = 0, total = 0;
    driver_.check(driver_.memory_info(&free, &total), "the GPU's memory cannot be asked for");
    return free;
  }

  Address allocate(std::size_t bytes) override {
    Address address = 0;
    driver_.check(driver_.allocate(&address, bytes), std::to_string(bytes) + " bytes of the GPU's memory");
    return address;
  }
  void release(Address address) noexcept override { driver_.release(address); }
  void to_device(Address to, const void* from, std::size_t bytes) override {
    driver_.check(driver_.to_device(to, from, bytes), "copying to the GPU");
  }
  void from_device(void* to, Address from, std::size_t bytes) override {
    synchronise();
    driver_.check(driver_.from_device(to, from, bytes), "copying from the GPU");
  }
  void fill_zero(Address at, std::size_t bytes) override {
    driver_.check(driver_.fill(at, 0, bytes), "clearing memory");
  }

  Kernel& kernel(const KernelKey& key) override {
    if (key.name == "cudnn") return library_kernel(key);
    for (GpuKernel& kernel : kernels_)
      if (kernel.key == key) return kernel;
    const std::string source = source_of(key), identity = nvrtc_->settings(architecture_) + "\n" + source;
    std::string image = cache_.find(identity);
    GpuKernel kernel;
    kernel.key = key;
    // What an older driver once took this one may refuse: then it is compiled again.
    if (image.empty() || driver_.module_load(&kernel.module, image.c_str()) != 0) {
      image = nvrtc_->compile(source, key.name, architecture_).bytes;
      driver_.check(driver_.module_load(&kernel.module, image.c_str()), "kernel " + key.name + " cannot be loaded");
      cache_.store(identity, image);
    }
    kernels_.push_back(kernel);
    GpuKernel& kept = kernels_.back();
    driver_.check(driver_.module_function(&kept.function, kept.module, key.name.c_str()), "kernel " + key.name);
    driver_.function_attribute(&kept.registers_, function_registers, kept.function);
    driver_.function_attribute(&kept.shared_, function_shared_bytes, kept.function);
    return kept;
  }

  void launch(Kernel& kernel, const Grid& grid, const std::vector<Address>& arguments) override {
    if (const auto* library = dynamic_cast<LibraryKernel*>(&kernel)) {
      const Address x = arguments[0], weights = arguments[1], scale = arguments[2], bias = arguments[3],
                    residual = arguments[4], y = arguments[5];
      library->convolution.run(x, weights, library->workspace.address(), y);
      launch(*library->epilogue, library->epilogue_grid, {y, scale, bias, residual, y});
      return;
    }
    const auto& own = static_cast<GpuKernel&>(kernel);
    std::vector<void*> pointers;
    for (const Address& argument : arguments) pointers.push_back(const_cast<Address*>(&argument));
    driver_.check(driver_.launch(own.function, grid.blocks_x, grid.blocks_y, 1, grid.threads, 1, 1, 0, stream_,
                                 pointers.data(), nullptr),
                  "kernel " + own.key.name + " cannot be started");
  }
  void synchronise() override { driver_.check(driver_.stream_wait(stream_), "the GPU's work failed"); }

  bool begin_recording() override {
    return driver_.has_graphs() && driver_.capture_begin(stream_, capture_of_this_thread) == 0;
  }
  std::unique_ptr<Recording> end_recording() override {
    Handle graph = nullptr, executable = nullptr;
    if (driver_.capture_end(stream_, &graph) != 0 || graph == nullptr) return nullptr;
    const int result = driver_.instantiate_with_flags != nullptr
                           ? driver_.instantiate_with_flags(&executable, graph, 0)
                           : driver_.instantiate(&executable, graph, nullptr, nullptr, 0);
    if (result == 0) return std::unique_ptr<Recording>(new GpuRecording(driver_, graph, executable));
    driver_.graph_destroy(graph);
    return nullptr;
  }
  void launch(Recording& recording) override {
    driver_.check(driver_.graph_launch(static_cast<GpuRecording&>(recording).executable(), stream_),
                  "the recorded work cannot be started");
  }

  double time_launches(Kernel& kernel, const Grid& grid, const std::vector<Address>& arguments,
                       int repetitions) override {
    driver_.check(driver_.event_record(begin_, stream_), "timing");
    for (int i = 0; i < repetitions; ++i) launch(kernel, grid, arguments);
    driver_.check(driver_.event_record(end_, stream_), "timing");
    driver_.check(driver_.event_wait(end_), "the GPU's work failed");
    float ms = 0;
    driver_.check(driver_.event_elapsed(&ms, begin_, end_), "timing");
    return ms;
  }

 private:
  Kernel& library_kernel(const KernelKey& key) {
    for (const auto& kernel : library_kernels_)
      if (kernel->key == key) return *kernel;
    if (!cudnn_) throw DeviceError(protocol::unsupported, "there is no cuDNN");
    // Before tensor cores sums in half are twice as fast, where half is fast at all.
    constexpr int tensor_cores_from = 70;
    std::unique_ptr<LibraryKernel> kernel(
        new LibraryKernel(cudnn_, key, fast_half() && architecture_ < tensor_cores_from));
    KernelKey epilogue{"affine", key.half, Constants()};
    epilogue.constants.out_channels = key.constants.out_channels;
    epilogue.constants.out_height = key.constants.out_height;
    epilogue.constants.out_width = key.constants.out_width;
    epilogue.constants.activation = key.constants.activation;
    epilogue.constants.residual = key.constants.residual;
    kernel->epilogue = &this->kernel(epilogue);
    kernel->epilogue_grid = grid_of(epilogue);
    if (kernel->workspace_bytes() > 0) kernel->workspace = Memory(*this, kernel->workspace_bytes());
    library_kernels_.push_back(std::move(kernel));
    return *library_kernels_.back();
  }
  static std::string version_text(int version) {
    return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
  }

  void choose_device(int index) {
    constexpr int oldest_version = 10000;
    const int begun = driver_.init(0);
    if (begun != 0)
      throw DeviceError(protocol::unsupported, "no NVIDIA GPU can be used here: the driver does not start, " +
                                                   driver_.text(begun) + "; is its kernel module loaded?");
    driver_.check(driver_.driver_version(&driver_version_), "the driver does not tell its version");
    if (driver_version_ < oldest_version)
      throw DeviceError(protocol::unsupported, "the NVIDIA driver is too old: it supports CUDA " +
                                                   version_text(driver_version_) +
                                                   ", this runner needs 10.0; update the driver");
    int count = 0;
    driver_.check(driver_.device_count(&count), "the driver does not tell its GPUs");
    if (index < 0 || index >= count)
      throw DeviceError(protocol::unsupported, count == 0 ? "no NVIDIA GPU can be used here: the driver finds none"
                                                          : "there is no GPU " + std::to_string(index) +
                                                                ": the driver finds " + std::to_string(count) +
                                                                ", counted from 0");
    driver_.check(driver_.device_get(&device_, index), "the GPU cannot be had");
    char name[256] = {};
    driver_.device_name(name, sizeof name - 1, device_);
    name_ = name;
    architecture_ = attribute(capability_major_attribute) * 10 + attribute(capability_minor_attribute);
  }

  int attribute(int which) const {
    int value = 0;
    driver_.check(driver_.device_attribute(&value, which, device_), "a property of the GPU");
    return value;
  }

  Driver driver_;
  Cudnn cudnn_;
  KernelCache cache_;
  std::unique_ptr<Nvrtc> nvrtc_;
  std::string name_;
  int device_ = 0, architecture_ = 0, driver_version_ = 0;
  Handle context_ = nullptr, stream_ = nullptr, begin_ = nullptr, end_ = nullptr;
  std::deque<GpuKernel> kernels_;
  std::vector<std::unique_ptr<LibraryKernel>> library_kernels_;
};

}  // namespace

std::unique_ptr<Device> open_gpu(const GpuOptions& options) { return std::unique_ptr<Device>(new Gpu(options)); }

std::string default_cache_folder() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache != '\0') return std::string(cache) + "/automask/cuda";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home != '\0') return std::string(home) + "/.cache/automask/cuda";
  return "/tmp/automask-cuda";
}

}  // namespace cuda
}  // namespace automask
