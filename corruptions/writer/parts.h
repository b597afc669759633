#pragma once
// How a job is divided: which pictures a part has, and what its index is called.
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace automask::corruptions {

struct Part {
  int part = 1, parts = 1;  // 1 <= part <= parts
  bool operator==(const Part&) const = default;
};

// "index.jsonl", or "index-2-of-4.jsonl" for a part.
std::string index_name(Part part);

// The reverse, of a finished index or of a journal; nothing for any other name.
std::optional<Part> part_of(const std::filesystem::path& file);
bool is_journal(const std::filesystem::path& file);
std::string journal_name(Part part);

// A part's pictures by number, rising. `per_shard` > 0: blocks of so many are kept whole, since each becomes a file;
// 0: an even range.
std::vector<std::size_t> numbers_of(Part part, std::size_t pictures, std::size_t per_shard);

}  // namespace automask::corruptions
