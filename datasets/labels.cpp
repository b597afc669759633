#include "datasets/labels.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/error.h"
#include "core/json.h"

namespace automask::datasets {
namespace {

[[noreturn]] void fail(const std::string& file, std::size_t line, const std::string& problem,
                       const std::string& remedy = {}) {
  throw core::Error(core::ExitCode::steps_failed, line == 0 ? file : file + ": line " + std::to_string(line), problem,
                    remedy);
}

constexpr const char* add_class = "correct the line, or give the list that names its class";

std::string in_quotes(std::string_view text) {
  return core::Json(std::string(text.substr(0, 80))).dump(-1, ' ', false, core::Json::error_handler_t::replace);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // the byte order mark of some editors
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    std::string_view line = text.substr(start, end - start);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.remove_suffix(1);
    lines.push_back(line);
    start = end + 1;
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

// The first two fields, by blanks or commas.
std::pair<std::string_view, std::string_view> fields_of(std::string_view line) {
  constexpr std::string_view between = " \t,;";
  const std::size_t end = std::min(line.find_first_of(between), line.size());
  const std::size_t second = std::min(line.find_first_not_of(between, end), line.size());
  const std::string_view rest = line.substr(second);
  return {line.substr(0, end), rest.substr(0, std::min(rest.find_first_of(between), rest.size()))};
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view file_name(std::string_view path) { return path.substr(path.find_last_of('/') + 1); }
std::string_view stem(std::string_view name) { return name.substr(0, name.find_last_of('.')); }

std::map<int, int> parse_ilsvrc_ids(std::string_view text, const std::string& file, const ClassList& classes) {
  std::map<int, int> labels;
  const auto lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    const auto [id, wnid] = fields_of(lines[i]);
    const auto parsed = number(id);
    if (!parsed || wnid.empty())
      fail(file, i + 1, in_quotes(lines[i]) + " is no \"ILSVRC_ID WNID\"", "write lines such as \"1 n02119789\"");
    // The development kit's list goes on with inner nodes beyond the thousand classes: -1.
    if (!labels.emplace(*parsed, classes.find(wnid)).second)
      fail(file, i + 1, "names the ILSVRC id " + std::to_string(*parsed) + " a second time", "keep one of the lines");
  }
  return labels;
}

}  // namespace

int ClassList::find(std::string_view id) const {
  const auto found = labels.find(id);
  return found == labels.end() ? -1 : found->second;
}

ClassList class_list_of(std::vector<std::string> ids) {
  ClassList list;
  list.names = ids;
  list.ids = std::move(ids);
  for (std::size_t i = 0; i < list.ids.size(); ++i) list.labels.emplace(list.ids[i], static_cast<int>(i));
  return list;
}

ClassList parse_class_list(std::string_view text, const std::string& file) {
  ClassList list;
  const auto lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::size_t end = std::min(lines[i].find_first_of(" \t,"), lines[i].size());
    const std::size_t rest = std::min(lines[i].find_first_not_of(" \t,", end), lines[i].size());
    const std::string id(lines[i].substr(0, end));
    if (id.empty()) fail(file, i + 1, "names no class", "write one class a line, \"id\" or \"id name\"");
    if (!list.labels.emplace(id, static_cast<int>(list.ids.size())).second)
      fail(file, i + 1, "names the class " + in_quotes(id) + " a second time", "keep one of the lines");
    list.ids.push_back(id);
    list.names.emplace_back(rest == lines[i].size() ? lines[i].substr(0, end) : lines[i].substr(rest));
  }
  if (list.ids.empty()) fail(file, 0, "names no class", "write one class a line, \"id\" or \"id name\"");
  return list;
}

std::vector<int> parse_ground_truth(std::string_view text, const std::string& file,
                                    const std::vector<std::string>& paths, const ClassList& classes,
                                    std::string_view ilsvrc_text, const std::string& ilsvrc_file) {
  const auto lines = lines_of(text);
  const bool by_name =
      std::any_of(lines.begin(), lines.end(), [](const auto& line) { return !fields_of(line).second.empty(); });
  std::vector<int> labels(paths.size(), -1);
  if (!by_name) {
    if (lines.size() != paths.size())
      fail(file, 0, "has " + std::to_string(lines.size()) + " lines for " + std::to_string(paths.size()) + " pictures",
           "give one line a picture, in the order of their names");
    std::map<int, int> ilsvrc;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (const auto id = number(lines[i])) {
        if (ilsvrc_file.empty())
          fail(file, i + 1, "holds ILSVRC ids, which are in an order of their own",
               "give the list of ILSVRC ids, \"1 n02119789\" a line, as well");
        if (ilsvrc.empty()) ilsvrc = parse_ilsvrc_ids(ilsvrc_text, ilsvrc_file, classes);
        const auto found = ilsvrc.find(*id);
        if (found == ilsvrc.end())
          fail(file, i + 1, "ILSVRC id " + std::to_string(*id) + " is not in " + ilsvrc_file,
               "give the list of ids that belongs to this ground truth");
        if (found->second < 0)
          fail(file, i + 1, "ILSVRC id " + std::to_string(*id) + " is no class of the class list", add_class);
        labels[i] = found->second;
      } else if (labels[i] = classes.find(lines[i]); labels[i] < 0) {
        fail(file, i + 1, in_quotes(lines[i]) + " is no class of the class list", add_class);
      }
    }
    return labels;
  }

  std::map<std::string_view, std::size_t> places;  // by name, with and without extension
  for (std::size_t i = 0; i < paths.size(); ++i) {
    places.emplace(paths[i], i);
    places.emplace(file_name(paths[i]), i);
    places.emplace(stem(file_name(paths[i])), i);
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto [name, value] = fields_of(lines[i]);
    if (name.empty()) continue;
    auto place = places.find(name);
    if (place == places.end()) place = places.find(stem(file_name(name)));
    if (place == places.end()) continue;  // a header, or a picture that is not here
    int label = classes.find(value);
    if (const auto parsed = number(value); label < 0 && parsed) label = *parsed;
    if (label < 0 || static_cast<std::size_t>(label) >= classes.ids.size())
      fail(file, i + 1, in_quotes(value) + " is no class of the class list", add_class);
    if (labels[place->second] >= 0)
      fail(file, i + 1, "names the picture " + in_quotes(paths[place->second]) + " a second time",
           "keep one of the lines");
    labels[place->second] = label;
  }
  for (std::size_t i = 0; i < paths.size(); ++i)
    if (labels[i] < 0) fail(file, 0, "has no line for " + in_quotes(paths[i]), "add it, or remove the picture");
  return labels;
}

}  // namespace automask::datasets
