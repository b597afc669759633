#pragma once
// Conditions as data: named chains of corruptions and codecs. No pictures here, OpenCV is not needed.
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace automask::corruptions {

enum class Kind { corruption, codec };

// One operator as users may name it. Corruptions take a severity 1-5, codecs a quality ("q30").
struct OperatorInfo {
  std::string name;
  Kind kind;
  int low, high;  // range of the level: severity 1-5, JPEG quality 1-100
  bool stochastic;
  std::string summary;  // one line for help texts
};
const std::vector<OperatorInfo>& operator_infos();

struct Link {
  std::string name;  // an OperatorInfo's name
  int level = 0;     // severity or quality
  bool operator==(const Link&) const = default;
};

// `clean`, `shot_noise:2`, `shot_noise:2 > jpeg:q30`. canonical() is the one spelling used in keys and tables.
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
