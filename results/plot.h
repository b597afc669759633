#pragma once
// Inside of the room: plots as SVG for one page. Colours come from the page's CSS variables (--s0 .. --s7, --ink,
// --soft, --grid, --paper), so that they follow light and dark; a series is told apart by its shape as well.
#include <limits>
#include <string>
#include <vector>

namespace automask::results::plot {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

// One value with its interval; `link` is a fragment of the page, `tip` what shows under the pointer.
struct Mark {
  double value = none, low = none, high = none;
  std::string link, tip;
};

// A row per category, in it a mark per series one below the other.
struct DotPlot {
  std::string title, axis;  // axis: name and unit
  std::vector<std::string> rows, series;
  std::vector<std::vector<Mark>> marks;  // [row][series]; value NaN: nothing there
};
std::string draw(const DotPlot& plot);

struct Scatter {
  std::string title, x_axis, y_axis;
  std::string (*x_label)(double) = nullptr;  // of a tick
  bool binary_ticks = false;                 // ticks at round KiB, MiB
  struct Point {
    std::string label;
    double x = none;
    Mark y;
    std::size_t series = 0;  // its colour and shape
    bool front = false;      // no other point is better on both axes; a line joins these
  };
  std::vector<Point> points;
};
std::string draw(const Scatter& plot);

// A row per series: median, p90 and p99 on one line.
struct Spread {
  std::string title, axis;
  struct Row {
    std::string label;
    Mark median;
    double p90 = none, p99 = none;
  };
  std::vector<Row> rows;
};
std::string draw(const Spread& plot);

// A row per series: lengths put one after the other.
struct Stack {
  std::string title, axis;
  std::vector<std::string> parts;
  struct Row {
    std::string label, total, link;
    std::vector<double> lengths;  // one a part; NaN counts as none
  };
  std::vector<Row> rows;
};
std::string draw(const Stack& plot);

// Round numbers that span [low, high]: steps of 1, 2 or 5 times a power of ten (of 1024 and two for bytes).
std::vector<double> nice_ticks(double low, double high, int about, bool binary = false);

}  // namespace automask::results::plot
