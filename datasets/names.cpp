#include "datasets/names.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/json.h"

namespace automask::datasets {
namespace {

constexpr std::size_t most = 100'000;

[[noreturn]] void fail(const std::string& pattern, const std::string& problem) {
  throw core::Error(core::ExitCode::usage,
                    core::Json(pattern).dump(-1, ' ', false, core::Json::error_handler_t::replace), problem,
                    "write e.g. shard-{000000..000009}.tar or {a,b}.tar");
}

std::optional<std::size_t> number(std::string_view digits) {
  std::size_t value = 0;
  if (digits.empty() || digits.find_first_not_of("0123456789") != digits.npos) return std::nullopt;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

std::vector<std::string> choices(const std::string& pattern, std::string_view inside) {
  std::vector<std::string> names;
  if (const auto dots = inside.find(".."); dots != inside.npos) {
    const std::string_view low_text = inside.substr(0, dots), high_text = inside.substr(dots + 2);
    const auto low = number(low_text), high = number(high_text);
    if (!low || !high || *low > *high) fail(pattern, "has a range that is not of the form {first..last}");
    if (*high - *low >= most) fail(pattern, "names more than 100,000 files");
    for (std::size_t i = *low; i <= *high; ++i) {
      std::string digits = std::to_string(i);
      if (digits.size() < low_text.size()) digits.insert(0, low_text.size() - digits.size(), '0');
      names.push_back(std::move(digits));
    }
    return names;
  }
  for (std::size_t start = 0; start <= inside.size();) {
    const std::size_t comma = std::min(inside.find(',', start), inside.size());
    names.emplace_back(inside.substr(start, comma - start));
    start = comma + 1;
  }
  return names;
}

}  // namespace

std::vector<std::string> expand_braces(const std::string& pattern) {
  std::vector<std::string> names = {""};
  std::size_t at = 0;
  while (at < pattern.size()) {
    const std::size_t open = std::min(pattern.find_first_of("{}", at), pattern.size());
    for (std::string& name : names) name.append(pattern, at, open - at);
    if (open == pattern.size()) break;
    const std::size_t close = pattern.find_first_of("{}", open + 1);
    if (pattern[open] == '}' || close == pattern.npos || pattern[close] == '{')
      fail(pattern, "has braces that don't match");
    const auto inner = choices(pattern, std::string_view(pattern).substr(open + 1, close - open - 1));
    if (names.size() * inner.size() > most) fail(pattern, "names more than 100,000 files");
    std::vector<std::string> longer;
    for (const std::string& name : names)
      for (const std::string& choice : inner) longer.push_back(name + choice);
    names = std::move(longer);
    at = close + 1;
  }
  return names;
}

bool is_picture_name(std::string_view path) {
  std::string name(path.substr(path.find_last_of('/') + 1));
  if (name.starts_with("._")) return false;
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const char* extension : {".jpg", ".jpeg", ".png", ".webp", ".ppm", ".pgm"})
    if (name.ends_with(extension)) return true;
  return false;
}

bool is_tar_name(std::string_view name) {
  for (const std::string_view end : {".tar", ".tgz", ".tar.gz", ".tzst", ".tar.zst", ".tar.bz2", ".tar.xz"})
    if (name.ends_with(end)) return true;
  return false;
}

}  // namespace automask::datasets
