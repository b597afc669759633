#include "hw_targets/cuda/cubin.h"

#include <cstdint>
#include <cstring>
#include <vector>

namespace automask {
namespace cuda {
namespace {

// ELF64, little endian (System V ABI, "ELF-64 Object File Format"); offsets within header and section header.
constexpr std::size_t header_bytes = 64, section_bytes = 64, symbol_bytes = 24;

class Reader {
 public:
  explicit Reader(const std::string& bytes) : bytes_(bytes) {}
  template <class Value>
  Value at(std::uint64_t offset) const {  // 0 beyond the end
    Value value = 0;
    if (offset <= bytes_.size() && sizeof value <= bytes_.size() - offset)
      std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }
  bool holds(std::uint64_t offset) const { return offset < bytes_.size(); }
  std::string text(std::uint64_t offset) const {
    if (offset >= bytes_.size()) return "";
    const auto end = bytes_.find('\0', offset);
    return bytes_.substr(offset, end == std::string::npos ? 0 : end - offset);
  }

 private:
  const std::string& bytes_;
};

struct Section {
  std::string name;
  std::uint64_t offset = 0, size = 0;
  std::uint32_t info = 0;
};

std::vector<Section> sections_of(const Reader& file) {
  const auto table = file.at<std::uint64_t>(40);
  const auto count = file.at<std::uint16_t>(60), names = file.at<std::uint16_t>(62);
  const auto header = [&](std::uint64_t i) { return table + i * section_bytes; };
  const auto name_table = file.at<std::uint64_t>(header(names) + 24);
  std::vector<Section> sections;
  for (std::uint64_t i = 0; i < count && file.holds(header(i)); ++i) {
    Section section;
    section.name = file.text(name_table + file.at<std::uint32_t>(header(i)));
    section.offset = file.at<std::uint64_t>(header(i) + 24);
    section.size = file.at<std::uint64_t>(header(i) + 32);
    section.info = file.at<std::uint32_t>(header(i) + 44);
    sections.push_back(section);
  }
  return sections;
}

// Index of a symbol; 0: none.
std::uint32_t symbol_index(const Reader& file, const std::vector<Section>& sections, const std::string& name) {
  const Section *symbols = nullptr, *names = nullptr;
  for (const Section& section : sections) {
    if (section.name == ".symtab") symbols = &section;
    if (section.name == ".strtab") names = &section;
  }
  if (symbols == nullptr || names == nullptr) return 0;
  for (std::uint64_t i = 1; i < symbols->size / symbol_bytes && file.holds(symbols->offset + i * symbol_bytes); ++i)
    if (file.text(names->offset + file.at<std::uint32_t>(symbols->offset + i * symbol_bytes)) == name)
      return static_cast<std::uint32_t>(i);
  return 0;
}

// .nv.info is a list of entries: u8 format, u8 attribute, u16 size, and, for format 4, `size` bytes.
constexpr std::uint8_t frame_size_attribute = 0x11, register_count_attribute = 0x2f;
int value_of(const Reader& file, const Section& info, std::uint8_t wanted, std::uint32_t symbol) {
  constexpr int with_bytes = 4;
  for (std::uint64_t at = 0; at + 4 <= info.size && file.holds(info.offset + at);) {
    const auto format = file.at<std::uint8_t>(info.offset + at),
               attribute = file.at<std::uint8_t>(info.offset + at + 1);
    const auto size = file.at<std::uint16_t>(info.offset + at + 2);
    if (format == with_bytes && attribute == wanted && size == 8 &&
        file.at<std::uint32_t>(info.offset + at + 4) == symbol)
      return static_cast<int>(file.at<std::uint32_t>(info.offset + at + 8));
    at += 4 + (format == with_bytes ? size : 0U);
  }
  return 0;
}

}  // namespace

CubinFacts read_cubin(const std::string& bytes, const std::string& kernel) {
  CubinFacts facts;
  if (bytes.size() < header_bytes || std::memcmp(bytes.data(), "\177ELF\2\1", 6) != 0) return facts;
  const Reader file(bytes);
  const std::vector<Section> sections = sections_of(file);
  for (const Section& section : sections) {
    if (section.name == ".text." + kernel) {
      facts.found = true;
      if (section.info >> 24 != 0) facts.registers = static_cast<int>(section.info >> 24);
    } else if (section.name == ".nv.shared." + kernel) {
      facts.shared_bytes = static_cast<int>(section.size);
    } else if (section.name == ".nv.info") {
      const std::uint32_t symbol = symbol_index(file, sections, kernel);
      facts.stack_bytes = value_of(file, section, frame_size_attribute, symbol);
      const int registers = value_of(file, section, register_count_attribute, symbol);
      if (registers != 0) facts.registers = registers;
    }
  }
  return facts;
}

}  // namespace cuda
}  // namespace automask
