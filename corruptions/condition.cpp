#include "corruptions/condition.h"

#include <algorithm>
#include <charconv>

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

std::string level_prefix(const OperatorInfo& info) { return info.kind == Kind::codec ? "q" : ""; }

// "write jpeg:q1 to jpeg:q100"
std::string level_remedy(const OperatorInfo& info) {
  const std::string prefix = info.name + ":" + level_prefix(info);
  return "write " + prefix + std::to_string(info.low) + " to " + prefix + std::to_string(info.high);
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
    std::vector<std::string> names;
    for (const auto& known : operator_infos()) names.push_back(known.name);
    fail(text, "unknown corruption or codec " + in_quotes(name), core::suggestion(name, names));
  }
  const char* what = info->kind == Kind::codec ? "quality" : "severity";
  if (colon == std::string_view::npos) fail(text, in_quotes(name) + " lacks its " + what, level_remedy(*info));

  const std::string_view written = trimmed(part.substr(colon + 1));
  std::string_view digits = written;
  const std::string prefix = level_prefix(*info);
  const bool has_prefix = digits.starts_with(prefix);
  if (has_prefix) digits.remove_prefix(prefix.size());
  int level = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), level);
  if (!has_prefix || error != std::errc() || end != digits.data() + digits.size() || level < info->low ||
      level > info->high)
    fail(text, in_quotes(written) + " is no " + what + " of " + name, level_remedy(*info));
  return {name, level};
}

}  // namespace

const std::vector<OperatorInfo>& operator_infos() {
  static const std::vector<OperatorInfo> infos = {
      {"gaussian_noise", Kind::corruption, 1, 5, true, "additive normal noise, as of a sensor in low light"},
      {"shot_noise", Kind::corruption, 1, 5, true, "Poisson noise of counted photons"},
      {"impulse_noise", Kind::corruption, 1, 5, true, "salt and pepper: values stuck at black or white"},
      {"defocus_blur", Kind::corruption, 1, 5, false, "a lens out of focus: blur by an antialiased disk"},
      {"brightness", Kind::corruption, 1, 5, false, "a raised HSV value, as of overexposure"},
      {"contrast", Kind::corruption, 1, 5, false, "values drawn towards the mean of their channel"},
      {"jpeg", Kind::codec, 1, 100, false, "JPEG at a quality, 4:2:0 where coloured"},
  };
  return infos;
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
    text += link.name + ":" + level_prefix(*find_operator(link.name)) + std::to_string(link.level);
  }
  return text;
}

}  // namespace automask::corruptions
