#include "corruptions/condition.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace automask::corruptions {
namespace {

using core::Error;
using core::ExitCode;

constexpr std::string_view clean_name = "clean";

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// As a JSON string, so that control characters and broken UTF-8 cannot garble a message.
std::string in_quotes(std::string_view text) {
  return core::Json(std::string(text)).dump(-1, ' ', false, core::Json::error_handler_t::replace);
}

[[noreturn]] void fail(std::string_view text, const std::string& problem, const std::string& remedy) {
  throw Error(ExitCode::usage, "condition " + in_quotes(text), problem, remedy);
}

const OperatorInfo* find_operator(std::string_view name) {
  const auto& infos = operator_infos();
  const auto found = std::find_if(infos.begin(), infos.end(), [&](const auto& info) { return info.name == name; });
  return found == infos.end() ? nullptr : &*found;
}

constexpr std::int64_t largest_budget = 1'000'000'000;

// "write jpeg:q1 to jpeg:q100, or the largest number of bytes as in jpeg:4096B"
std::string level_remedy(const OperatorInfo& info) {
  const std::string prefix = info.name + ":" + info.prefix;
  std::string remedy = "write " + prefix + std::to_string(info.low) + " to " + prefix + std::to_string(info.high);
  if (info.kind == Kind::codec) remedy += ", or the largest number of bytes as in " + info.name + ":4096B";
  return remedy;
}

template <class Integer>
std::optional<Integer> number(std::string_view digits, Integer low, Integer high) {
  Integer value{};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc() || end != digits.data() + digits.size() || value < low || value > high) return std::nullopt;
  return value;
}

// "4096B", "4KiB"; nothing where the text is no size in range.
std::optional<std::int64_t> size_in_bytes(std::string_view text) {
  constexpr std::pair<std::string_view, std::int64_t> units[] = {
      {"KiB", 1024}, {"MiB", 1024 * 1024}, {"kB", 1000}, {"MB", 1000 * 1000}, {"B", 1}};
  for (const auto& [unit, factor] : units) {
    if (!text.ends_with(unit)) continue;
    const auto count = number<std::int64_t>(trimmed(text.substr(0, text.size() - unit.size())), 1, largest_budget);
    if (!count || *count > largest_budget / factor) return std::nullopt;
    return *count * factor;
  }
  return std::nullopt;
}

// Puts `written` in its group's place; defaults are left out.
std::vector<std::string> parse_options(std::string_view text, const OperatorInfo& info,
                                       const std::vector<std::string>& written) {
  std::vector<std::string> chosen(info.options.size());
  for (const std::string& option : written) {
    const auto group = std::find_if(info.options.begin(), info.options.end(), [&](const OptionGroup& g) {
      return std::find(g.choices.begin(), g.choices.end(), option) != g.choices.end();
    });
    if (group == info.options.end()) {
      std::vector<std::string> known;
      for (const auto& g : info.options) known.insert(known.end(), g.choices.begin(), g.choices.end());
      fail(text, in_quotes(option) + " is no option of " + info.name,
           known.empty() ? info.name + " takes none" : core::suggestion(option, known));
    }
    std::string& place = chosen[static_cast<std::size_t>(group - info.options.begin())];
    if (!place.empty())
      fail(text,
           in_quotes(place) + " and " + in_quotes(option) + " both choose the " + group->name + " of " + info.name,
           "keep one of them");
    place = option;
  }
  std::vector<std::string> options;
  for (std::size_t i = 0; i < chosen.size(); ++i)
    if (!chosen[i].empty() && chosen[i] != info.options[i].choices.front()) options.push_back(chosen[i]);
  return options;
}

Link parse_link(std::string_view text, std::string_view part) {
  if (part.empty())
    fail(text, "a link of the chain is empty", "write links as name:level with \">\" between them, or \"clean\" alone");
  const auto colon = part.find(':');
  const std::string name(trimmed(part.substr(0, colon)));
  if (name == clean_name)
    fail(text, "\"clean\" is the empty chain and takes neither a level nor further links", "write \"clean\" alone");
  const OperatorInfo* info = find_operator(name);
  if (info == nullptr) {
    std::vector<std::string> names = {std::string(clean_name)};
    for (const auto& known : operator_infos()) names.push_back(known.name);
    fail(text, "unknown corruption or codec " + in_quotes(name), core::suggestion(name, names));
  }
  const char* what = info->kind == Kind::codec ? "quality" : "severity";
  if (colon == std::string_view::npos) fail(text, in_quotes(name) + " lacks its " + what, level_remedy(*info));

  const std::string_view after = part.substr(colon + 1);
  auto comma = after.find(',');
  const std::string_view written = trimmed(after.substr(0, comma));
  std::vector<std::string> options;
  while (comma != std::string_view::npos) {
    const auto next = after.find(',', comma + 1);
    options.emplace_back(trimmed(after.substr(comma + 1, next - comma - 1)));
    comma = next;
  }

  Link link;
  link.name = name;
  if (info->kind == Kind::codec && written.ends_with('B')) {
    const auto bytes = size_in_bytes(written);
    if (!bytes)
      fail(text, in_quotes(written) + " is no number of bytes",
           "write " + name + ":1B to " + name + ":1000000000B; KiB, MiB, kB and MB are understood, too");
    link.max_bytes = *bytes;
  } else {
    const auto level = written.starts_with(info->prefix)
                           ? number<int>(written.substr(info->prefix.size()), info->low, info->high)
                           : std::nullopt;
    if (!level) fail(text, in_quotes(written) + " is no " + what + " of " + name, level_remedy(*info));
    link.level = *level;
  }
  link.options = parse_options(text, *info, options);
  return link;
}

}  // namespace

