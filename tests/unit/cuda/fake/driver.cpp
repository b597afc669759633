// libcuda and libnvrtc in one library, for tests of what loads them: "machine code" is the source text, whose defines
// say which of the shim's kernels it is. $FAKE_CUDA names one fault:
//   no_gpu, no_driver, old_driver, no_memory, no_half, wrong_kernel (convolutions of 64 x 64 tiles spoil an output),
//   no_graphs, foreign_architecture
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "hw_targets/cuda/constants.h"
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
  *event = new double(0);
  return 0;
}
int cuEventRecord(void* event, void*) {
  *static_cast<double*>(event) = milliseconds();
  return 0;
}
int cuEventSynchronize(void*) { return 0; }
int cuEventElapsedTime(float* ms, void* begin, void* end) {
  *ms = static_cast<float>(*static_cast<double*>(end) - *static_cast<double*>(begin));
  return 0;
}
int cuEventDestroy_v2(void* event) {
  delete static_cast<double*>(event);
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
