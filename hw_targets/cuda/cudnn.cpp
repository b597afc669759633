#include "hw_targets/cuda/cudnn.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "hw_targets/cuda/device.h"
#include "hw_targets/protocol/protocol.h"

namespace automask {
namespace cuda {
namespace {

// cudnnTensorFormat_t, cudnnDataType_t, cudnnConvolutionMode_t, cudnnMathType_t.
constexpr int nchw = 0, data_float = 0, data_half = 2, cross_correlation = 1, tensor_op_math = 1;
constexpr int most_proposals = 8;
constexpr std::size_t most_workspace = std::size_t(256) << 20;

struct Proposal {  // cudnnConvolutionFwdAlgoPerf_t
  int algorithm, status;
  float time;
  std::size_t memory;
  int determinism, math, reserved[3];
};

std::vector<std::string> names(const std::string& path) {
  const char* named = std::getenv("AUTOMASK_CUDNN");
  if (!path.empty()) return {path};
  if (named != nullptr && *named != '\0') return {named};
  return {"libcudnn.so.9", "libcudnn.so.8", "libcudnn.so.7"};
}

// Before 9 a version is 1000 major + 100 minor + patch, then 10000 major.
std::string version_text(std::size_t version) {
  const std::size_t whole = version >= 90000 ? 10000 : 1000;
  return std::to_string(version / whole) + "." + std::to_string(version % whole / 100) + "." +
         std::to_string(version % 100);
}

int end_without_extra(int in, int pad, int kernel, int stride, int dilation) {
  return (in + 2 * pad - dilation * (kernel - 1) - 1) / stride + 1;
}

}  // namespace

bool cudnn_can(const KernelKey& key) {
  const Constants& c = key.constants;
  if ((key.name != "convolution" && key.name != "grouped") || c.indexed != 0) return false;
  return end_without_extra(c.in_height, c.pad_top, c.kernel_h, c.stride_h, c.dilation_h) == c.out_height &&
         end_without_extra(c.in_width, c.pad_left, c.kernel_w, c.stride_w, c.dilation_w) == c.out_width;
}

KernelKey cudnn_key(const KernelKey& convolution) {
  KernelKey key = convolution;
  Constants& c = key.constants;
  key.name = "cudnn";
  c.weight_stride = c.in_channels / std::max(c.groups, 1) * c.kernel_h * c.kernel_w;
  return key;
}

Cudnn::Cudnn(const std::string& path) : library_(names(path)) {
  if (!library_) return;
  std::size_t (*version)() = nullptr;
  complete_ = library_.find(version, "cudnnGetVersion");
#define AUTOMASK_CUDNN_FIND(member, symbol, parameters) complete_ = library_.find(member, symbol) && complete_;
  AUTOMASK_CUDNN(AUTOMASK_CUDNN_FIND)
#undef AUTOMASK_CUDNN_FIND
  if (complete_) version_ = version_text(version());
}

Cudnn::~Cudnn() { close(); }

void Cudnn::close() {
  if (handle_ != nullptr) destroy(handle_);
  handle_ = nullptr;
}

void Cudnn::open(void* stream) {
  int result = create(&handle_);
  if (result != 0) handle_ = nullptr;
  if (result == 0) result = set_stream(handle_, stream);
  if (result == 0) return;
  close();
  complete_ = false;
  fault_ = "cuDNN " + version_ + " does not start here (status " + std::to_string(result) + ")";
}

void Cudnn::check(int result, const std::string& what) const {
  constexpr int allocation_failed = 2;
  if (result == 0) return;
  throw DeviceError(result == allocation_failed ? protocol::out_of_memory : protocol::internal_error,
                    what + ": cuDNN's status " + std::to_string(result));
}

CudnnConvolution::CudnnConvolution(const Cudnn& library, const KernelKey& key, bool half_sums) : library_(library) {
  try {
    set_up(key, half_sums);
    choose_algorithm();
  } catch (...) {
    release();
    throw;
  }
}

CudnnConvolution::~CudnnConvolution() { release(); }

void CudnnConvolution::set_up(const KernelKey& key, bool half_sums) {
  const Constants& c = key.constants;
  const int groups = c.groups > 0 ? c.groups : 1, data = key.half ? data_half : data_float;
  library_.check(library_.create_tensor(&x_), "a descriptor");
  library_.check(library_.create_filter(&weights_), "a descriptor");
  library_.check(library_.create_convolution(&convolution_), "a descriptor");
  library_.check(library_.create_tensor(&y_), "a descriptor");
  library_.check(library_.set_tensor(x_, nchw, data, 1, c.in_channels, c.in_height, c.in_width), "the input");
  library_.check(
      library_.set_filter(weights_, data, nchw, c.out_channels, c.in_channels / groups, c.kernel_h, c.kernel_w),
      "the weights");
  library_.check(
      library_.set_convolution(convolution_, c.pad_top, c.pad_left, c.stride_h, c.stride_w, c.dilation_h, c.dilation_w,
                               cross_correlation, key.half && half_sums ? data_half : data_float),
      "the convolution");
  library_.check(library_.set_groups(convolution_, groups), "the groups");
  if (key.half) library_.check(library_.set_math(convolution_, tensor_op_math), "the arithmetic");
  library_.check(library_.set_tensor(y_, nchw, data, 1, c.out_channels, c.out_height, c.out_width), "the output");
}

// The first of cuDNN's own proposals that it can do with a workspace that fits.
void CudnnConvolution::choose_algorithm() {
  Proposal proposals[most_proposals];
  int count = 0;
  library_.check(library_.propose(library_.handle(), x_, weights_, convolution_, y_, most_proposals, &count, proposals),
                 "the choice of an algorithm");
  for (int i = 0; i < count; ++i) {
    std::size_t bytes = 0;
    if (proposals[i].status != 0 ||
        library_.workspace(library_.handle(), x_, weights_, convolution_, y_, proposals[i].algorithm, &bytes) != 0 ||
        bytes > most_workspace)
      continue;
    algorithm_ = proposals[i].algorithm;
    workspace_bytes_ = bytes;
    return;
  }
  throw DeviceError(protocol::unsupported, "cuDNN has no algorithm for this layer");
}

void CudnnConvolution::release() {
  if (x_ != nullptr) library_.destroy_tensor(x_);
  if (weights_ != nullptr) library_.destroy_filter(weights_);
  if (convolution_ != nullptr) library_.destroy_convolution(convolution_);
  if (y_ != nullptr) library_.destroy_tensor(y_);
}

void CudnnConvolution::run(std::uint64_t x, std::uint64_t weights, std::uint64_t workspace, std::uint64_t y) const {
  const float one = 1, zero = 0;
  const auto at = [](std::uint64_t address) { return reinterpret_cast<void*>(address); };
  library_.check(library_.forward(library_.handle(), &one, x_, at(x), weights_, at(weights), convolution_, algorithm_,
                                  at(workspace), workspace_bytes_, &zero, y_, at(y)),
                 "a convolution");
}

}  // namespace cuda
}  // namespace automask
