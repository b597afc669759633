#include "datasets/idx.h"

#include <zlib.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "core/atomic_file.h"
#include "core/error.h"
#include "core/mapped_file.h"

namespace automask::datasets {
namespace {

using core::Error;
using core::ExitCode;

[[noreturn]] void fail(const std::string& file, const std::string& problem,
                       const std::string& remedy = "fetch the file again") {
  throw Error(ExitCode::steps_failed, file, problem, remedy);
}

std::uint32_t big_endian(const std::uint8_t* p) {
  return std::uint32_t{p[0]} << 24 | std::uint32_t{p[1]} << 16 | std::uint32_t{p[2]} << 8 | p[3];
}

std::size_t value_size(IdxType type) { return type == IdxType::u8 ? 1 : 4; }

// The bytes of a file in order, inflated where it is a gzip file.
class Bytes {
 public:
  Bytes(std::string_view bytes, const std::string& file)
      : rest_(bytes), file_(file), gzip_(bytes.starts_with("\x1f\x8b")) {
    if (!gzip_) return;
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) fail(file_, "zlib cannot start", "free some memory");
  }
  ~Bytes() {
    if (gzip_) inflateEnd(&stream_);
  }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;

  // Fills `out` as far as there is data; the number of bytes got.
  std::size_t read(std::uint8_t* out, std::size_t size) {
    if (gzip_) return inflate_some(out, size);
    const std::size_t got = std::min(size, rest_.size());
    if (got > 0) std::memcpy(out, rest_.data(), got);
    rest_.remove_prefix(got);
    return got;
  }
  bool compressed() const { return gzip_; }
  std::string_view rest() const { return rest_; }  // of a plain file: what was not read
  // No more bytes than this can follow: deflate expands at most 1032 times (zlib's technical notes).
  std::uint64_t most_left() const { return gzip_ ? 1032 * std::uint64_t{rest_.size()} + 1032 : rest_.size(); }

 private:
  std::size_t inflate_some(std::uint8_t* out, std::size_t size) {
    std::size_t done = 0;
    while (done < size && !ended_) {
      constexpr std::size_t most = 1 << 30;  // zlib counts in 32 bits
      const std::size_t in = std::min(rest_.size(), most), space = std::min(size - done, most);
      stream_.avail_in = static_cast<uInt>(in);
      stream_.next_out = out + done;
      stream_.avail_out = static_cast<uInt>(space);
      const int status = inflate(&stream_, Z_NO_FLUSH);
      rest_.remove_prefix(in - stream_.avail_in);
      done += space - stream_.avail_out;
      if (status == Z_STREAM_END) {
        ended_ = true;
        if (!rest_.empty()) fail(file_, "has " + std::to_string(rest_.size()) + " bytes after its gzip data");
      } else if (status == Z_BUF_ERROR || (status == Z_OK && rest_.empty() && stream_.avail_out > 0)) {
        fail(file_, "is truncated: its gzip data ends too early");
      } else if (status != Z_OK) {
        fail(file_, std::string("is a damaged gzip file: ") + (stream_.msg ? stream_.msg : "unknown fault"));
      }
    }
    return done;
  }

  std::string_view rest_;
  std::string file_;
  bool gzip_, ended_ = false;
  z_stream stream_{};
};

std::string hexadecimal(const std::uint8_t* p, std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    char digits[4];
    std::snprintf(digits, sizeof digits, i == 0 ? "%02x" : " %02x", unsigned{p[i]});
    text += digits;
  }
  return text;
}

}  // namespace

std::int32_t IdxArray::value(std::size_t i) const {
  return type == IdxType::u8 ? values[i] : static_cast<std::int32_t>(big_endian(&values[4 * i]));
}

