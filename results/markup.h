#pragma once
// Inside of the room: a writer of HTML and SVG that cannot be talked into markup by a name, and numbers for people.
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace automask::results {

// Invalid UTF-8 replaced by U+FFFD, the rest as it is.
std::string valid_utf8(std::string_view text);

// Text as it stands in HTML and SVG, in elements and in quoted attributes: markup characters escaped, control
// characters and invalid UTF-8 replaced.
std::string escaped(std::string_view text);

// An id or fragment made of any text: letters, digits, - and _ stay, others become .hex. Distinct texts stay distinct.
std::string anchor(std::string_view prefix, std::string_view text);

// Elements are closed in the order they were opened; close() knows the name, so that the page is always balanced.
class Markup {
 public:
  using Attributes = std::initializer_list<std::pair<std::string_view, std::string>>;

  Markup& open(std::string_view element, Attributes attributes = {});
  Markup& close();
  Markup& empty(std::string_view element, Attributes attributes = {});  // <element ... />
  Markup& text(std::string_view text);
  Markup& element(std::string_view element, Attributes attributes, std::string_view text);
  Markup& line();                     // a line break in the source, for those who read it
  Markup& trusted(std::string_view);  // markup written by this program, as it is

  // All that was written; everything must be closed.
  const std::string& str() const;

 private:
  void start(std::string_view element, Attributes attributes);
  std::string out_;
  std::vector<std::string> open_;
};

// 1234567 -> "1.23 M": four digits at most and an SI prefix, for MACs.
std::string si(double value);
// B, KiB, MiB, GiB.
std::string bytes(double value);
// Milliseconds with three significant digits.
std::string milliseconds(double value);

}  // namespace automask::results
