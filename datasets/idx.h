#pragma once
// The IDX format of the MNIST family (http://yann.lecun.com/exdb/mnist/): 00 00 type rank, big-endian sizes, values.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/atomic_file.h"
#include "datasets/source.h"

namespace automask::datasets {

enum class IdxType : std::uint8_t { u8 = 0x08, i32 = 0x0C };

struct IdxArray {
  IdxType type = IdxType::u8;
  std::vector<std::uint32_t> shape;         // 1 to 4 sizes
  std::vector<std::uint8_t> values;         // u8, or i32 as big-endian bytes
  std::int32_t value(std::size_t i) const;  // either type
};

// Parses a whole IDX file, gzip-compressed or plain (told apart by content). Error(steps_failed) names `file`, the
// fault and a remedy: wrong magic, type or rank, sizes that overflow, truncation, surplus bytes, damaged gzip data.
// What is kept in memory is bounded by what the header announces and by the bytes that are really there.
IdxArray parse_idx(std::string_view bytes, const std::string& file);
IdxArray read_idx(const std::filesystem::path& path);
// Plain IDX, atomically. The number of values must match the shape.
void write_idx(const IdxArray& array, const std::filesystem::path& path);

// An IDX file whose values stay in it: for pictures that memory may not hold.
struct MappedIdx {
  IdxType type = IdxType::u8;
  std::vector<std::uint32_t> shape;
  std::span<const std::uint8_t> values;  // i32 as big-endian bytes
  std::shared_ptr<const void> memory;    // holds the values
};
// As read_idx(); a compressed file is inflated into memory.
MappedIdx map_idx(const std::filesystem::path& path);

// Plain IDX of values (i32 as big-endian bytes) that come one after the other. Without commit() no file appears.
class IdxWriter {
 public:
  IdxWriter(const std::filesystem::path& path, IdxType type, const std::vector<std::uint32_t>& shape);
  void write(std::span<const std::uint8_t> values);
  void commit();  // Error(internal) unless there are as many values as the shape says

 private:
  std::string path_;
  core::AtomicFile file_;
  std::uint64_t missing_;
};

// Class names are "0", "1", ... (ten at least) where the options give none.
std::unique_ptr<Source> open_idx(const std::filesystem::path& images, const std::filesystem::path& labels,
                                 const SourceOptions& options);

}  // namespace automask::datasets
