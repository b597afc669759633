#pragma once
// Conditions as data: named chains of corruptions and codecs. No pictures here, OpenCV is not needed.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace automask::corruptions {

enum class Kind { corruption, codec };

// A choice a codec leaves to the user: at most one of `choices` is written, the first holds where none is.
struct OptionGroup {
  std::string name;  // "chroma"
  std::vector<std::string> choices;
};

// One operator as users may name it. Corruptions take a severity 1-5, codecs a quality ("q30", "crf28") or the largest
// number of bytes ("4096B", "4KiB"), and options after commas ("progressive").
struct OperatorInfo {
  std::string name;
  Kind kind;
  int low, high;  // range of the level: severity 1-5, JPEG quality 1-100, CRF 1-51
  bool stochastic;
  std::string summary;      // one line for help texts
  std::string prefix = "";  // before the level: "q", "crf", "psnr"; empty for severities
  std::vector<OptionGroup> options = {};
};
const std::vector<OperatorInfo>& operator_infos();

struct Link {
  std::string name;                       // an OperatorInfo's name
  int level = 0;                          // severity or quality; 0 where a budget is given
  std::int64_t max_bytes = 0;             // codecs: the budget in [1, 1e9] that stands for the quality; 0: none
  std::vector<std::string> options = {};  // codecs: what differs from the defaults, in the order of the groups

  std::string canonical() const;  // "jpeg:q30,progressive"
  bool operator==(const Link&) const = default;
};

// `clean`, `shot_noise:2`, `shot_noise:2 > jpeg:q30,444`, `jpeg:4KiB`. canonical() is the one spelling used in keys and
// tables: sizes in bytes, defaults left out, options in the catalogue's order.
class Condition {
 public:
  Condition() = default;  // clean
  // Throws Error(usage) that names the faulty part, with "did you mean"; parse(canonical()) == *this.
  static Condition parse(std::string_view text);
  // The same from a manifest's string, errors with the cursor's file and pointer.
  static Condition from_json(const core::JsonCursor& cursor);

  const std::vector<Link>& links() const { return links_; }
  bool clean() const { return links_.empty(); }
  std::string canonical() const;
  bool operator==(const Condition&) const = default;

 private:
  std::vector<Link> links_;
};

}  // namespace automask::corruptions
