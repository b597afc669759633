// libcuda, libnvrtc and libcudnn in one library, for tests of what loads them: "machine code" is the source text, whose
// defines say which of the shim's kernels it is. $FAKE_CUDA names one fault:
//   no_gpu, no_driver, old_driver, no_memory, no_half, wrong_kernel (convolutions of 64 x 64 tiles spoil an output),
//   no_graphs, foreign_architecture, wrong_cudnn (its convolutions spoil an output), no_algorithm (it proposes none),
//   cudnn_unrecorded (its work cannot be recorded), no_cudnn_start,
//   fast_cudnn (its convolutions seem to take no time)
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "hw_targets/cuda/constants.h"
#include "hw_targets/cuda/half.h"
#include "hw_targets/cuda/shim/call.h"

namespace {

using namespace automask::cuda;

bool fault(const char* name) {
  const char* chosen = std::getenv("FAKE_CUDA");
  return chosen != nullptr && std::strcmp(chosen, name) == 0;
}

struct Module {
  KernelKey key;
  shim::Callable callable;
};
std::deque<Module> modules;
std::size_t used = 0;
std::deque<std::pair<void*, std::size_t>> allocations;
constexpr std::size_t memory = std::size_t(1) << 30;

using Work = std::vector<std::function<void()>>;
std::deque<Work> graphs;
Work* captured = nullptr;

int number_after(const std::string& text, const std::string& name) {
  const auto at = text.find("#define " + name + " ");
  return at == std::string::npos ? 0 : std::atoi(text.c_str() + at + name.size() + 9);
}

KernelKey key_of(const std::string& source) {
  KernelKey key;
  key.half = number_after(source, "HALF") != 0;
#define READ(field, name) key.constants.field = number_after(source, #name);
  AUTOMASK_CUDA_CONSTANTS(READ)
#undef READ
  const auto at = source.rfind("KERNEL(") + 7;
  key.name = source.substr(at, source.find(')', at) - at);
  return key;
}

struct Program {
  std::string source;
};
int convolutions = 0;  // that cuDNN has done or recorded
struct Event {
  double ms = 0;
  int convolutions = 0;
};
double milliseconds() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

namespace automask::cuda::shim {
Constants launched_constants;
}

extern "C" {

int cuInit(unsigned) { return fault("no_driver") ? 100 : 0; }
int cuDriverGetVersion(int* version) {
  *version = fault("old_driver") ? 9020 : 12020;
  return 0;
}
int cuDeviceGetCount(int* count) {
  *count = fault("no_gpu") ? 0 : 1;
  return 0;
}
int cuDeviceGet(int* device, int index) {
  *device = index;
  return 0;
}
int cuDeviceGetName(char* name, int size, int) {
  std::strncpy(name, "Fake GPU", static_cast<std::size_t>(size));
  return 0;
}
int cuDeviceGetAttribute(int* value, int attribute, int) {
  const int minor = fault("no_half") ? 0 : 2, major = fault("no_half") ? 5 : fault("foreign_architecture") ? 99 : 6;
  *value = attribute == 75 ? major : attribute == 76 ? minor : attribute == 16 ? 2 : attribute == 13 ? 1300000 : 1;
  return 0;
}
int cuDeviceTotalMem_v2(std::size_t* bytes, int) {
  *bytes = memory;
  return 0;
}
int cuDevicePrimaryCtxRetain(void** context, int) {
  static int one;
  *context = &one;
  return 0;
}
int cuDevicePrimaryCtxRelease(int) { return 0; }
int cuCtxSetCurrent(void*) { return 0; }
int cuMemGetInfo_v2(std::size_t* free, std::size_t* total) {
  *total = memory;
  *free = memory - used;
  return 0;
}
int cuMemAlloc_v2(std::uint64_t* address, std::size_t bytes) {
  if (bytes == 0) return 1;
  if (fault("no_memory") || used + bytes > memory) return 2;
  void* at = std::malloc(bytes);
  std::memset(at, 0xff, bytes);
  allocations.emplace_back(at, bytes);
  used += bytes;
  *address = reinterpret_cast<std::uint64_t>(at);
  return 0;
}
int cuMemFree_v2(std::uint64_t address) {
  for (auto it = allocations.begin(); it != allocations.end(); ++it)
    if (reinterpret_cast<std::uint64_t>(it->first) == address) {
      used -= it->second;
      std::free(it->first);
      allocations.erase(it);
      return 0;
    }
  return 1;
}
int cuMemcpyHtoD_v2(std::uint64_t to, const void* from, std::size_t bytes) {
  if (captured != nullptr) return 900;  // as the driver: not while work is recorded
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return 0;
}
int cuMemcpyDtoH_v2(void* to, std::uint64_t from, std::size_t bytes) {
  std::memcpy(to, reinterpret_cast<void*>(from), bytes);
  return 0;
}
int cuMemsetD8_v2(std::uint64_t at, unsigned char value, std::size_t bytes) {
  std::memset(reinterpret_cast<void*>(at), value, bytes);
  return 0;
}
int cuModuleLoadData(void** module, const void* image) {
  const std::string source(static_cast<const char*>(image));
  if (source.compare(0, 13, "#define HALF ") != 0) return 200;
  const KernelKey key = key_of(source);
  const shim::Callable callable =
      key.half ? shim::find_kernel_half(key.name.c_str()) : shim::find_kernel_float(key.name.c_str());
  if (callable.call == nullptr) return 500;
  modules.push_back({key, callable});
  *module = &modules.back();
  return 0;
}
int cuModuleUnload(void*) { return 0; }
int cuModuleGetFunction(void** function, void* module, const char* name) {
  if (static_cast<Module*>(module)->key.name != name) return 500;
  *function = module;
  return 0;
}
int cuFuncGetAttribute(int* value, int, void*) {
  *value = 0;
  return 0;
}
int cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned, unsigned, unsigned,
                   void*, void** arguments, void**) {
  if (z != 1 || x == 0 || y == 0 || threads == 0 || threads > 1024 || y > 65535) return 1;
  const Module& module = *static_cast<Module*>(function);
  std::vector<std::uint64_t> values;
  for (std::size_t i = 0; i < module.callable.parameters; ++i)
    values.push_back(*static_cast<std::uint64_t*>(arguments[i]));
  const auto work = [&module, x, y, threads, values] {
    shim::launched_constants = module.key.constants;
    shim::run_grid({x, y, 1}, threads, [&] { module.callable.call(values); });
    if (fault("wrong_kernel") && module.key.name == "convolution" && module.key.constants.tile_m == 64)
      *reinterpret_cast<unsigned*>(values.back()) = 0x477f7bff;  // about 65,000, as a float or as a half
  };
  if (captured != nullptr) {
    captured->push_back(work);
  } else {
    work();
  }
  return 0;
}
int cuStreamCreate(void** stream, unsigned) {
  static int one;
  *stream = &one;
  return 0;
}
int cuStreamSynchronize(void*) { return captured != nullptr ? 900 : 0; }
int cuStreamDestroy_v2(void*) { return 0; }
int cuEventCreate(void** event, unsigned) {
  *event = new Event;
  return 0;
}
int cuEventRecord(void* event, void*) {
  *static_cast<Event*>(event) = {milliseconds(), convolutions};
  return 0;
}
int cuEventSynchronize(void*) { return 0; }
int cuEventElapsedTime(float* ms, void* begin, void* end) {
  const Event &from = *static_cast<Event*>(begin), &to = *static_cast<Event*>(end);
  const bool hurried = (fault("fast_cudnn") || fault("cudnn_unrecorded")) && to.convolutions > from.convolutions;
  *ms = hurried ? 1e-6F : static_cast<float>(to.ms - from.ms);
  return 0;
}
int cuEventDestroy_v2(void* event) {
  delete static_cast<Event*>(event);
  return 0;
}
int cuGetErrorString(int result, const char** text) {
  *text = result == 2 ? "out of memory" : result == 100 ? "no CUDA-capable device is detected" : "some error";
  return 0;
}
int cuStreamBeginCapture_v2(void*, int) {
  if (fault("no_graphs")) return 801;
  graphs.emplace_back();
  captured = &graphs.back();
  return 0;
}
int cuStreamEndCapture(void*, void** graph) {
  *graph = captured;
  captured = nullptr;
  return 0;
}
int cuGraphLaunch(void* graph, void*) {
  for (const auto& work : *static_cast<Work*>(graph)) work();
  return 0;
}
int cuGraphDestroy(void*) { return 0; }
int cuGraphExecDestroy(void*) { return 0; }
int cuGraphInstantiateWithFlags(void** executable, void* graph, unsigned long long) {
  *executable = graph;
  return 0;
}

int nvrtcVersion(int* major, int* minor) {
  *major = fault("new_nvrtc") ? 13 : 12;
  *minor = 0;
  return 0;
}
int nvrtcGetNumSupportedArchs(int* count) {
  *count = 2;
  return 0;
}
int nvrtcGetSupportedArchs(int* all) {
  all[0] = 50;
  all[1] = 62;
  return 0;
}
int nvrtcCreateProgram(void** program, const char* source, const char*, int, const char* const*, const char* const*) {
  *program = new Program{source};
  return 0;
}
int nvrtcCompileProgram(void*, int, const char* const*) {
  // Counted, so that tests see what a cache saves.
  if (const char* file = std::getenv("FAKE_CUDA_COUNT")) {
    if (FILE* out = std::fopen(file, "a")) {
      std::fputs("compiled\n", out);
      std::fclose(out);
    }
  }
  return 0;
}
int nvrtcGetProgramLogSize(void*, std::size_t* size) {
  *size = 0;
  return 0;
}
int nvrtcGetProgramLog(void*, char*) { return 0; }
int nvrtcGetPTXSize(void* program, std::size_t* size) {
  *size = static_cast<Program*>(program)->source.size() + 1;
  return 0;
}
int nvrtcGetPTX(void* program, char* text) {
  std::strcpy(text, static_cast<Program*>(program)->source.c_str());
  return 0;
}
int nvrtcDestroyProgram(void** program) {
  delete static_cast<Program*>(*program);
  return 0;
}

}  // extern "C"

