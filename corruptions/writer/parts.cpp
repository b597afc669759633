#include "corruptions/writer/parts.h"

#include <cstdio>

namespace automask::corruptions {
namespace {

constexpr std::string_view journal_ending = ".unfinished";

}  // namespace

std::string index_name(Part part) {
  if (part.parts == 1) return "index.jsonl";
  return "index-" + std::to_string(part.part) + "-of-" + std::to_string(part.parts) + ".jsonl";
}

std::string journal_name(Part part) { return index_name(part).append(journal_ending); }

bool is_journal(const std::filesystem::path& file) { return file.filename().string().ends_with(journal_ending); }

std::optional<Part> part_of(const std::filesystem::path& file) {
  std::string name = file.filename().string();
  if (is_journal(file)) name.resize(name.size() - journal_ending.size());
  Part part;
  if (name != index_name(part) && std::sscanf(name.c_str(), "index-%d-of-%d", &part.part, &part.parts) != 2) return {};
  if (part.part < 1 || part.part > part.parts || name != index_name(part)) return {};
  return part;
}

std::vector<std::size_t> numbers_of(Part part, std::size_t pictures, std::size_t per_shard) {
  const auto at = static_cast<std::size_t>(part.part - 1), parts = static_cast<std::size_t>(part.parts);
  std::vector<std::size_t> numbers;
  if (per_shard == 0) {
    for (std::size_t i = pictures * at / parts; i < pictures * (at + 1) / parts; ++i) numbers.push_back(i);
  } else {
    for (std::size_t i = 0; i < pictures; ++i)
      if (i / per_shard % parts == at) numbers.push_back(i);
  }
  return numbers;
}

}  // namespace automask::corruptions