const std::vector<OperatorInfo>& operator_infos() {
  static const std::vector<OperatorInfo> infos = {
      {"gaussian_noise", Kind::corruption, 1, 5, true, "additive normal noise, as of a sensor in low light"},
      {"shot_noise", Kind::corruption, 1, 5, true, "Poisson noise of counted photons"},
      {"impulse_noise", Kind::corruption, 1, 5, true, "salt and pepper: values stuck at black or white"},
      {"speckle_noise", Kind::corruption, 1, 5, true, "normal noise in proportion to the value"},
      {"defocus_blur", Kind::corruption, 1, 5, false, "a lens out of focus: blur by an antialiased disk"},
      {"glass_blur", Kind::corruption, 1, 5, true, "frosted glass: pixels change places with near ones"},
      {"motion_blur", Kind::corruption, 1, 5, true, "a camera moved along a line during the exposure"},
      {"zoom_blur", Kind::corruption, 1, 5, false, "a camera moved towards the scene during the exposure"},
      {"gaussian_blur", Kind::corruption, 1, 5, false, "blur by a Gaussian"},
      {"snow", Kind::corruption, 1, 5, true, "falling flakes and a whitened scene"},
      {"frost", Kind::corruption, 1, 5, true, "ice crystals on the window"},
      {"fog", Kind::corruption, 1, 5, true, "uneven fog, a fractal map of heights"},
      {"spatter", Kind::corruption, 1, 5, true, "drops of water, at severities 4 and 5 of mud, on the lens"},
      {"brightness", Kind::corruption, 1, 5, false, "a raised HSV value, as of overexposure"},
      {"low_light", Kind::corruption, 1, 5, true, "few photons: a short exposure with shot and read noise"},
      {"contrast", Kind::corruption, 1, 5, false, "values drawn towards the mean of their channel"},
      {"saturate", Kind::corruption, 1, 5, false, "paler or stronger colours"},
      {"pixelate", Kind::corruption, 1, 5, false, "fewer pixels, enlarged again"},
      {"elastic_transform", Kind::corruption, 1, 5, true, "small regions stretched and moved"},
      {"jpeg_compression", Kind::corruption, 1, 5, false, "JPEG at ImageNet-C's five low qualities"},
      {"jpeg",
       Kind::codec,
       1,
       100,
       false,
       "JPEG at a quality, 4:2:0 where coloured",
       "q",
       {{"scan", {"baseline", "progressive"}}, {"chroma", {"420", "422", "444"}}}},
      {"webp", Kind::codec, 0, 100, false, "lossy WebP at a quality", "q"},
      {"jpeg2000", Kind::codec, 15, 60, false, "JPEG 2000 at a PSNR in dB", "psnr"},
      {"h264",
       Kind::codec,
       1,
       51,
       false,
       "an H.264 intra frame at a constant rate factor",
       "crf",
       {{"range", {"limited", "full"}}, {"matrix", {"709", "601"}}}},
      {"h265",
       Kind::codec,
       1,
       51,
       false,
       "an H.265 intra frame at a constant rate factor",
       "crf",
       {{"range", {"limited", "full"}}, {"matrix", {"709", "601"}}}},
  };
  return infos;
}

std::string Link::canonical() const {
  std::string text = name + ":";
  if (max_bytes > 0) {
    text += std::to_string(max_bytes) + "B";
  } else {
    const OperatorInfo* info = find_operator(name);
    text += (info == nullptr ? "" : info->prefix) + std::to_string(level);
  }
  for (const std::string& option : options) text += "," + option;
  return text;
}

Condition Condition::parse(std::string_view text) {
  Condition condition;
  if (trimmed(text) == clean_name) return condition;
  for (std::string_view rest = text;;) {
    const auto arrow = rest.find('>');
    condition.links_.push_back(parse_link(text, trimmed(rest.substr(0, arrow))));
    if (arrow == std::string_view::npos) return condition;
    rest.remove_prefix(arrow + 1);
  }
}

Condition Condition::from_json(const core::JsonCursor& cursor) {
  const std::string text = cursor.string();
  try {
    return parse(text);
  } catch (const Error& error) {
    cursor.fail(error.where() + ": " + error.problem(), error.remedy());
  }
}

std::string Condition::canonical() const {
  if (links_.empty()) return std::string(clean_name);
  std::string text;
  for (const Link& link : links_) {
    if (!text.empty()) text += " > ";
    text += link.canonical();
  }
  return text;
}

}  // namespace automask::corruptions