// cuDNN: descriptors are lists of the numbers they were set to.
namespace {

using Numbers = std::vector<int>;
int make(void** descriptor) {
  *descriptor = new Numbers;
  return 0;
}
int unmake(void* descriptor) {
  delete static_cast<Numbers*>(descriptor);
  return 0;
}
int set(void* descriptor, Numbers numbers) {
  *static_cast<Numbers*>(descriptor) = std::move(numbers);
  return 0;
}

float read_real(const void* at, int index, bool half) {
  return half ? float_of(static_cast<const std::uint16_t*>(at)[index]) : static_cast<const float*>(at)[index];
}

struct Convolution {
  Numbers x, weights, how,
      y;  // {format, type, n, c, h, w}; {type, format, k, c, h, w}; {pad, stride, dilation, ..., groups}
  const void *values, *filter;
  void* result;

  void operator()() const {
    const bool half = x[1] == 2;
    const int groups = how[8], of_group = weights[3];
    for (int k = 0; k < y[3]; ++k)
      for (int i = 0; i < y[4]; ++i)
        for (int j = 0; j < y[5]; ++j) {
          double sum = 0;
          for (int c = 0; c < of_group; ++c)
            for (int a = 0; a < weights[4]; ++a)
              for (int b = 0; b < weights[5]; ++b) {
                const int row = i * how[2] - how[0] + a * how[4], column = j * how[3] - how[1] + b * how[5];
                if (row < 0 || row >= x[4] || column < 0 || column >= x[5]) continue;
                const int channel = k / (y[3] / groups) * of_group + c;
                sum += static_cast<double>(read_real(values, (channel * x[4] + row) * x[5] + column, half)) *
                       read_real(filter, ((k * of_group + c) * weights[4] + a) * weights[5] + b, half);
              }
          const int at = (k * y[4] + i) * y[5] + j;
          if (half)
            static_cast<std::uint16_t*>(result)[at] = half_of(static_cast<float>(sum));
          else
            static_cast<float*>(result)[at] = static_cast<float>(sum);
        }
    if (fault("wrong_cudnn")) *static_cast<unsigned*>(result) = 0x477f7bff;
  }
};

}  // namespace

