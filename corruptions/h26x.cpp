// H.264 and H.265: one intra frame by libx264 or libx265 through libavcodec at a constant rate factor, preset medium,
// 8-bit 4:2:0, limited-range BT.709 unless asked otherwise, one thread, CPU-independent choices; decoded by
// libavcodec. What counts is the Annex B elementary stream with its parameter sets and without SEI messages, in which
// the encoders advertise themselves in more bytes than a small picture has.
//
// A rate factor is no quantiser: the encoder derives one from it and from the picture's complexity. Rate factors of
// the two codecs don't compare; bytes do.
//
// Pictures are padded to even sides of at least 16 pixels (a macroblock, the least coding tree) by repeating their last
// column and row, and cut back after decoding.
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>
}

#include <cstring>
#include <memory>

#include "corruptions/codec.h"
#include "corruptions/yuv.h"

namespace automask::corruptions {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Free {
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

struct Standard {
  const char* name;     // of the operator
  const char* encoder;  // libavcodec's name
  AVCodecID id;
  bool (*is_sei)(std::uint8_t first_byte_of_unit);
};

// nal_unit_type: H.264 table 7-1, H.265 table 7-1.
constexpr Standard avc{"h264", "libx264", AV_CODEC_ID_H264, [](std::uint8_t byte) { return (byte & 31) == 6; }};
constexpr Standard hevc{"h265", "libx265", AV_CODEC_ID_HEVC, [](std::uint8_t byte) {
                          const int type = byte >> 1 & 63;
                          return type == 39 || type == 40;
                        }};

// Appends the units of an Annex B stream, SEI messages left out. Emulation prevention keeps 00 00 01 out of payloads.
void append_without_sei(std::span<const std::uint8_t> stream, const Standard& standard, Bytes& out) {
  constexpr std::uint8_t mark[] = {0, 0, 1};
  auto start = std::search(stream.begin(), stream.end(), std::begin(mark), std::end(mark));
  while (start != stream.end()) {
    const auto payload = start + 3;
    auto next = std::search(payload, stream.end(), std::begin(mark), std::end(mark));
    auto end = next;
    // A zero before the next mark belongs to that mark's four-byte form.
    while (next != stream.end() && end != payload && *(end - 1) == 0) --end;
    if (payload != end && !standard.is_sei(*payload)) {
      out.insert(out.end(), {0, 0, 0, 1});
      out.insert(out.end(), payload, end);
    }
    start = next;
  }
}

std::string text_of(int error) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, text, sizeof text);
  return text;
}

class Coder {
 public:
  Coder(const Standard& standard, const cv::Mat& picture, const LinkContext& context)
      : standard_(standard), picture_(picture), context_(context) {
    // The libraries would write to the terminal; failures come back as codes.
    [[maybe_unused]] static const bool quiet = (av_log_set_level(AV_LOG_QUIET), true);
    format_.full_range = has_option(context, "full");
    format_.bt601 = has_option(context, "601");
    const auto padded = [](int side) { return std::max(16, side + side % 2); };
    frame_.reset(av_frame_alloc());
    frame_->format = AV_PIX_FMT_YUV420P;
    frame_->width = padded(picture.cols);
    frame_->height = padded(picture.rows);
    frame_->pict_type = AV_PICTURE_TYPE_I;
    if (const int error = av_frame_get_buffer(frame_.get(), 0); error < 0) fail("no frame", error);
    const Yuv yuv = to_yuv(picture, frame_->width, frame_->height, format_);
    const Bytes* planes[] = {&yuv.y, &yuv.cb, &yuv.cr};
    for (int i = 0; i < 3; ++i)
      for (int row = 0; row < rows(i); ++row)
        std::memcpy(frame_->data[i] + static_cast<std::ptrdiff_t>(row) * frame_->linesize[i],
                    planes[i]->data() + static_cast<std::ptrdiff_t>(row) * columns(i),
                    static_cast<std::size_t>(columns(i)));
  }

  // The rate factor in quarters. With SEI messages only for library(), which reads the encoder's version from them.
  std::span<const std::uint8_t> encode(int quarters, bool with_sei = false) {
    const AVCodec* codec = avcodec_find_encoder_by_name(standard_.encoder);
    if (codec == nullptr) fail(std::string("this libavcodec has no ") + standard_.encoder);
    const Owned<AVCodecContext> encoder(avcodec_alloc_context3(codec));
    encoder->width = frame_->width;
    encoder->height = frame_->height;
    encoder->pix_fmt = AV_PIX_FMT_YUV420P;
    encoder->time_base = {1, 25};
    encoder->gop_size = 1;
    encoder->max_b_frames = 0;
    encoder->thread_count = 1;
    encoder->color_range = format_.full_range ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    encoder->colorspace = format_.bt601 ? AVCOL_SPC_SMPTE170M : AVCOL_SPC_BT709;
    av_opt_set(encoder->priv_data, "preset", "medium", 0);
    av_opt_set(encoder->priv_data, "crf", std::to_string(quarters * 0.25).c_str(), 0);
    if (standard_.id == AV_CODEC_ID_H264) {
      av_opt_set(encoder->priv_data, "x264-params", "cpu-independent=1", 0);
    } else {
      // x265 wants a picture no smaller than one coding tree.
      const int side = std::min(frame_->width, frame_->height);
      const std::string options =
          std::string("log-level=none:pools=none:frame-threads=1:wpp=0:ctu=") + (side >= 64   ? "64"
                                                                                 : side >= 32 ? "32"
                                                                                              : "16");
      av_opt_set(encoder->priv_data, "x265-params", options.c_str(), 0);
    }
    if (const int error = avcodec_open2(encoder.get(), codec, nullptr); error < 0) fail("no encoder", error);
    frame_->pts = 0;
    if (const int error = avcodec_send_frame(encoder.get(), frame_.get()); error < 0) fail("not encoded", error);
    avcodec_send_frame(encoder.get(), nullptr);  // no more frames: hand out what is held back
    const Owned<AVPacket> packet(av_packet_alloc());
    stream_.clear();
    int error = 0;
    while ((error = avcodec_receive_packet(encoder.get(), packet.get())) == 0) {
      const std::span<const std::uint8_t> units{packet->data, static_cast<std::size_t>(packet->size)};
      if (with_sei) {
        stream_.insert(stream_.end(), units.begin(), units.end());
      } else {
        append_without_sei(units, standard_, stream_);
      }
      av_packet_unref(packet.get());
    }
    if (error != AVERROR_EOF || stream_.empty()) fail("not encoded", error);
    return stream_;
  }

