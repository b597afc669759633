// JPEG 2000 at a PSNR or a number of bytes: OpenJPEG, one tile, one layer, the irreversible 9/7 wavelet and colour
// transform (ISO/IEC 15444-1), as a bare codestream without the JP2 boxes. OpenCV's parameter is a rate only and its
// wrapper hides the rest. The PSNR is a target of OpenJPEG's rate allocation, estimated in the wavelet domain: what
// comes out differs by some tenths of a dB and more on tiny pictures.
#include <openjpeg.h>

#include <cstring>
#include <memory>

#include "corruptions/codec.h"

namespace automask::corruptions {
namespace {

using Bytes = std::vector<std::uint8_t>;

// OpenJPEG's codecs and streams are both void to its users, so the deleter must be named.
template <auto destroy>
struct Free {
  template <class T>
  void operator()(T* object) const {
    destroy(object);
  }
};
using Image = std::unique_ptr<opj_image_t, Free<opj_image_destroy>>;
using Coder = std::unique_ptr<opj_codec_t, Free<opj_destroy_codec>>;
using Stream = std::unique_ptr<opj_stream_t, Free<opj_stream_destroy>>;

void keep_message(const char* text, void* user) {
  auto& message = *static_cast<std::string*>(user);
  message = text;
  while (!message.empty() && message.back() == '\n') message.pop_back();
}
void ignore_message(const char*, void*) {}

// A file in memory, for OpenJPEG's streams.
struct Memory {
  Bytes bytes;
  std::size_t at = 0;
};

OPJ_SIZE_T read(void* out, OPJ_SIZE_T size, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  const std::size_t some = std::min<std::size_t>(size, memory.bytes.size() - memory.at);
  if (some == 0) return static_cast<OPJ_SIZE_T>(-1);
  std::memcpy(out, memory.bytes.data() + memory.at, some);
  memory.at += some;
  return some;
}
OPJ_SIZE_T write(void* in, OPJ_SIZE_T size, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  if (memory.at + size > memory.bytes.size()) memory.bytes.resize(memory.at + size);
  std::memcpy(memory.bytes.data() + memory.at, in, size);
  memory.at += size;
  return size;
}
OPJ_BOOL seek(OPJ_OFF_T to, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  if (to < 0) return OPJ_FALSE;
  memory.at = static_cast<std::size_t>(to);
  return OPJ_TRUE;
}
OPJ_BOOL seek_to_read(OPJ_OFF_T to, void* user) {
  return static_cast<std::size_t>(to) <= static_cast<Memory*>(user)->bytes.size() ? seek(to, user) : OPJ_FALSE;
}
OPJ_OFF_T skip(OPJ_OFF_T by, void* user) {
  auto& memory = *static_cast<Memory*>(user);
  return seek(static_cast<OPJ_OFF_T>(memory.at) + by, user) ? by : -1;
}

Stream stream_on(Memory& memory, bool reading) {
  Stream stream(opj_stream_create(1 << 16, reading ? OPJ_TRUE : OPJ_FALSE));
  opj_stream_set_user_data(stream.get(), &memory, nullptr);
  opj_stream_set_user_data_length(stream.get(), memory.bytes.size());
  opj_stream_set_read_function(stream.get(), read);
  opj_stream_set_write_function(stream.get(), write);
  opj_stream_set_skip_function(stream.get(), skip);
  opj_stream_set_seek_function(stream.get(), reading ? seek_to_read : seek);
  return stream;
}

Image image_of(const cv::Mat& picture) {
  const int channels = picture.channels();
  opj_image_cmptparm_t components[3] = {};
  for (auto& component : components) {
    component.dx = component.dy = 1;
    component.w = static_cast<OPJ_UINT32>(picture.cols);
    component.h = static_cast<OPJ_UINT32>(picture.rows);
    component.prec = 8;
  }
  Image image(opj_image_create(static_cast<OPJ_UINT32>(channels), components,
                               channels == 1 ? OPJ_CLRSPC_GRAY : OPJ_CLRSPC_SRGB));
  if (!image) return image;
  image->x1 = static_cast<OPJ_UINT32>(picture.cols);
  image->y1 = static_cast<OPJ_UINT32>(picture.rows);
  const std::uint8_t* in = picture.data;
  for (std::size_t i = 0; i < picture.total(); ++i)
    for (int c = 0; c < channels; ++c) image->comps[c].data[i] = *in++;
  return image;
}

// Either a PSNR in dB or, where that is 0, a ratio of raw to encoded size. False with `message` set on failure.
bool encode(const cv::Mat& picture, float psnr, float ratio, Memory& out, std::string& message) {
  opj_cparameters_t parameters;
  opj_set_default_encoder_parameters(&parameters);
  parameters.tcp_numlayers = 1;
  parameters.irreversible = 1;
  parameters.tcp_mct = picture.channels() == 3 ? 1 : 0;
  if (psnr > 0) {
    parameters.cp_fixed_quality = 1;
    parameters.tcp_distoratio[0] = psnr;
  } else {
    parameters.cp_disto_alloc = 1;
    parameters.tcp_rates[0] = ratio;
  }
  // OpenJPEG refuses more resolutions than the shorter side can be halved to.
  parameters.numresolution = 1;
  while (parameters.numresolution < 6 && std::min(picture.cols, picture.rows) >> parameters.numresolution > 0)
    ++parameters.numresolution;

  const auto image = image_of(picture);
  const Coder codec(opj_create_compress(OPJ_CODEC_J2K));
  if (!image || !codec) {
    message = "out of memory";
    return false;
  }
  opj_set_error_handler(codec.get(), keep_message, &message);
  opj_set_warning_handler(codec.get(), ignore_message, nullptr);
  opj_set_info_handler(codec.get(), ignore_message, nullptr);
  out = {};
  const auto stream = stream_on(out, false);
  return opj_setup_encoder(codec.get(), &parameters, image.get()) &&
         opj_start_compress(codec.get(), image.get(), stream.get()) && opj_encode(codec.get(), stream.get()) &&
         opj_end_compress(codec.get(), stream.get());
}

bool decode(std::span<const std::uint8_t> bytes, cv::Mat& picture, std::string& message) {
  const Coder codec(opj_create_decompress(OPJ_CODEC_J2K));
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_set_error_handler(codec.get(), keep_message, &message);
  opj_set_warning_handler(codec.get(), ignore_message, nullptr);
  opj_set_info_handler(codec.get(), ignore_message, nullptr);
  Memory in{Bytes(bytes.begin(), bytes.end()), 0};
  const auto stream = stream_on(in, true);
  opj_image_t* raw = nullptr;
  const bool header = opj_setup_decoder(codec.get(), &parameters) && opj_read_header(stream.get(), codec.get(), &raw);
  const Image image(raw);
  if (!header || !opj_decode(codec.get(), stream.get(), image.get())) return false;
  const auto channels = static_cast<OPJ_UINT32>(picture.channels());
  if (image->numcomps != channels) return false;
  for (OPJ_UINT32 c = 0; c < channels; ++c)
    if (image->comps[c].data == nullptr || image->comps[c].w != static_cast<OPJ_UINT32>(picture.cols) ||
        image->comps[c].h != static_cast<OPJ_UINT32>(picture.rows))
      return false;
  std::uint8_t* out = picture.data;
  for (std::size_t i = 0; i < picture.total(); ++i)
    for (OPJ_UINT32 c = 0; c < channels; ++c)
      *out++ = static_cast<std::uint8_t>(std::clamp(image->comps[c].data[i], 0, 255));
  return true;
}

constexpr Ladder psnr_ladder{.worst = 15, .best = 60};

cv::Mat apply_jpeg2000(const cv::Mat& picture, LinkContext& context) {
  Memory memory;
  std::string message = "OpenJPEG refuses it";
  const auto encoded = [&](float psnr, float ratio) -> std::span<const std::uint8_t> {
    if (!encode(picture, psnr, ratio, memory, message)) fail_to_code("jpeg2000", "psnr", picture, context, message);
    return memory.bytes;
  };
  const auto decoded = [&](std::span<const std::uint8_t> bytes) {
    cv::Mat result = same_shape(picture);
    if (!decode(bytes, result, message)) fail_to_code("jpeg2000", "psnr", picture, context, message);
    return result;
  };
  const auto at_psnr = [&](int psnr) { return encoded(static_cast<float>(psnr), 0); };
  if (context.max_bytes == 0) return code_picture(context, psnr_ladder, at_psnr, decoded);

  // OpenJPEG aims at a size by itself, but the main header can push it a little above: ask for less until it fits.
  const auto raw = static_cast<double>(picture.total() * picture.elemSize());
  const auto whole = encoded(static_cast<float>(psnr_ladder.best), 0);
  Bytes kept(whole.begin(), whole.end());
  std::int64_t target = context.max_bytes;
  for (int attempt = 0; attempt < 8 && static_cast<std::int64_t>(kept.size()) > context.max_bytes && target > 0;
       ++attempt) {
    const auto bytes = encoded(0, static_cast<float>(raw / static_cast<double>(target)));
    kept.assign(bytes.begin(), bytes.end());
    target -= std::max<std::int64_t>(1, static_cast<std::int64_t>(kept.size()) - context.max_bytes);
  }
  if (static_cast<std::int64_t>(kept.size()) > context.max_bytes)
    kept = encode_within(context.max_bytes, psnr_ladder, at_psnr);
  if (context.encoded_bytes != nullptr) *context.encoded_bytes = static_cast<std::int64_t>(kept.size());
  return decoded(kept);
}

std::string library() { return std::string("OpenJPEG ") + opj_version(); }

core::Json psnr(int level, Edition) { return {{"psnr", level}}; }

}  // namespace

constinit const Operator jpeg2000{"jpeg2000", apply_jpeg2000, psnr, library};

}  // namespace automask::corruptions