extern "C" {

std::size_t cudnnGetVersion() { return 8201; }
int cudnnCreate(void** handle) { return fault("no_cudnn_start") ? 1001 : make(handle); }
int cudnnDestroy(void* handle) { return unmake(handle); }
int cudnnSetStream(void*, void*) { return 0; }
int cudnnCreateTensorDescriptor(void** d) { return make(d); }
int cudnnSetTensor4dDescriptor(void* d, int format, int type, int n, int c, int h, int w) {
  return set(d, {format, type, n, c, h, w});
}
int cudnnDestroyTensorDescriptor(void* d) { return unmake(d); }
int cudnnCreateFilterDescriptor(void** d) { return make(d); }
int cudnnSetFilter4dDescriptor(void* d, int type, int format, int k, int c, int h, int w) {
  return set(d, {type, format, k, c, h, w});
}
int cudnnDestroyFilterDescriptor(void* d) { return unmake(d); }
int cudnnCreateConvolutionDescriptor(void** d) { return make(d); }
int cudnnSetConvolution2dDescriptor(void* d, int pad_h, int pad_w, int u, int v, int dilation_h, int dilation_w,
                                    int mode, int type) {
  return mode != 1 ? 3 : set(d, {pad_h, pad_w, u, v, dilation_h, dilation_w, mode, type, 1});
}
int cudnnSetConvolutionGroupCount(void* d, int groups) {
  static_cast<Numbers*>(d)->at(8) = groups;
  return 0;
}
int cudnnSetConvolutionMathType(void*, int) { return 0; }
int cudnnDestroyConvolutionDescriptor(void* d) { return unmake(d); }
int cudnnGetConvolutionForwardAlgorithm_v7(void*, void*, void*, void*, void*, int most, int* count, void* proposals) {
  struct Proposal {
    int algorithm, status;
    float time;
    std::size_t memory;
    int rest[5];
  };
  if (most < 2) return 3;
  auto* all = static_cast<Proposal*>(proposals);
  all[0] = {6, 9, 0, 0, {}};  // CUDNN_STATUS_NOT_SUPPORTED: the next is to be taken
  all[1] = {1, fault("no_algorithm") ? 9 : 0, 0.1F, 64, {}};
  *count = 2;
  return 0;
}
int cudnnGetConvolutionForwardWorkspaceSize(void*, void*, void*, void*, void*, int algorithm, std::size_t* bytes) {
  *bytes = algorithm == 1 ? 64 : 0;
  return algorithm == 1 ? 0 : 9;
}
int cudnnConvolutionForward(void*, const void* alpha, void* x, const void* values, void* weights, const void* filter,
                            void* how, int algorithm, void* workspace, std::size_t bytes, const void* beta, void* y,
                            void* result) {
  if (algorithm != 1 || workspace == nullptr || bytes < 64) return 3;
  if (*static_cast<const float*>(alpha) != 1 || *static_cast<const float*>(beta) != 0) return 3;
  const Convolution work{*static_cast<Numbers*>(x),
                         *static_cast<Numbers*>(weights),
                         *static_cast<Numbers*>(how),
                         *static_cast<Numbers*>(y),
                         values,
                         filter,
                         result};
  ++convolutions;
  if (captured == nullptr) {
    work();
  } else if (fault("cudnn_unrecorded")) {
    return 8;
  } else {
    captured->push_back(work);
  }
  return 0;
}

}  // extern "C"