  cv::Mat decode(std::span<const std::uint8_t> bytes) {
    const AVCodec* codec = avcodec_find_decoder(standard_.id);
    if (codec == nullptr) fail("this libavcodec has no decoder");
    const Owned<AVCodecContext> decoder(avcodec_alloc_context3(codec));
    decoder->thread_count = 1;
    if (const int error = avcodec_open2(decoder.get(), codec, nullptr); error < 0) fail("no decoder", error);
    const Owned<AVPacket> packet(av_packet_alloc());
    if (const int error = av_new_packet(packet.get(), static_cast<int>(bytes.size())); error < 0) fail("", error);
    std::memcpy(packet->data, bytes.data(), bytes.size());
    if (const int error = avcodec_send_packet(decoder.get(), packet.get()); error < 0) fail("not decoded", error);
    avcodec_send_packet(decoder.get(), nullptr);
    const Owned<AVFrame> frame(av_frame_alloc());
    if (const int error = avcodec_receive_frame(decoder.get(), frame.get()); error < 0) fail("not decoded", error);
    if (frame->width != frame_->width || frame->height != frame_->height ||
        (frame->format != AV_PIX_FMT_YUV420P && frame->format != AV_PIX_FMT_YUVJ420P))
      fail("it came back in another size or format");
    Yuv yuv(frame->width, frame->height);
    Bytes* planes[] = {&yuv.y, &yuv.cb, &yuv.cr};
    for (int i = 0; i < 3; ++i)
      for (int row = 0; row < rows(i); ++row)
        std::memcpy(planes[i]->data() + static_cast<std::ptrdiff_t>(row) * columns(i),
                    frame->data[i] + static_cast<std::ptrdiff_t>(row) * frame->linesize[i],
                    static_cast<std::size_t>(columns(i)));
    cv::Mat result = same_shape(picture_);
    from_yuv(yuv, format_, result);
    return result;
  }

 private:
  int rows(int plane) const { return plane == 0 ? frame_->height : frame_->height / 2; }
  int columns(int plane) const { return plane == 0 ? frame_->width : frame_->width / 2; }
  [[noreturn]] void fail(const std::string& cause, int error = 0) const {
    fail_to_code(standard_.name, "crf", picture_, context_, error == 0 ? cause : cause + ": " + text_of(error));
  }

  const Standard& standard_;
  const cv::Mat& picture_;
  const LinkContext& context_;
  YuvFormat format_;
  Owned<AVFrame> frame_;
  Bytes stream_;
};

template <const Standard& standard>
cv::Mat apply_standard(const cv::Mat& picture, LinkContext& context) {
  Coder coder(standard, picture, context);
  return code_picture(
      context, {.worst = 4 * 51, .best = 4 * 1, .scale = 4}, [&](int quarters) { return coder.encode(quarters); },
      [&](std::span<const std::uint8_t> bytes) { return coder.decode(bytes); });
}

// "x264 - core 164 r3095 baee400, libavcodec 59.37.100": libavcodec doesn't tell its encoders' versions, but they sign
// their streams ("x264 - core 164 ... - H.264/MPEG-4 AVC codec ...").
template <const Standard& standard>
std::string library() {
  static const std::string text = [] {
    const cv::Mat picture(16, 16, CV_8UC1, cv::Scalar(0));
    core::RandomStream random(0);
    const LinkContext context{30, random, nullptr};
    Coder coder(standard, picture, context);
    const auto stream = coder.encode(4 * 30, true);
    const std::string_view all(reinterpret_cast<const char*>(stream.data()), stream.size());
    std::string encoder = standard.encoder;
    const auto start = all.find(encoder.substr(3) + " ");  // without "lib"
    const auto end = start == all.npos ? all.npos : all.find(" - H.26", start);
    if (end != all.npos) encoder = all.substr(start, end - start);
    const unsigned version = avcodec_version();
    return encoder + ", libavcodec " + std::to_string(AV_VERSION_MAJOR(version)) + "." +
           std::to_string(AV_VERSION_MINOR(version)) + "." + std::to_string(AV_VERSION_MICRO(version));
  }();
  return text;
}

core::Json rate_factor(int level, Edition) { return {{"crf", level}}; }

}  // namespace

constinit const Operator h264{"h264", apply_standard<avc>, rate_factor, library<avc>};
constinit const Operator h265{"h265", apply_standard<hevc>, rate_factor, library<hevc>};

}  // namespace automask::corruptions