namespace {

// What stands before the values.
struct Header {
  IdxType type;
  std::vector<std::uint32_t> shape;
  std::uint64_t announced = 0;  // bytes of values
};

Header read_header(Bytes& source, const std::string& file) {
  std::uint8_t header[4 + 4 * 4];
  const std::size_t magic = source.read(header, 4);
  if (magic < 4) fail(file, "is truncated: it ends inside the 4-byte magic number");
  const auto type = static_cast<IdxType>(header[2]);
  const std::size_t rank = header[3];
  if (header[0] != 0 || header[1] != 0 || (type != IdxType::u8 && type != IdxType::i32) || rank < 1 || rank > 4)
    fail(file, "is no IDX file of u8 or i32 values: it starts with " + hexadecimal(header, 4),
         "expected 00 00, 08 or 0c, 01 to 04; check that the right file lies there");
  if (source.read(header + 4, 4 * rank) < 4 * rank) fail(file, "is truncated: it ends inside its list of sizes");

  Header read{type, {}};
  for (std::size_t i = 0; i < rank; ++i) read.shape.push_back(big_endian(header + 4 + 4 * i));
  const bool empty = std::find(read.shape.begin(), read.shape.end(), 0u) != read.shape.end();
  read.announced = empty ? 0 : value_size(type);
  for (const std::uint64_t size : read.shape) {
    if (!empty && read.announced > source.most_left() / size)
      fail(file, "is truncated: its header announces more data than the file can hold (sizes " +
                     hexadecimal(header + 4, 4 * rank) + ")");
    read.announced *= size;
  }
  return read;
}

[[noreturn]] void truncated(const std::string& file, std::uint64_t got, std::uint64_t announced) {
  fail(file, "is truncated: it holds " + std::to_string(got) + " of " + std::to_string(announced) +
                 " bytes that its header announces");
}

[[noreturn]] void surplus(const std::string& file, std::uint64_t announced) {
  fail(file, "holds more than the " + std::to_string(announced) + " bytes that its header announces");
}

}  // namespace

IdxArray parse_idx(std::string_view bytes, const std::string& file) {
  Bytes source(bytes, file);
  Header header = read_header(source, file);
  IdxArray array{header.type, std::move(header.shape), {}};
  // Grown as the bytes come in: a gzip file may announce a thousand times its size and hold nothing.
  std::size_t got = 0;
  if (source.most_left() == header.announced) array.values.reserve(header.announced);  // a plain file: it is all there
  while (got < header.announced) {
    const std::size_t chunk = std::min<std::size_t>(header.announced - got, std::max<std::size_t>(got, 1 << 20));
    array.values.resize(got + chunk);
    const std::size_t read = source.read(&array.values[got], chunk);
    got += read;
    if (read < chunk) break;
  }
  if (got < header.announced) truncated(file, got, header.announced);
  std::uint8_t more = 0;  // reading on also checks the gzip trailer
  if (source.read(&more, 1) != 0) surplus(file, header.announced);
  return array;
}

IdxArray read_idx(const std::filesystem::path& path) {
  const core::MappedFile file(path, ExitCode::steps_failed);
  return parse_idx(file.bytes(), path.string());
}

MappedIdx map_idx(const std::filesystem::path& path) {
  const auto mapped = std::make_shared<const core::MappedFile>(path, ExitCode::steps_failed);
  Bytes source(mapped->bytes(), path.string());
  if (source.compressed()) {
    const auto array = std::make_shared<const IdxArray>(parse_idx(mapped->bytes(), path.string()));
    return {array->type, array->shape, array->values, array};
  }
  Header header = read_header(source, path.string());
  const std::string_view values = source.rest();
  if (values.size() < header.announced) truncated(path.string(), values.size(), header.announced);
  if (values.size() > header.announced) surplus(path.string(), header.announced);
  return {header.type,
          std::move(header.shape),
          {reinterpret_cast<const std::uint8_t*>(values.data()), values.size()},
          mapped};
}

namespace {

[[noreturn]] void mismatch(const std::string& file) {
  throw Error(ExitCode::internal, file, "the values don't match the IDX shape");
}

}  // namespace

void write_idx(const IdxArray& array, const std::filesystem::path& path) {
  IdxWriter writer(path, array.type, array.shape);
  writer.write(array.values);
  writer.commit();
}

