#pragma once
// Lists of classes and ground truths: text files that say which picture is of which class.
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace automask::datasets {

struct ClassList {
  std::vector<std::string> ids;    // folder names such as wnids, by label
  std::vector<std::string> names;  // the rest of each line; the id where there is none
  std::map<std::string, int, std::less<>> labels;
  int find(std::string_view id) const;  // -1: not among them
};

// One class a line, "id" or "id name". Error(steps_failed) names file and line: empty list, an id twice.
ClassList parse_class_list(std::string_view text, const std::string& file);
ClassList class_list_of(std::vector<std::string> ids);

// Labels of `paths`, which are sorted, by SourceOptions::ground_truth; see there for the formats.
std::vector<int> parse_ground_truth(std::string_view text, const std::string& file,
                                    const std::vector<std::string>& paths, const ClassList& classes,
                                    std::string_view ilsvrc_text, const std::string& ilsvrc_file);

}  // namespace automask::datasets