IdxWriter::IdxWriter(const std::filesystem::path& path, IdxType type, const std::vector<std::uint32_t>& shape)
    : path_(path.string()), file_(path), missing_(value_size(type)) {
  std::string header{'\0', '\0', static_cast<char>(type), static_cast<char>(shape.size())};
  for (const std::uint32_t size : shape) {
    for (int shift = 24; shift >= 0; shift -= 8) header.push_back(static_cast<char>(size >> shift));
    missing_ *= size;
  }
  file_.write(header);
}

void IdxWriter::write(std::span<const std::uint8_t> values) {
  if (values.size() > missing_) mismatch(path_);
  file_.write(values.data(), values.size());
  missing_ -= values.size();
}

void IdxWriter::commit() {
  if (missing_ != 0) mismatch(path_);
  file_.commit();
}

namespace {

class IdxSource : public Source {
 public:
  IdxSource(const std::filesystem::path& image_path, const std::filesystem::path& label_path,
            const SourceOptions& options) {
    images_ = read_idx(image_path);
    const IdxArray labels = read_idx(label_path);
    const std::string file = image_path.string(), label_file = label_path.string();

    const auto& shape = images_.shape;
    if (images_.type != IdxType::u8 || (shape.size() != 3 && shape.size() != 4))
      fail(file, "holds no pictures: expected u8 values of 3 or 4 dimensions", "check that the right file lies there");
    if (labels.shape.size() != 1)
      fail(label_file, "holds no labels: expected 1 dimension", "check that the right file lies there");
    channels_ = shape.size() == 4 ? shape[3] : 1;
    if (shape[1] == 0 || shape[2] == 0 || (channels_ != 1 && channels_ != 3))
      fail(file,
           "holds pictures of " + std::to_string(shape[1]) + " x " + std::to_string(shape[2]) + " x " +
               std::to_string(channels_),
           "pictures need a height, a width and 1 or 3 channels");
    if (shape[0] == 0) fail(file, "holds no picture at all");
    if (labels.shape[0] != shape[0])
      fail(label_file,
           "holds " + std::to_string(labels.shape[0]) + " labels for the " + std::to_string(shape[0]) +
               " pictures of " + image_path.filename().string(),
           "fetch both files again");

    labels_.resize(shape[0]);
    int highest = 9;  // the MNIST family has ten classes even where a file lacks some
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      labels_[i] = labels.value(i);
      const bool known = options.classes.empty() || labels_[i] < static_cast<std::int64_t>(options.classes.size());
      if (labels_[i] < 0 || labels_[i] >= (1 << 20) || !known)
        fail(label_file, "label " + std::to_string(labels_[i]) + " of picture " + std::to_string(i) + " names no class",
             options.classes.empty() ? "fetch the file again" : "name all classes under \"classes\"");
      highest = std::max(highest, labels_[i]);
    }
    classes_ = options.classes;
    if (classes_.empty())
      for (int i = 0; i <= highest; ++i) classes_.push_back(std::to_string(i));
    stem_ = image_path.extension() == ".gz" ? image_path.stem().string() : image_path.filename().string();
  }

  std::size_t size() const override { return labels_.size(); }
  int label(std::size_t i) const override { return labels_.at(i); }
  std::string id(std::size_t i) const override {
    char number[24];
    std::snprintf(number, sizeof number, "/%06zu", i);
    return stem_ + number;
  }
  cv::Mat picture(std::size_t i) const override {
    const int height = static_cast<int>(images_.shape[1]), width = static_cast<int>(images_.shape[2]);
    cv::Mat mat(height, width, channels_ == 1 ? CV_8UC1 : CV_8UC3);
    const std::size_t bytes = std::size_t{images_.shape[1]} * images_.shape[2] * channels_;
    std::memcpy(mat.data, &images_.values[i * bytes], bytes);
    return mat;
  }
  std::string read(std::size_t i) const override { return encode_pnm(picture(i)); }
  const std::vector<std::string>& classes() const override { return classes_; }

 private:
  IdxArray images_;
  std::uint32_t channels_ = 1;
  std::vector<int> labels_;
  std::vector<std::string> classes_;
  std::string stem_;
};

}  // namespace

std::unique_ptr<Source> open_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                                 const SourceOptions& options) {
  return std::make_unique<IdxSource>(images, labels, options);
}

}  // namespace automask::datasets
